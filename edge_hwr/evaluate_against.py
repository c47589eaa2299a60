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
from edge_hwr.evaluate import Predictions, check_texts
from edge_hwr.evaluate_lines import LinePredictions
from edge_hwr.language_model import LanguageModel
from edge_hwr.line_reader import LineReader


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much a model errs more than another one, `model`.

    `rate` are the errors of the other, 0 and up: the CER of lines, the share of characters wrongly read. `difference`
    is by how much those of the first exceed them, and `interval` where that lies (None where it cannot be told).
    """

    model: str
    rate: float
    difference: float
    interval: metrics.Interval | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def row(self) -> tuple[str, str]:
        """The row of a table of figures."""
        points = 100 * abs(self.difference)
        if not self.difference:
            found = f"as many errors as its {self.rate:.2%}"
        else:
            found = f"{points:.2f} points {'more' if self.difference > 0 else 'fewer'} than its {self.rate:.2%}"
        if self.interval is not None:
            found += f" (95 %: {100 * self.interval.low:+.2f} to {100 * self.interval.high:+.2f})"
        return f"against {self.model}", found


def check_comparable(dataset: Dataset, bundle: Bundle, other: Bundle, language: LanguageModel | None) -> None:
    """`ModelError` unless both are models of single glyphs, or both of lines, and what each of them refuses of a
    dataset, or of a language model: all that can be known before anything is read."""
    if bundle.metadata.task != other.metadata.task:
        tasks = {"glyph": "single glyphs", "line": "whole lines"}
        raise ModelError(
            f"{bundle.metadata.name} reads {tasks[bundle.metadata.task]} and {other.metadata.name} "
            f"{tasks[other.metadata.task]}: only models of one kind can be compared"
        )
    for one in (bundle, other):
        if one.metadata.task == "line":
            LineReader(one, lexicon=language)
        else:
            check_texts(dataset, one.labels, one.metadata.name)


def difference(
    dataset: Dataset,
    bundle: Bundle,
    predictions: Predictions | LinePredictions,
    other: Bundle,
    others: Predictions | LinePredictions,
    *,
    name: str,
) -> Difference:
    """How the errors of one model differ from those of another, called `name`, on the same dataset."""
    mine, theirs = _edits(dataset, bundle, predictions), _edits(dataset, other, others)
    return Difference(
        model=name,
        rate=theirs.rate,
        difference=mine.rate - theirs.rate,
        interval=metrics.difference_interval(mine.errors - theirs.errors, mine.lengths, dataset.writers),
    )


def _edits(dataset: Dataset, bundle: Bundle, predictions: Predictions | LinePredictions) -> metrics.Edits:
    if isinstance(predictions, LinePredictions):
        return metrics.character_edits(dataset.texts, predictions.texts)
    wrong = [truth != guess for truth, guess in zip(dataset.texts, predictions.texts(bundle), strict=True)]
    return metrics.Edits(np.array(wrong, np.int64), np.ones(len(wrong), np.int64))
