"""Bundles beside classical models: how right, how large and how fast each is on the same dataset."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_hwr.bundle import Bundle
from edge_hwr.datasets import Dataset
from edge_hwr.errors import DatasetError
from edge_hwr.evaluate import evaluate
from edge_hwr.metrics import accuracy
from edge_hwr.preprocess import GlyphPreprocessing, preprocess_glyph
from edge_hwr.runtime import TfliteModel

from .baselines import BASELINES, Baseline, TrainingSample, fit

_TIMED = 200
"""Single glyphs whose times are taken."""


@dataclass(frozen=True, slots=True)
class ComparedModel:
    """What a model is worth and what it costs.

    `accuracy` is 0..1; `bytes` are those of the bundle's file or of the pickle; `ms` is the median processor
    time of one glyph, from the tensor to the class; `training_seconds` are those of one core, None for bundles.
    """

    name: str
    settings: str
    accuracy: float
    bytes: int
    ms: float
    training_seconds: float | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def compare_bundles(bundles: Sequence[Bundle], dataset: Dataset) -> Iterator[ComparedModel]:
    """Measure bundles; errors as those of `evaluate`."""
    for bundle in bundles:
        found = evaluate(bundle, dataset)
        model = TfliteModel(bundle.flatbuffer)
        glyphs, _ = _glyphs(dataset, GlyphPreprocessing.from_json(bundle.metadata.preprocessing), _TIMED)
        ms = _median_ms(partial(_classes, model), glyphs)
        settings = f"{bundle.metadata.precision} bundle"
        yield ComparedModel(bundle.metadata.name, settings, found.accuracy, bundle.size, ms, None)


def compare_baselines(
    sample: TrainingSample, charset: str, dataset: Dataset, *, seed: int, baselines: Sequence[Baseline] = BASELINES
) -> Iterator[ComparedModel]:
    """Train classical models on a sample, whose labels are indices in `charset`, and measure each."""
    glyphs, inked = _glyphs(dataset, GlyphPreprocessing(), len(dataset))
    for baseline in baselines:
        fitted = fit(baseline, sample, seed=seed)
        guesses = [""] * len(dataset)  # of bare paper, on which there is nothing to read
        for index, label in zip(np.flatnonzero(inked).tolist(), fitted.predict(glyphs).tolist(), strict=True):
            guesses[index] = charset[label]
        right = accuracy(dataset.texts, guesses)
        ms = _median_ms(fitted.predict, glyphs[:_TIMED])
        yield ComparedModel(baseline.name, baseline.settings, right, fitted.size, ms, fitted.seconds)


def check_charset(dataset: Dataset, charset: str, recipe: str) -> None:
    """`DatasetError` for texts that a model of this recipe could never say."""
    outside = sorted(set(dataset.labels()) - set(charset))
    if outside:
        raise DatasetError(
            f"dataset {dataset.name}: {', '.join(map(repr, outside[:5]))}{', …' if len(outside) > 5 else ''} "
            f"outside of the charset of the recipe {recipe}: choose another by --recipe"
        )


def draw_comparison(models: Sequence[ComparedModel]) -> bytes:
    """A PNG with the errors, sizes and times of all, best first, on logarithmic scales."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    rows = range(len(models))
    colours = ["#c8501e" if model.training_seconds is None else "#4878a8" for model in models]
    panels: tuple[tuple[str, list[float], Callable[[float], str]], ...] = (
        ("error (%)", [100 * (1 - model.accuracy) for model in models], lambda value: f"{value:.2f}"),
        ("size (kB)", [model.bytes / 1000 for model in models], lambda value: f"{value:,.0f}"),
        ("time of one glyph (ms)", [model.ms for model in models], lambda value: f"{value:.3g}"),
    )
    figure = Figure(figsize=(10, 1.1 + 0.42 * len(models)), layout="constrained")
    for axes, (title, values, shown) in zip(figure.subplots(1, 3, sharey=True), panels, strict=True):
        positive = [value for value in values if value > 0]
        floor = 0.5 * min(positive, default=1)  # where the bars begin: a logarithmic scale has no zero
        axes.barh(rows, [max(value, floor) - floor for value in values], left=floor, color=colours)
        axes.set_xscale("log")
        axes.set_xlim(floor, 8 * max(positive, default=1))
        axes.xaxis.set_minor_formatter(NullFormatter())  # within a decade they would be written over each other
        for row, value in enumerate(values):
            axes.annotate(shown(value), (max(value, floor), row), (4, 0), textcoords="offset points", va="center")
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_yticks(rows, [model.name for model in models], parse_math=False)
        axes.tick_params(left=False)
        axes.spines[["top", "right", "left"]].set_visible(False)
    axes.invert_yaxis()
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=120)
    return png.getvalue()


def _glyphs(
    dataset: Dataset, preprocessing: GlyphPreprocessing, count: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Tensors uint8 (K, height, width) of the first `count` samples that have ink, and which of them do, bool (N,)."""
    count = min(count, len(dataset))
    batches = [preprocess_glyph(dataset[index].picture, preprocessing) for index in range(count)]
    glyphs = np.concatenate(batches)[..., 0]
    if not len(glyphs):
        raise DatasetError(f"dataset {dataset.name}: no ink was found in any of its pictures")
    return glyphs, np.array([len(batch) > 0 for batch in batches])


def _classes(model: TfliteModel, glyphs: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
    return np.asarray(model.invoke(glyphs[..., np.newaxis]).argmax(axis=1), np.intp)


def _median_ms(predict: Callable[[npt.NDArray[np.uint8]], Any], glyphs: npt.NDArray[np.uint8]) -> float:
    """Median time of glyphs one by one: the processor's, which others' work on a busy machine does not lengthen."""
    times = []
    for glyph in glyphs:
        started = time.process_time()
        predict(glyph[np.newaxis])
        times.append(time.process_time() - started)
    return 1e3 * float(np.median(times))
