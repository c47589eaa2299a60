"""Timing by turns: every case gets its block of runs in every round, in random order."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

Run = Callable[[], Mapping[str, float]]
"""Does once what is measured; gives milliseconds by stage, the whole in "total"."""

_WINDOW = 10
_SETTLED = 0.02
_WARM_UP_S = 3.0
_BLOCK_MS = 10.0
_LEAST_BLOCK, _LARGEST_BLOCK = 8, 250


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to measure: `seconds` for all cases together, or `runs` of each."""

    seconds: float = math.inf
    runs: int | None = None


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How many runs went by before the times stood still, and whether they did."""

    runs: int
    settled: bool


@dataclass(slots=True)
class Timings:
    """The timings of one case: milliseconds by stage, in blocks of consecutive runs.

    `on_processor` is the share of the time that this thread really had a processor: what is missing went to other
    programs, or was spent waiting for the model's other threads.
    """

    warm_up: WarmUp
    blocks: dict[str, list[list[float]]] = field(default_factory=dict)
    processor_s: float = 0.0
    elapsed_s: float = 0.0

    @property
    def runs(self) -> int:
        return sum(len(block) for block in self.blocks.get("total", ()))

    @property
    def on_processor(self) -> float:
        return min(1.0, self.processor_s / self.elapsed_s) if self.elapsed_s else 1.0

    def add(self, block: Sequence[Mapping[str, float]]) -> None:
        for stage in block[0]:
            self.blocks.setdefault(stage, []).append([times.get(stage, 0.0) for times in block])


def warm_up(run: Run) -> WarmUp:
    """Run until the medians of two successive windows of ten runs differ by less than 2 %, or for three seconds."""
    deadline = time.monotonic() + _WARM_UP_S
    before, runs = 0.0, 0
    while True:
        window = []
        for _ in range(_WINDOW):
            window.append(run()["total"])
            runs += 1
            if time.monotonic() > deadline:
                return WarmUp(runs, settled=False)
        median = float(np.median(window))
        if abs(median - before) <= _SETTLED * before:
            return WarmUp(runs, settled=True)
        before = median


def measure_by_turns(
    cases: Sequence[Run], budget: Budget, rng: np.random.Generator, between: Callable[[], object] = lambda: None
) -> list[Timings]:
    """Warm every case up, then measure them in rounds until the budget is used up; at least one round is whole.

    `between` is called before each block, untimed.
    """
    timings = [Timings(warm_up(case)) for case in cases]
    sizes = [_block_size(case) for case in cases]
    deadline = time.monotonic() + budget.seconds
    first = True
    while first or time.monotonic() < deadline:
        for index in rng.permutation(len(cases)).tolist():
            if not first and time.monotonic() >= deadline:
                break
            size = sizes[index] if budget.runs is None else min(sizes[index], budget.runs - timings[index].runs)
            if size > 0:
                between()
                _measure_block(cases[index], size, timings[index])
        first = False
        if budget.runs is not None and min(timing.runs for timing in timings) >= budget.runs:
            break
    return timings


def _measure_block(case: Run, size: int, timings: Timings) -> None:
    case()  # brings the caches back to this case; not counted
    started, processor = time.monotonic(), time.thread_time()
    block = [case() for _ in range(size)]
    timings.processor_s += time.thread_time() - processor
    timings.elapsed_s += time.monotonic() - started
    timings.add(block)


def _block_size(case: Run) -> int:
    """Runs that take some ten milliseconds: fewer would measure the turn-taking, more would let the clock drift."""
    size = math.ceil(_BLOCK_MS / max(1e-4, min(case()["total"] for _ in range(3))))
    return min(max(size, _LEAST_BLOCK), _LARGEST_BLOCK)
