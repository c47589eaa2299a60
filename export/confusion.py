"""Which characters are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_hwr.metrics import wilson_interval

NOTHING = ""
"""The reading of bare paper."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One character taken for another, `count` times of the `samples` of it."""

    truth: str
    guess: str
    count: int
    samples: int


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    """How well one character is read: the share `accuracy` of its samples, within `low` and `high` at 95 %."""

    text: str
    samples: int
    accuracy: float
    low: float
    high: float
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """The confusion matrix: `counts` int (T, G), of samples of `truths[t]` that were read as `guesses[g]`.

    The first T guesses are the truths in their order, then come those that occur as mistakes alone.
    """

    truths: tuple[str, ...]
    guesses: tuple[str, ...]
    counts: npt.NDArray[np.intp]

    @property
    def accuracy(self) -> float:
        """The share of all samples that were read rightly, 0..1."""
        return float(self.counts.trace() / self.counts.sum())

    def mistakes(self) -> list[Mistake]:
        """All mistakes that were made, the most frequent first."""
        wrong = self.counts.copy()
        np.fill_diagonal(wrong, 0)
        samples = self.counts.sum(axis=1)
        rows, columns = np.nonzero(wrong)
        made = [
            Mistake(self.truths[row], self.guesses[column], int(wrong[row, column]), int(samples[row]))
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        ]
        return sorted(made, key=lambda mistake: -mistake.count)

    def classes(self) -> list[ClassAccuracy]:
        """The accuracy of every character, worst first, with its mistakes."""
        samples, right = self.counts.sum(axis=1), self.counts.diagonal()
        low, high = wilson_interval(right, samples)
        mistakes = self.mistakes()
        found = [
            ClassAccuracy(
                text=text,
                samples=int(samples[row]),
                accuracy=float(right[row] / samples[row]),
                low=float(low[row]),
                high=float(high[row]),
                mistakes=tuple(mistake for mistake in mistakes if mistake.truth == text),
            )
            for row, text in enumerate(self.truths)
        ]
        return sorted(found, key=lambda item: item.accuracy)


def count_confusions(truths: Sequence[str], guesses: Sequence[str], labels: Sequence[str]) -> Confusion:
    """Count what was read as what, in the order of `labels`, which all truths are among."""
    position = {label: index for index, label in enumerate([*labels, NOTHING])}
    true, guessed = np.array([position[text] for text in truths]), np.array([position[text] for text in guesses])
    rows = np.unique(true)
    columns = np.concatenate([rows, np.setdiff1d(guessed, rows)])
    counts = np.zeros((len(position), len(position)), np.intp)
    np.add.at(counts, (true, guessed), 1)
    names = [*labels, NOTHING]
    return Confusion(
        tuple(names[row] for row in rows), tuple(names[column] for column in columns), counts[np.ix_(rows, columns)]
    )
