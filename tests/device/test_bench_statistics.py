"""The bench's statistics: percentiles that are, and intervals that hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_hwr.device.bench.statistics import bootstrap_ratio, summarise

times = st.floats(min_value=1e-3, max_value=1e4)


@given(st.lists(st.lists(times, min_size=1, max_size=20), min_size=1, max_size=20))
def test_a_summary_keeps_every_run_and_the_order_of_the_percentiles(blocks: list[list[float]]) -> None:
    figures = summarise(blocks)
    assert figures["runs"] == sum(map(len, blocks))
    # Interpolation rounds: two equal times may give a percentile one unit in the last place apart.
    slack = 1 + 1e-9
    assert figures["p50"] <= figures["p90"] * slack
    assert figures["p90"] <= figures["p99"] * slack
    assert figures["p99"] <= figures["max"] * slack
    assert len(figures["blocks"]) == len(blocks)
    histogram = figures["histogram"]
    assert sum(histogram["counts"]) + histogram["beyond"] == figures["runs"]


def test_known_percentiles() -> None:
    figures = summarise([list(range(1, 51)), list(range(51, 102))])
    assert (figures["p50"], figures["p90"], figures["p99"], figures["max"]) == (51, 91, 100, 101)
    assert figures["mean"] == pytest.approx(51)
    assert figures["blocks"] == [25.5, 76]
    assert figures["histogram"]["beyond"] == 1


def test_the_interval_finds_a_difference_and_its_size() -> None:
    rng = np.random.default_rng(1)
    before, after = rng.lognormal(0, 0.05, 60), 1.2 * rng.lognormal(0, 0.05, 60)
    ratio = bootstrap_ratio(before.tolist(), after.tolist(), rng)
    assert 1.1 < ratio.low < ratio.value < ratio.high < 1.3


def test_the_interval_holds_one_as_often_as_it_should_when_nothing_differs() -> None:
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(200):
        ratio = bootstrap_ratio(rng.lognormal(0, 0.1, 30).tolist(), rng.lognormal(0, 0.1, 30).tolist(), rng)
        wrong += not ratio.low <= 1 <= ratio.high
    assert wrong <= 20  # 5 % are expected; a percentile interval of a median errs a little on the safe side
