"""The board's condition before, during and after the measurement, and what of it spoils the figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..board import Condition, condition
from ..wording import counted

_PERIOD_S = 1.0
_HOT_C = 80.0
_LEAST_CLOCK_SHARE = 0.9
_LEAST_PROCESSOR_SHARE = 0.9
_LEAST_RUNS_FOR_P99 = 100


class BoardWatch:
    """Samples the board's condition; `look` may be called as often as one likes and does so about once a second."""

    def __init__(self, look: Callable[[], Condition] = condition) -> None:
        self._look = look
        self.before = self.last = look()
        self._during: list[Condition] = []
        self._next = time.monotonic() + _PERIOD_S

    def sample(self) -> None:
        if time.monotonic() < self._next:
            return
        self.last = self._look()
        self._during.append(self.last)
        self._next = time.monotonic() + _PERIOD_S

    def summary(self) -> dict[str, Any]:
        """Before, during and after: of what varies in between, the extremes."""
        after = self._look()
        every = [self.before, *self._during, after]
        temperatures = [state.temperature_c for state in every if state.temperature_c is not None]
        # A clock that rests before and after says nothing of how fast it was.
        clocks = [state.clock_mhz for state in self._during or every if state.clock_mhz is not None]
        flags = [state.flags for state in every if state.flags is not None]
        return {
            "before": self.before.to_json(),
            "during": {
                "samples": len(every),
                "temperature_c_max": max(temperatures, default=None),
                "clock_mhz_min": min(clocks, default=None),
                "clock_mhz_max": max(clocks, default=None),
                "flags": sorted({flag for raised in flags for flag in raised}) if flags else None,
            },
            "after": after.to_json(),
        }


def warnings_about(board: Mapping[str, Any], series: Iterable[Mapping[str, Any]]) -> list[str]:
    """One line for each thing that makes figures of a report slower, or less certain, than they look."""
    found = _board_warnings(board)
    for one in series:
        name, total = describe_case(one), one["stages"]["total"]
        if not one["warm_up"]["settled"]:
            found.append(f"{name}: times had not settled after {one['warm_up']['runs']} runs of warm-up")
        share = one["on_processor"]
        if share is not None and one["threads"] == 1 and share < _LEAST_PROCESSOR_SHARE:
            found.append(f"{name}: other programs took {1 - share:.0%} of the processor's time: end them and repeat")
        if total["runs"] < _LEAST_RUNS_FOR_P99:
            found.append(f"{name}: too few runs ({total['runs']}) for a 99th percentile: measure for longer")
    return found


def describe_case(series: Mapping[str, Any]) -> str:
    """A series' case in words: "digits, frame, 1 thread" or "digits, invoke of 8, 2 threads"."""
    what = "frame" if series["kind"] == "frame" else f"invoke of {series['batch']}"
    return f"{series['model']}, {what}, {counted(series['threads'], 'thread')}"


def _board_warnings(board: Mapping[str, Any]) -> list[str]:
    before, during = board["before"], board["during"]
    found = []
    # A dip between two samples is seen by what the board remembers of it.
    remembered = set(board["after"]["past_flags"] or []) - set(before["past_flags"] or [])
    raised = sorted({*(during["flags"] or []), *remembered})
    if raised:
        remedy = "use a stronger power supply" if "under-voltage" in raised else "cool the board"
        found.append(f"the board reported {', '.join(raised)} during the run: figures are too slow; {remedy}")
    past = [flag for flag in before["past_flags"] or [] if flag not in raised]
    if past:
        found.append(f"the board has reported {', '.join(past)} since it was started, though not during this run")
    hottest = during["temperature_c_max"]
    if hottest is not None and hottest >= _HOT_C:
        found.append(f"the processor reached {hottest:.0f} degrees: it slows down from 80 on; cool the board")
    slowest, fastest = during["clock_mhz_min"], during["clock_mhz_max"]
    if slowest is not None and slowest < _LEAST_CLOCK_SHARE * fastest:
        found.append(
            f"the clock went between {slowest:.0f} and {fastest:.0f} MHz (governor {before['governor'] or 'unknown'}): "
            "set the governor to performance for steadier figures"
        )
    if before["load"] is not None and before["load"] >= 1:
        found.append(f"the load was {before['load']:.1f} before the run began: other programs were busy")
    return found
