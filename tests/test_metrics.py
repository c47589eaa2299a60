"""Measures of a reading against values worked out by hand, and against what must hold for any text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from edge_hwr.metrics import (
    Interval,
    accuracy,
    accuracy_caseless,
    align,
    character_error_rate,
    coverage_curve,
    difference_interval,
    edit_distance,
    expected_calibration_error,
    percentiles,
    rate_interval,
    reliability,
    wilson_interval,
    word_error_rate,
)

texts = st.text("abc é", max_size=12)


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("abc", "abc", 0), ("ab", "ba", 2)],
)
def test_edit_distances_from_the_textbook(first: str, second: str, distance: int) -> None:
    assert edit_distance(first, second) == distance


@given(texts, texts, texts)
def test_edit_distance_is_a_metric(a: str, b: str, c: str) -> None:
    assert edit_distance(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


@given(texts, texts)
def test_an_alignment_has_every_item_once_and_no_more_edits_than_needed(a: str, b: str) -> None:
    pairs = align(a, b)
    assert [pair.first for pair in pairs if pair.first is not None] == list(range(len(a)))
    assert [pair.second for pair in pairs if pair.second is not None] == list(range(len(b)))
    differing = [pair for pair in pairs if pair.first is None or pair.second is None or a[pair.first] != b[pair.second]]
    assert len(differing) == edit_distance(a, b)


def test_alignments_worked_out_by_hand() -> None:
    assert align("abc", "ac") == [(0, 0), (1, None), (2, 1)]
    assert align("ac", "abc") == [(0, 0), (None, 1), (1, 2)]
    assert align("ab", "ba") == [(0, 0), (1, 1)], "beside each other rather than alone"


def test_accuracies() -> None:
    truths, guesses = ["a", "B", "c", "é"], ["a", "b", "x", "e\N{COMBINING ACUTE ACCENT}"]
    assert accuracy(truths, guesses) == 0.5
    assert accuracy_caseless(truths, guesses) == 0.75


def test_error_rates_weigh_texts_by_their_length() -> None:
    truths, guesses = ["abcdefgh", "xy"], ["abcdefgh", "ab"]
    assert character_error_rate(truths, guesses) == pytest.approx(0.2)
    assert word_error_rate(["the cat sat", "on it"], ["the  cat sit", "on"]) == pytest.approx(0.4)
    assert character_error_rate(["ab"], ["a b"]) == pytest.approx(0.5), "blanks count"
    assert character_error_rate(["\N{LATIN SMALL LETTER E WITH ACUTE}"], ["e\N{COMBINING ACUTE ACCENT}"]) == 0


def test_rates_of_nothing_are_refused() -> None:
    for rate in (accuracy, character_error_rate, word_error_rate):
        with pytest.raises(ValueError, match="one guess for each truth"):
            rate([], [])
        with pytest.raises(ValueError, match="one guess for each truth"):
            rate(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="not all empty"):
        character_error_rate([""], ["a"])


def test_calibration_error() -> None:
    # Ten samples at 0.75, of which five are right, and ten at 1.0, all right: half of the samples are off by 0.25.
    confidences = [0.75] * 10 + [1.0] * 10
    correct = [True] * 5 + [False] * 5 + [True] * 10
    assert expected_calibration_error(confidences, correct) == pytest.approx(0.125)
    rng = np.random.default_rng(3)
    honest = rng.uniform(0, 1, 20_000)
    assert expected_calibration_error(honest, rng.uniform(0, 1, 20_000) < honest) < 0.02
    with pytest.raises(ValueError, match="one confidence for each sample"):
        expected_calibration_error([], [])


def test_reliability_by_bin() -> None:
    found = reliability([0.1, 0.6, 0.9, 1.0], [False, True, True, False], bins=2)
    assert found.samples.tolist() == [1, 3]
    assert found.confidence == pytest.approx([0.1, 2.5 / 3])
    assert found.accuracy == pytest.approx([0.0, 2 / 3])
    assert found.error == pytest.approx((0.1 + 0.5) / 4)
    empty = reliability([0.9], [True], bins=2)
    assert np.isnan(empty.accuracy[0])
    assert empty.error == pytest.approx(0.1)


def test_rejecting_the_least_sure_leaves_their_errors_out() -> None:
    confidences = np.linspace(1, 0, 100)
    correct = np.arange(100) < 90  # the ten of least confidence are wrong
    curve = coverage_curve(confidences, correct)
    assert curve.error_at(1) == pytest.approx(0.10)
    assert curve.error_at(0.95) == pytest.approx(5 / 95)
    assert curve.error_at(0.9) == 0
    assert (curve.coverage[-1], curve.error[-1]) == (1, pytest.approx(0.10))
    with pytest.raises(ValueError, match="one confidence for each sample"):
        coverage_curve([0.5], [])


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1), st.randoms(use_true_random=False))
def test_coverage_does_not_depend_on_the_order_of_samples(outcomes: list[tuple[int, bool]], random) -> None:  # type: ignore[no-untyped-def]
    """Int8 scores make many confidences equal: which of them comes first must not matter."""

    def curve(pairs: list[tuple[int, bool]]) -> list[float]:
        found = coverage_curve([level / 8 for level, _ in pairs], [right for _, right in pairs])
        return [found.error_at(share) for share in (0.05, 0.5, 0.95, 1.0)]

    before = curve(outcomes)
    random.shuffle(outcomes)
    assert curve(outcomes) == pytest.approx(before)
    assert all(0 <= error <= 1 for error in before)
    assert before[-1] == pytest.approx(sum(not right for _, right in outcomes) / len(outcomes))


def test_intervals_of_shares() -> None:
    # 81 of 263: the example of R. Newcombe, Statistics in Medicine 17 (1998), whose score interval is 0.2553 to 0.3662.
    low, high = wilson_interval([81, 0, 10], [263, 10, 10])
    assert (low[0], high[0]) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert low[1] == 0
    assert 0.25 < high[1] < 0.35
    assert high[2] == pytest.approx(1)


def test_a_rate_is_as_certain_as_its_writers_are_many() -> None:
    rng = np.random.default_rng(7)
    errors, lengths = rng.binomial(40, 0.1, 400), np.full(400, 40)
    found = _interval(errors, lengths, range(400))
    # Of 16,000 characters drawn one by one: 0.1 and 1.96 standard deviations of a binomial share to either side.
    share = errors.sum() / lengths.sum()
    assert (found.low, found.high) == pytest.approx((share - 0.00465, share + 0.00465), abs=0.0005)
    assert (found.count, found.of) == (400, "samples")
    # The same errors by 20 writers of whom some are read well and others badly.
    together = np.sort(errors)
    apart = _interval(together, lengths, [index // 20 for index in range(400)])
    assert apart.high - apart.low > 2 * (found.high - found.low)
    assert (apart.count, apart.of) == (20, "writers")
    # Few writers tell nothing of others: their lines are counted, not they.
    of_four = [index // 100 for index in range(400)]
    assert _interval(together, lengths, of_four) == _interval(together, lengths, range(400))


def test_intervals_of_rates_hold_what_they_promise() -> None:
    """Of 400 times that 13 writers are met, 95 % should have the true rate in their interval."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        rates = np.repeat(rng.gamma(4, 0.025, 13), 20)  # 0.1 in the mean, and half as much up or down
        found = _interval(rng.binomial(40, np.minimum(rates, 1)), np.full(260, 40), np.repeat(range(13), 20).tolist())
        held += found.low <= 0.1 <= found.high
    assert 0.90 < held / 400 < 0.98


def test_single_characters_have_the_interval_of_shares() -> None:
    low, high = wilson_interval(1, 200)
    assert _interval([1] + [0] * 199, [1] * 200, range(200)) == Interval(float(low), float(high), 200, "samples")
    assert _interval([0] * 200, [1] * 200, range(200)).high == pytest.approx(0.019, abs=0.001)


def test_of_what_no_interval_is_told() -> None:
    assert rate_interval([1] * 9, [5] * 9, range(9)) is None
    assert rate_interval([0] * 50, [5] * 50, range(50)) is None
    assert rate_interval([2] * 50, [0] * 50, range(50)) is None
    assert difference_interval([0] * 50, [5] * 50, range(50)) is None


def _interval(errors: ArrayLike, sizes: ArrayLike, owners: Sequence[int]) -> Interval:
    found = rate_interval(errors, sizes, owners)
    assert found is not None
    return found


def test_percentiles() -> None:
    assert percentiles(range(101)) == {"p50": 50, "p90": 90, "p99": 99}
    assert percentiles([3.0], [50]) == {"p50": 3.0}
