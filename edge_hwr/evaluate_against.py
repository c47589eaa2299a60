"""Two models on the same samples: by how much their rates of errors differ, and how far that can be trusted.

A point between two models seems to be nothing where each may be three points off. But they are off together, since the
same lines are hard for both: the interval of their difference is much smaller than that of either.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_hwr import metrics
from edge_hwr.bundle import Bundle
from edge_hwr.datasets import Dataset
from edge_hwr.errors import ModelError
from edge_hwr.evaluate import Predictions
from edge_hwr.evaluate_lines import LinePredictions


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much a model errs more than another one, `model`.

    `rate` are the errors of the other, 0 and up: the CER of lines, the share of characters wrongly read. `difference`
    is by how much those of the first exceed them, and `interval` where that lies with 95 % confidence for writers, or
    samples, like these (`metrics.rate_interval`; None where it cannot be told).
    """

    model: str
    rate: float
    difference: float
    interval: tuple[float, float] | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def row(self) -> tuple[str, str]:
        """The row of a table of figures."""
        found = f"{100 * self.difference:+.2f} points to its {self.rate:.2%}"
        if self.interval is not None:
            low, high = (100 * end for end in self.interval)
            found += f" (95 %: {low:+.2f} to {high:+.2f})"
        return f"against {self.model}", found


def check_comparable(bundle: Bundle, other: Bundle) -> None:
    """`ModelError` unless both are models of single glyphs, or both of lines."""
    if bundle.metadata.task != other.metadata.task:
        tasks = {"glyph": "single glyphs", "line": "whole lines"}
        raise ModelError(
            f"{bundle.metadata.name} reads {tasks[bundle.metadata.task]} and {other.metadata.name} "
            f"{tasks[other.metadata.task]}: only models of one kind can be compared"
        )


def difference(
    dataset: Dataset,
    bundle: Bundle,
    predictions: Predictions | LinePredictions,
    other: Bundle,
    others: Predictions | LinePredictions,
) -> Difference:
    """How the errors of one model differ from those of another on the same dataset."""
    mine, theirs = _edits(dataset, bundle, predictions), _edits(dataset, other, others)
    more = mine.errors - theirs.errors
    return Difference(
        model=other.metadata.name,
        rate=theirs.rate,
        difference=mine.rate - theirs.rate,
        interval=metrics.rate_interval(more, mine.lengths, dataset.writers),
    )


def _edits(dataset: Dataset, bundle: Bundle, predictions: Predictions | LinePredictions) -> metrics.Edits:
    if isinstance(predictions, LinePredictions):
        return metrics.character_edits(dataset.texts, predictions.texts)
    wrong = [truth != guess for truth, guess in zip(dataset.texts, predictions.texts(bundle), strict=True)]
    return metrics.Edits(np.array(wrong, np.int64), np.ones(len(wrong), np.int64))
