"""How good a reading is: accuracy, character and word error rates, calibration, coverage, percentiles of times."""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

_FEWEST = 10
"""Of fewer writers, or samples, nothing is said about others."""

_NORMAL = 1.959964
"""So many standard deviations to either side of its mean lie 95 % of a normal distribution."""


def accuracy(truths: Sequence[str], guesses: Sequence[str]) -> float:
    """Share of the guesses that are right, 0..1."""
    _check(truths, guesses)
    return sum(_nfc(t) == _nfc(g) for t, g in zip(truths, guesses, strict=True)) / len(truths)


def accuracy_caseless(truths: Sequence[str], guesses: Sequence[str]) -> float:
    """Share of the guesses that are right but for capital or small letters, 0..1."""
    return accuracy([text.casefold() for text in truths], [text.casefold() for text in guesses])


class Edits(NamedTuple):
    """What it takes to make each of some guesses its truth, and the truths' lengths: both int64 (N,)."""

    errors: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @property
    def rate(self) -> float:
        """Of all together; it may exceed 1. `ValueError` when the truths are all empty."""
        if not self.lengths.any():
            raise ValueError("an error rate needs truths that are not all empty")
        return float(self.errors.sum() / self.lengths.sum())


def character_edits(truths: Sequence[str], guesses: Sequence[str]) -> Edits:
    """In characters of Unicode's composed form (NFC), blanks counted."""
    return _edits([_nfc(text) for text in truths], [_nfc(text) for text in guesses])


def character_error_rate(truths: Sequence[str], guesses: Sequence[str]) -> float:
    """Edit distance in characters (NFC, blanks counted) of all texts, over the number of characters of the truths.

    It may exceed 1. `ValueError` when the truths have no characters at all.
    """
    return character_edits(truths, guesses).rate


def word_error_rate(truths: Sequence[str], guesses: Sequence[str]) -> float:
    """Edit distance in words (NFC, split at white space) of all texts, over the number of words of the truths."""
    return _edits([_nfc(text).split() for text in truths], [_nfc(text).split() for text in guesses]).rate


def edit_distance(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Fewest insertions, deletions and substitutions that turn one sequence into the other (V. Levenshtein, 1966)."""
    costs = list(range(len(second) + 1))
    for item in first:
        costs = _costs_below(costs, item, second)
    return costs[-1]


class Aligned(NamedTuple):
    """Two items of two sequences that belong together, by their places; None where one of them has no counterpart."""

    first: int | None
    second: int | None


def align(first: Sequence[Hashable], second: Sequence[Hashable]) -> list[Aligned]:
    """Which items of two sequences belong together, in order, when they differ by as few edits as `edit_distance` says.

    Where several alignments are as good, items rather stand beside each other than alone (R. Wagner and M. Fischer,
    "The string-to-string correction problem", 1974).
    """
    rows = [list(range(len(second) + 1))]
    for item in first:
        rows.append(_costs_below(rows[-1], item, second))
    pairs = []
    row, column = len(first), len(second)
    while row or column:
        cost = rows[row][column]
        if row and column and cost == rows[row - 1][column - 1] + (first[row - 1] != second[column - 1]):
            row, column = row - 1, column - 1
            pairs.append(Aligned(row, column))
        elif row and cost == rows[row - 1][column] + 1:
            row -= 1
            pairs.append(Aligned(row, None))
        else:
            column -= 1
            pairs.append(Aligned(None, column))
    return pairs[::-1]


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """A reliability diagram: equal-width bins of confidence, each with what was claimed in it and what came true.

    `samples` int (B,); `confidence` and `accuracy` float (B,) are means over the samples of a bin, NaN where there are
    none. `error` is the expected calibration error, the mean gap between the two weighted by the samples, 0..1.
    """

    samples: NDArray[np.intp]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    error: float


def reliability(confidences: ArrayLike, correct: ArrayLike, bins: int = 15) -> Reliability:
    """Compare confidences 0..1 (N,) with what was right, bool (N,).

    M. Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015. `ValueError` for
    arrays of different lengths, or none.
    """
    confidence, right = _check_outcomes(confidences, correct)
    bin_of = np.minimum((confidence * bins).astype(np.intp), bins - 1)
    samples = np.bincount(bin_of, minlength=bins)
    claimed, came_true = np.bincount(bin_of, confidence, bins), np.bincount(bin_of, right, bins)
    of = np.where(samples, samples, np.nan)
    return Reliability(
        samples=samples,
        confidence=claimed / of,
        accuracy=came_true / of,
        error=float(np.abs(came_true - claimed).sum() / confidence.size),
    )


def expected_calibration_error(confidences: ArrayLike, correct: ArrayLike, bins: int = 15) -> float:
    """The `error` of `reliability`."""
    return reliability(confidences, correct, bins).error


@dataclass(frozen=True, slots=True, eq=False)
class CoverageCurve:
    """The error among the most confident samples (the risk-coverage curve), 0..1 both, at rising coverage.

    R. El-Yaniv and Y. Wiener, "On the foundations of noise-free selective classification", JMLR 2010. There is one
    point for each different confidence; the last is at a coverage of 1.
    """

    coverage: NDArray[np.float64]
    error: NDArray[np.float64]

    def error_at(self, coverage: float) -> float:
        """The error when this share of the samples, 0 to 1 but not 0, is read and the rest is rejected.

        Samples of one confidence cannot be told apart: a coverage that parts them has its share of their errors.
        """
        wrong = np.concatenate([[0.0], self.coverage * self.error])
        return float(np.interp(coverage, np.concatenate([[0.0], self.coverage]), wrong) / coverage)


def coverage_curve(confidences: ArrayLike, correct: ArrayLike) -> CoverageCurve:
    """The curve of confidences (N,) and of what was right, bool (N,); `ValueError` as `reliability`."""
    confidence, right = _check_outcomes(confidences, correct)
    levels, level_of = np.unique(-confidence, return_inverse=True)
    read = np.cumsum(np.bincount(level_of, minlength=len(levels)))
    wrong = np.cumsum(np.bincount(level_of, 1 - right, len(levels)))
    return CoverageCurve(coverage=read / confidence.size, error=wrong / read)


def wilson_interval(right: ArrayLike, samples: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the true shares lie with 95 % confidence, low and high, when `right` of `samples` (1 or more) were right.

    E. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
    """
    z = _NORMAL
    n = np.asarray(samples, np.float64)
    share = np.asarray(right, np.float64) / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a rate lies, with 95 % confidence, for others like those it was measured on: `count` writers, or samples
    where fewer than ten writers are named, or none."""

    low: float
    high: float
    count: int
    of: Literal["writers", "samples"]


def rate_interval(errors: ArrayLike, sizes: ArrayLike, owners: Sequence[Hashable]) -> Interval | None:
    """Where a rate lies, by the errors of each sample, its size, which they are counted by, and whose it is.

    Samples of one writer are wrong together, so writers count where there are ten or more. Samples that count by
    themselves and are right or wrong have a `wilson_interval`; otherwise see `difference_interval`. None with fewer
    than ten samples, and without an error where it is not told how many there might have been.
    """
    wrong, size, of = _by_owner(errors, sizes, owners)
    if len(wrong) >= _FEWEST and of == "samples" and (size == 1).all() and (wrong <= 1).all():
        low, high = wilson_interval(wrong.sum(), len(wrong))
        return Interval(float(low), float(high), len(wrong), of)
    found = _ratio_interval(wrong, size, of)
    return found and replace(found, low=max(found.low, 0.0))


def difference_interval(more: ArrayLike, sizes: ArrayLike, owners: Sequence[Hashable]) -> Interval | None:
    """As `rate_interval`, by how many errors of each sample are more than those of another reading of it.

    A ratio of sums, whose variance W. Cochran gives ("Sampling Techniques", 1977, chapter 6), with Student's t. None
    with fewer than ten samples, and where both readings err alike.
    """
    return _ratio_interval(*_by_owner(more, sizes, owners))


def percentiles(values: ArrayLike, shares: Sequence[int] = (50, 90, 99)) -> dict[str, float]:
    """Percentiles by name: {"p50": …, "p90": …, "p99": …}, linear between the samples."""
    points = np.percentile(np.asarray(values, np.float64), shares)
    return {f"p{share}": float(point) for share, point in zip(shares, points, strict=True)}


def _costs_below(above: Sequence[int], item: Hashable, second: Sequence[Hashable]) -> list[int]:
    """The edits from a sequence and an item behind it to each start of `second`, given those from it alone."""
    costs = [above[0] + 1]
    for column, other in enumerate(second, start=1):
        costs.append(min(above[column] + 1, costs[-1] + 1, above[column - 1] + (item != other)))
    return costs


def _edits(truths: Sequence[Sequence[str]], guesses: Sequence[Sequence[str]]) -> Edits:
    _check(truths, guesses)
    errors = [edit_distance(truth, guess) for truth, guess in zip(truths, guesses, strict=True)]
    return Edits(np.array(errors, np.int64), np.array([len(truth) for truth in truths], np.int64))


def _by_owner(
    errors: ArrayLike, sizes: ArrayLike, owners: Sequence[Hashable]
) -> tuple[NDArray[np.float64], NDArray[np.float64], Literal["writers", "samples"]]:
    """The errors and sizes of writers, if they are many enough and have several samples, otherwise of samples."""
    if not _FEWEST <= len(set(owners)) < len(owners):
        return np.asarray(errors, np.float64), np.asarray(sizes, np.float64), "samples"
    place = {owner: index for index, owner in enumerate(dict.fromkeys(owners))}
    belongs = [place[owner] for owner in owners]
    wrong, size = (np.bincount(belongs, np.asarray(counts)).astype(np.float64) for counts in (errors, sizes))
    return wrong, size, "writers"


def _ratio_interval(
    wrong: NDArray[np.float64], size: NDArray[np.float64], of: Literal["writers", "samples"]
) -> Interval | None:
    count, total = len(wrong), float(size.sum())
    if count < _FEWEST or not wrong.any() or not total:
        return None
    rate = float(wrong.sum()) / total
    spread = float(((wrong - rate * size) ** 2).sum())
    half = _student(count - 1) * (count / (count - 1) * spread) ** 0.5 / total
    return Interval(rate - half, rate + half, count, of)


def _student(degrees: int) -> float:
    """As `_NORMAL`, of Student's t with nine degrees of freedom or more, to three digits (M. Abramowitz and I. Stegun,
    "Handbook of Mathematical Functions", 1964, 26.7.5)."""
    z, n = _NORMAL, degrees
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / n + second / n**2 + third / n**3


def _check(truths: Sequence[object], guesses: Sequence[object]) -> None:
    if len(truths) != len(guesses) or not truths:
        raise ValueError(f"needs one guess for each truth, not {len(guesses)} for {len(truths)}")


def _check_outcomes(confidences: ArrayLike, correct: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    confidence, right = np.asarray(confidences, np.float64), np.asarray(correct, np.float64)
    if confidence.shape != right.shape or confidence.size == 0:
        raise ValueError(f"needs one confidence for each sample, not {confidence.shape} for {right.shape}")
    return confidence, right


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
