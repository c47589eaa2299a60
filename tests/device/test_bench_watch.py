"""What spoils figures is said: throttling, heat, a clock that wanders, company on the processor, too few runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from edge_hwr.device.bench import watch
from edge_hwr.device.bench.watch import BoardWatch, warnings_about
from edge_hwr.device.board import Condition

FINE = Condition(50.0, 2400.0, 2400.0, "performance", 0.1, (), ())


def seen(monkeypatch: pytest.MonkeyPatch, *conditions: Condition) -> dict[str, Any]:
    """The summary of a watch that sees these conditions, one after the other."""
    monkeypatch.setattr(watch, "_PERIOD_S", 0.0)
    looks: Iterator[Condition] = iter(conditions)
    board = BoardWatch(lambda: next(looks))
    for _ in conditions[2:]:
        board.sample()
    return board.summary()


@pytest.mark.parametrize(
    ("during", "complaint"),
    [
        (replace(FINE, flags=("throttled",)), "throttled during the run: figures are too slow; cool the board"),
        (replace(FINE, flags=("under-voltage", "throttled")), "use a stronger power supply"),
        (replace(FINE, temperature_c=84.6), "the processor reached 85 degrees"),
        (replace(FINE, clock_mhz=1500.0), "the clock went between 1500 and 2400 MHz (governor performance)"),
    ],
)
def test_what_happens_in_between_is_seen(during: Condition, complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (warning,) = warnings_about(seen(monkeypatch, FINE, FINE, during, FINE), [])
    assert complaint in warning


def test_a_clock_that_rests_before_and_after_is_no_wandering_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rest = replace(FINE, clock_mhz=1500.0)
    board = seen(monkeypatch, rest, FINE, FINE, rest)
    assert board["during"]["clock_mhz_min"] == 2400.0
    assert warnings_about(board, []) == []


def test_a_dip_between_two_looks_is_remembered_by_the_board(monkeypatch: pytest.MonkeyPatch) -> None:
    after = replace(FINE, past_flags=("under-voltage", "throttled"))
    (warning,) = warnings_about(seen(monkeypatch, FINE, after), [])
    assert "reported throttled, under-voltage during the run" in warning


def test_what_was_so_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = replace(FINE, load=2.5, past_flags=("under-voltage",))
    past, load = warnings_about(seen(monkeypatch, before, before), [])
    assert "under-voltage since it was started, though not during this run" in past
    assert "the load was 2.5" in load


def test_a_board_in_good_order_and_one_that_tells_nothing_give_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warnings_about(seen(monkeypatch, FINE, FINE, FINE), []) == []
    silent = Condition(None, None, None, None, None, None, None)
    summary = seen(monkeypatch, silent, silent, silent)
    assert warnings_about(summary, []) == []
    assert summary["during"]["flags"] is None


def one_series(**changes: Any) -> dict[str, Any]:
    series: dict[str, Any] = {
        "model": "digits",
        "kind": "frame",
        "threads": 1,
        "batch": None,
        "warm_up": {"runs": 40, "settled": True},
        "on_processor": 0.99,
        "stages": {"total": {"runs": 500}},
    }
    return {**series, **changes}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"warm_up": {"runs": 900, "settled": False}}, "had not settled after 900 runs"),
        ({"on_processor": 0.6}, "other programs took 40% of the processor's time"),
        ({"stages": {"total": {"runs": 99}}}, "too few runs (99) for a 99th percentile"),
    ],
)
def test_each_series_is_judged(changes: dict[str, Any], complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    board = seen(monkeypatch, FINE, FINE)
    assert warnings_about(board, [one_series()]) == []
    (warning,) = warnings_about(board, [one_series(**changes)])
    assert warning.startswith("digits, frame, 1 thread: ")
    assert complaint in warning


def test_a_second_thread_that_waits_is_no_company(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warnings_about(seen(monkeypatch, FINE, FINE), [one_series(threads=2, on_processor=0.5)]) == []
