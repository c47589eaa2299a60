"""The report of an evaluation for people to look at: plots, the worst errors, and one page that holds them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge_hwr import metrics
from edge_hwr.bundle import Bundle
from edge_hwr.datasets import Dataset
from edge_hwr.evaluate import BARE, Predictions, summarise
from edge_hwr.evaluate_against import Difference
from edge_hwr.files import write_atomically
from edge_hwr.preprocess import GlyphPreprocessing, preprocess_glyph

from .confusion import count_confusions
from .report_figures import (
    DARK,
    LIGHT,
    Theme,
    draw_classes,
    draw_confusion,
    draw_coverage,
    draw_gallery,
    draw_reliability,
)
from .report_page import WorstError, render_page
from .report_parts import Plot, picture_png

_WORST = 48
"""Errors that are shown."""

_SIDE = 112
"""Of the pictures in the gallery, in pixels."""

_COLUMNS = 4


def write_report(
    folder: Path, bundle: Bundle, dataset: Dataset, predictions: Predictions, against: Difference | None = None
) -> None:
    """Write `report.html` and its plots as PNG files into a folder that exists; it tells how the model differs from the
    one that it was measured `against`, if any.

    The page is whole in itself and needs nothing from the network. Beside it are `confusion.png`, `classes.png`,
    `calibration.png`, `coverage.png`, and `errors.png` if any sample was read wrongly.
    """
    found = summarise(bundle, dataset, predictions)
    guesses = predictions.texts(bundle)
    correct = np.array([guess == truth for guess, truth in zip(guesses, dataset.texts, strict=True)])
    confusion = count_confusions(dataset.texts, guesses, bundle.labels)
    reliability = metrics.reliability(predictions.confidences, correct)
    curve = metrics.coverage_curve(predictions.confidences, correct)
    draw: dict[str, Callable[[Theme], bytes]] = {
        "confusion": lambda theme: draw_confusion(confusion, theme),
        "classes": lambda theme: draw_classes(confusion.classes(), found.accuracy, theme),
        "calibration": lambda theme: draw_reliability(reliability, theme),
        "coverage": lambda theme: draw_coverage(curve, 1 - found.rejected, theme),
    }
    plots = {name: Plot(light=make(LIGHT), dark=make(DARK)) for name, make in draw.items()}
    for name, plot in plots.items():
        write_atomically(folder / f"{name}.png", plot.light)
    errors = _worst_errors(bundle, dataset, predictions, correct)
    gallery = folder / "errors.png"
    if errors:
        write_atomically(gallery, _draw_errors(errors))
    else:
        gallery.unlink(missing_ok=True)  # of an earlier report, which this one replaces
    shown = [
        WorstError(error.name, error.truth, error.guess, error.confidence, _png(error.crop), _png(error.tensor))
        for error in errors
    ]
    page = render_page(found, confusion, plots, shown, against)
    write_atomically(folder / "report.html", page.encode())


@dataclass(frozen=True, slots=True, eq=False)
class _Error:
    """A sample that was read wrongly: its picture as stored, and what the model saw of it, uint8 (H, W) both."""

    name: str
    truth: str
    guess: str
    confidence: float
    crop: npt.NDArray[np.uint8]
    tensor: npt.NDArray[np.uint8]


def _worst_errors(
    bundle: Bundle, dataset: Dataset, predictions: Predictions, correct: npt.NDArray[np.bool_]
) -> list[_Error]:
    """What was read wrongly, the most confident first."""
    preprocessing = GlyphPreprocessing.from_json(bundle.metadata.preprocessing)
    wrong = np.flatnonzero(~correct)
    order = wrong[np.argsort(-predictions.confidences[wrong], kind="stable")]
    texts = predictions.texts(bundle)
    errors = []
    for index in order[:_WORST].tolist():
        sample = dataset[index]
        tensor = np.zeros((preprocessing.height, preprocessing.width), np.uint8)
        if predictions.classes[index] != BARE:
            tensor = preprocess_glyph(sample.picture, preprocessing)[0, ..., 0]
        confidence = float(predictions.confidences[index])
        errors.append(_Error(sample.name, sample.text, texts[index], confidence, sample.picture, tensor))
    return errors


def _draw_errors(errors: list[_Error]) -> bytes:
    tiles = [np.hstack([_fit(error.crop, 255), _fit(error.tensor, 0)]) for error in errors]
    captions = [f"{error.truth} read {error.guess or 'none'} {error.confidence:.0%}" for error in errors]
    return draw_gallery(tiles, captions, _COLUMNS, LIGHT)


def _fit(picture: npt.NDArray[np.uint8], ground: int) -> npt.NDArray[np.uint8]:
    """A picture in the middle of a square, as large as fits."""
    height, width = picture.shape
    scale = _SIDE / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    scaled = cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA)
    square = np.full((_SIDE, _SIDE), ground, np.uint8)
    top, left = (_SIDE - size[1]) // 2, (_SIDE - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = scaled
    return square


def _png(picture: npt.NDArray[np.uint8]) -> bytes:
    """A picture for the page: never larger than it is shown."""
    return picture_png(picture, 2 * _SIDE / max(picture.shape))
