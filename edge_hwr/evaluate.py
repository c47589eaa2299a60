"""Measure a bundle on a dataset, through the same path that a frame takes on the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_hwr import metrics
from edge_hwr.bundle import Bundle
from edge_hwr.datasets import Dataset, Sample
from edge_hwr.decode import Decoder
from edge_hwr.errors import DatasetError, ModelError
from edge_hwr.preprocess import GlyphPreprocessing, preprocess_glyph
from edge_hwr.runtime import TfliteModel

BARE = -1
"""The class of bare paper, on which there was nothing to read."""

_BATCH = 64
_COVERAGE = 0.95


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model makes of a dataset.

    Rates are 0..1. `error` is 1 - `accuracy`, `error_interval` where it lies with 95 % confidence for writers, or
    samples, like these (`metrics.rate_interval`; None where that cannot be told), and `error_at_95_coverage` what is
    left of it when the 5 % of which the model is least sure are rejected. `accuracy_within_set` lets the model choose
    among the characters that occur in the dataset alone. `ece` is the expected calibration error and `rejected` the
    share of samples below the bundle's threshold of confidence (they count as read all the same). `ms_p50` is the
    median time of one sample, in milliseconds, from grey picture to text on one thread; `bytes` is the size of the
    bundle's file.
    """

    model: str
    dataset: str
    bytes: int
    samples: int
    accuracy: float
    accuracy_caseless: float
    accuracy_within_set: float
    error: float
    error_interval: metrics.Interval | None
    error_at_95_coverage: float
    ece: float
    rejected: float
    ms_p50: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a model says of every sample of a dataset, in the dataset's order.

    `classes` intp (N,) are indices of the bundle's labels, or BARE; `confidences` float32 (N,) 0..1, 0 for bare paper;
    `scores` (N, C) as the model gives them, all 0 for bare paper; `ms` float64 (N,) from grey picture to text.
    """

    classes: NDArray[np.intp]
    confidences: NDArray[np.float32]
    scores: NDArray[Any]
    ms: NDArray[np.float64]

    def texts(self, bundle: Bundle) -> list[str]:
        """What was read; bare paper is read as nothing at all."""
        return ["" if index == BARE else bundle.labels[index] for index in self.classes.tolist()]


def check_texts(dataset: Dataset, labels: Sequence[str], name: str) -> None:
    """`DatasetError` for texts that the model of this name has no label for: they could only be wrong."""
    outside = sorted(set(dataset.labels()) - set(labels))
    if outside:
        raise DatasetError(
            f"dataset {dataset.name}: {len(outside)} of its texts are outside of the charset of {name} "
            f"({', '.join(map(repr, outside[:5]))}{', …' if len(outside) > 5 else ''})"
        )


def evaluate(bundle: Bundle, dataset: Dataset, *, threads: int = 1) -> Evaluation:
    """Read every sample of a dataset of single glyphs; `ModelError` and `DatasetError` as `predict`."""
    return summarise(bundle, dataset, predict(bundle, dataset, threads=threads))


def predict(
    bundle: Bundle, dataset: Dataset, *, threads: int = 1, follow: Callable[[Dataset], Iterable[Sample]] = iter
) -> Predictions:
    """Read every sample of a dataset of single glyphs; `follow` may watch them go by, to show how far it is.

    `ModelError` for a model of lines, `DatasetError` as `check_texts`.
    """
    metadata = bundle.metadata
    if metadata.task != "glyph":
        raise ModelError(f"model {metadata.name}: a model of lines, not of single glyphs")
    check_texts(dataset, bundle.labels, metadata.name)
    reader = _CropReader(bundle, threads)
    parts: list[Predictions] = []
    samples = iter(follow(dataset))
    while batch := list(islice(samples, _BATCH)):
        parts.append(reader.read(batch))
    return Predictions(
        classes=np.concatenate([part.classes for part in parts]),
        confidences=np.concatenate([part.confidences for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        ms=np.concatenate([part.ms for part in parts]),
    )


def summarise(bundle: Bundle, dataset: Dataset, predictions: Predictions) -> Evaluation:
    """The figures of what a bundle said of a dataset."""
    metadata = bundle.metadata
    guesses = predictions.texts(bundle)
    correct = [guess == truth for guess, truth in zip(guesses, dataset.texts, strict=True)]
    curve = metrics.coverage_curve(predictions.confidences, correct)
    return Evaluation(
        model=metadata.name,
        dataset=dataset.name,
        bytes=bundle.size,
        samples=len(dataset),
        accuracy=metrics.accuracy(dataset.texts, guesses),
        accuracy_caseless=metrics.accuracy_caseless(dataset.texts, guesses),
        accuracy_within_set=metrics.accuracy(dataset.texts, _guesses_within(bundle, dataset.labels(), predictions)),
        error=curve.error_at(1),
        error_interval=metrics.rate_interval(1 - np.array(correct), np.ones(len(correct)), dataset.writers),
        error_at_95_coverage=curve.error_at(_COVERAGE),
        ece=metrics.expected_calibration_error(predictions.confidences, correct),
        rejected=float((predictions.confidences < metadata.reject_below).mean()),
        ms_p50=metrics.percentiles(predictions.ms)["p50"],
    )


def interval_row(rate: str, interval: metrics.Interval | None) -> list[tuple[str, str]]:
    """The row of a table of figures, or none where nothing can be told."""
    if interval is None:
        return []
    found = f"{interval.low:.2%} to {interval.high:.2%}, by {interval.count:,} {interval.of}"
    return [(f"95 % interval of {rate}", found)]


def _guesses_within(bundle: Bundle, allowed: list[str], predictions: Predictions) -> list[str]:
    """The best of some labels for each sample."""
    columns = [bundle.labels.index(label) for label in allowed]
    best = predictions.scores[:, columns].argmax(axis=1)
    return [
        "" if index == BARE else allowed[choice]
        for index, choice in zip(predictions.classes.tolist(), best.tolist(), strict=True)
    ]


class _CropReader:
    """Reads crops of single glyphs in batches."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        self._preprocessing = GlyphPreprocessing.from_json(bundle.metadata.preprocessing)
        self._model = TfliteModel(bundle.flatbuffer, threads=threads)
        self._decoder = Decoder(self._model.output_scale, bundle.metadata.temperature)

    def read(self, batch: list[Sample]) -> Predictions:
        pictures: list[NDArray[np.uint8]] = []
        seconds = np.empty(len(batch))
        for position, sample in enumerate(batch):
            started = time.monotonic()
            pictures.append(preprocess_glyph(sample.picture, self._preprocessing))
            seconds[position] = time.monotonic() - started
        inked = np.array([len(picture) > 0 for picture in pictures])
        started = time.monotonic()
        raw = self._model.invoke(np.concatenate(pictures))
        found, certainty = self._decoder.decode(raw)
        seconds += (time.monotonic() - started) / len(batch)
        classes = np.full(len(batch), BARE, np.intp)
        confidences = np.zeros(len(batch), np.float32)
        scores = np.zeros((len(batch), self._model.classes), self._model.output_dtype)
        classes[inked], confidences[inked], scores[inked] = found, certainty, raw
        return Predictions(classes, confidences, scores, 1e3 * seconds)
