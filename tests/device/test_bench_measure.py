"""How the bench measures: warm-up by rule, and turns that let nothing favour one case."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import chain, repeat

import numpy as np
import pytest

from edge_hwr.device.bench import measure
from edge_hwr.device.bench.measure import Budget, Run, measure_by_turns, warm_up


def replay(times: Iterator[float]) -> Run:
    return lambda: {"total": next(times)}


def named(calls: list[str], name: str, ms: float) -> Run:
    def run() -> dict[str, float]:
        calls.append(name)
        return {"total": ms, "invoke": ms / 2}

    return run


def test_warm_up_ends_when_the_times_stand_still() -> None:
    falling = chain(np.linspace(50, 10, 40).tolist(), repeat(10.0))
    warmed = warm_up(replay(falling))
    assert (warmed.runs, warmed.settled) == (60, True)


def test_warm_up_gives_up_in_time_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "_WARM_UP_S", 0.05)
    growing = (1.01**number for number in range(10**9))
    started = time.monotonic()
    assert not warm_up(replay(growing)).settled
    assert time.monotonic() - started < 2


def test_turns_are_whole_rounds_in_random_order() -> None:
    calls: list[str] = []
    cases = [named(calls, name, 5.0) for name in "abc"]
    timings = measure_by_turns(cases, Budget(runs=80), np.random.default_rng(0))
    assert [timing.runs for timing in timings] == [80, 80, 80]
    assert all(len(timing.blocks["invoke"]) == len(timing.blocks["total"]) == 10 for timing in timings)
    measured = "".join(calls)[-3 * 9 * 10 :]  # a block is nine calls, of which the first is not counted
    rounds = [measured[start : start + 27 : 9] for start in range(0, len(measured), 27)]
    assert all(sorted(order) == ["a", "b", "c"] for order in rounds)
    assert len(set(rounds)) > 2


def test_a_drift_that_meets_all_cases_favours_none() -> None:
    """The machine becomes three times slower while it measures two things that cost the same."""
    clock = [1.0]

    def case() -> dict[str, float]:
        clock[0] *= 1.0005
        return {"total": 20 * clock[0]}

    first, second = measure_by_turns([case, case], Budget(runs=400), np.random.default_rng(0))
    medians = [np.median(np.concatenate(timing.blocks["total"])) for timing in (first, second)]
    assert medians[1] / medians[0] == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("budget", [Budget(seconds=1e-9), Budget(runs=1)])
def test_the_smallest_budget_still_measures_every_case(budget: Budget) -> None:
    timings = measure_by_turns([lambda: {"total": 20.0}] * 3, budget, np.random.default_rng(0))
    assert all(timing.runs >= 1 for timing in timings)


def test_so_many_runs_are_so_many_of_fast_cases_and_of_slow_ones() -> None:
    cases = [lambda ms=ms: {"total": ms} for ms in (0.1, 3.0, 20.0)]  # type: ignore[misc]
    timings = measure_by_turns(cases, Budget(runs=50), np.random.default_rng(0))
    assert [timing.runs for timing in timings] == [50, 50, 50]


def test_time_lost_to_others_is_seen() -> None:
    def wait() -> dict[str, float]:
        time.sleep(0.002)  # the processor goes to somebody else
        return {"total": 2.0}

    def work() -> dict[str, float]:
        end = time.thread_time() + 0.002
        while time.thread_time() < end:
            pass
        return {"total": 2.0}

    shares = [
        measure_by_turns([case], Budget(runs=20), np.random.default_rng(0))[0].on_processor for case in (wait, work)
    ]
    assert shares[0] < 0.5 * shares[1]


def test_something_else_may_be_done_between_the_blocks() -> None:
    seen: list[int] = []
    look: Callable[[], None] = lambda: seen.append(1)  # noqa: E731, shorter than a function
    measure_by_turns([lambda: {"total": 5.0}], Budget(runs=32), np.random.default_rng(0), look)
    assert len(seen) == 4
