"""Measures of a reading against values worked out by hand, and against what must hold for any text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_hwr.metrics import (
    accuracy,
    accuracy_caseless,
    character_error_rate,
    edit_distance,
    expected_calibration_error,
    percentiles,
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


def test_percentiles() -> None:
    assert percentiles(range(101)) == {"p50": 50, "p90": 90, "p99": 99}
    assert percentiles([3.0], [50]) == {"p50": 3.0}
