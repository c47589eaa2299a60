"""How good a reading is: accuracy, character and word error rates, calibration, percentiles of times."""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike


def accuracy(truths: Sequence[str], guesses: Sequence[str]) -> float:
    """Share of the guesses that are right, 0..1."""
    _check(truths, guesses)
    return sum(_nfc(t) == _nfc(g) for t, g in zip(truths, guesses, strict=True)) / len(truths)


def accuracy_caseless(truths: Sequence[str], guesses: Sequence[str]) -> float:
    """Share of the guesses that are right but for capital or small letters, 0..1."""
    return accuracy([text.casefold() for text in truths], [text.casefold() for text in guesses])


def character_error_rate(truths: Sequence[str], guesses: Sequence[str]) -> float:
    """Edit distance in characters (NFC, blanks counted) of all texts, over the number of characters of the truths.

    It may exceed 1. `ValueError` when the truths have no characters at all.
    """
    return _error_rate([_nfc(text) for text in truths], [_nfc(text) for text in guesses])


def word_error_rate(truths: Sequence[str], guesses: Sequence[str]) -> float:
    """Edit distance in words (NFC, split at white space) of all texts, over the number of words of the truths."""
    return _error_rate([_nfc(text).split() for text in truths], [_nfc(text).split() for text in guesses])


def edit_distance(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Fewest insertions, deletions and substitutions that turn one sequence into the other (V. Levenshtein, 1966)."""
    above = list(range(len(second) + 1))
    for row, a in enumerate(first, start=1):
        current = [row]
        for column, b in enumerate(second, start=1):
            current.append(min(above[column] + 1, current[-1] + 1, above[column - 1] + (a != b)))
        above = current
    return above[-1]


def expected_calibration_error(confidences: ArrayLike, correct: ArrayLike, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal-width bins, weighted by their samples, 0..1.

    M. Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.
    """
    confidence = np.asarray(confidences, np.float64)
    right = np.asarray(correct, np.float64)
    if confidence.shape != right.shape or confidence.size == 0:
        raise ValueError(f"needs one confidence for each sample, not {confidence.shape} for {right.shape}")
    bin_of = np.minimum((confidence * bins).astype(np.intp), bins - 1)
    gap = np.bincount(bin_of, right - confidence, bins)
    return float(np.abs(gap).sum() / confidence.size)


def percentiles(values: ArrayLike, shares: Sequence[int] = (50, 90, 99)) -> dict[str, float]:
    """Percentiles by name: {"p50": …, "p90": …, "p99": …}, linear between the samples."""
    points = np.percentile(np.asarray(values, np.float64), shares)
    return {f"p{share}": float(point) for share, point in zip(shares, points, strict=True)}


def _error_rate(truths: Sequence[Sequence[str]], guesses: Sequence[Sequence[str]]) -> float:
    _check(truths, guesses)
    errors = sum(edit_distance(truth, guess) for truth, guess in zip(truths, guesses, strict=True))
    length = sum(len(truth) for truth in truths)
    if length == 0:
        raise ValueError("an error rate needs truths that are not all empty")
    return errors / length


def _check(truths: Sequence[object], guesses: Sequence[object]) -> None:
    if len(truths) != len(guesses) or not truths:
        raise ValueError(f"needs one guess for each truth, not {len(guesses)} for {len(truths)}")


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
