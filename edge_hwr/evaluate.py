"""Measure a bundle on a dataset, through the same path that a frame takes on the device."""

from __future__ import annotations

import time
from collections.abc import Iterator
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
from edge_hwr.layout import isolate_glyph
from edge_hwr.preprocess import GlyphPreprocessing, preprocess_glyphs
from edge_hwr.runtime import TfliteModel

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model makes of a dataset.

    Rates are 0..1. `ece` is the expected calibration error and `rejected` the share of samples below the bundle's
    threshold of confidence (they count as read all the same). `ms_p50` is the median time of one sample, in
    milliseconds, from grey picture to text on one thread; `bytes` is the size of the bundle's file.
    """

    model: str
    dataset: str
    bytes: int
    samples: int
    accuracy: float
    accuracy_caseless: float
    ece: float
    rejected: float
    ms_p50: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def evaluate(bundle: Bundle, dataset: Dataset, *, threads: int = 1) -> Evaluation:
    """Read every sample of a dataset of single glyphs.

    `DatasetError` for texts that the model has no label for: they could only be wrong.
    """
    metadata = bundle.metadata
    if metadata.task != "glyph":
        raise ModelError(f"model {metadata.name}: this version evaluates glyph models, not {metadata.task} models")
    outside = sorted(set(dataset.labels()) - set(bundle.labels))
    if outside:
        raise DatasetError(
            f"dataset {dataset.name}: {len(outside)} of its texts are outside of the charset of {metadata.name} "
            f"({', '.join(map(repr, outside[:5]))}{', …' if len(outside) > 5 else ''})"
        )
    reader = _GlyphReader(bundle, threads)
    guesses: list[str] = []
    confidences: list[float] = []
    times: list[float] = []
    samples = iter(dataset)
    while batch := list(islice(samples, _BATCH)):
        for text, confidence, ms in reader.read(batch):
            guesses.append(text)
            confidences.append(confidence)
            times.append(ms)
    correct = [guess == truth for guess, truth in zip(guesses, dataset.texts, strict=True)]
    return Evaluation(
        model=metadata.name,
        dataset=dataset.name,
        bytes=bundle.size,
        samples=len(dataset),
        accuracy=metrics.accuracy(dataset.texts, guesses),
        accuracy_caseless=metrics.accuracy_caseless(dataset.texts, guesses),
        ece=metrics.expected_calibration_error(confidences, correct),
        rejected=sum(confidence < metadata.reject_below for confidence in confidences) / len(confidences),
        ms_p50=metrics.percentiles(times)["p50"],
    )


class _GlyphReader:
    """Reads crops of single glyphs in batches."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        self._labels = bundle.labels
        self._preprocessing = GlyphPreprocessing.from_json(bundle.metadata.preprocessing)
        self._model = TfliteModel(bundle.flatbuffer, threads=threads)
        self._decoder = Decoder(self._model.output_scale, bundle.metadata.temperature)

    def read(self, batch: list[Sample]) -> Iterator[tuple[str, float, float]]:
        """Text, confidence and milliseconds of each sample; bare paper has no text and no confidence."""
        pictures: list[NDArray[np.uint8]] = []
        alone: list[float] = []
        for sample in batch:
            started = time.monotonic()
            pictures.append(preprocess_glyphs(isolate_glyph(sample.picture), self._preprocessing))
            alone.append(time.monotonic() - started)
        started = time.monotonic()
        classes, confidences = self._decoder.decode(self._model.invoke(np.concatenate(pictures)))
        together = (time.monotonic() - started) / len(batch)
        found = iter(zip(classes.tolist(), confidences.tolist(), strict=True))
        for picture, seconds in zip(pictures, alone, strict=True):
            index, confidence = next(found) if len(picture) else (None, 0.0)
            yield "" if index is None else self._labels[index], confidence, 1e3 * (seconds + together)
