"""The report of a line model's evaluation: plots, what it takes for what, and the worst lines beside their readings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_hwr import metrics
from edge_hwr.bundle import Bundle
from edge_hwr.datasets import Dataset, Sample
from edge_hwr.evaluate_against import Difference
from edge_hwr.evaluate_lines import LinePredictions, summarise_lines
from edge_hwr.files import write_atomically
from edge_hwr.line_preprocess import LinePreprocessing, prepare_line

from .confusion import NOTHING, Confusion
from .line_errors import ComparedLine, compare_line, count_mistakes
from .line_report_figures import draw_confidences, draw_error_rates
from .line_report_page import WorstLine, render_line_page
from .report_figures import DARK, LIGHT, Theme, draw_classes, draw_coverage, draw_reliability
from .report_parts import Plot, picture_png

PLOTS = ("rates", "confidence", "characters", "calibration", "coverage")

_WORST = 40
"""Lines that are shown."""

_FREQUENT = 60
"""Of characters that are rarer than so many others there is little to see."""

_WIDEST = 1200
"""Of their pictures, in pixels."""


def write_line_report(
    folder: Path, bundle: Bundle, dataset: Dataset, predictions: LinePredictions, against: Difference | None = None
) -> None:
    """Write `report.html` and its plots as PNG files into a folder that exists; it tells how the model differs from the
    one that it was measured `against`, if any.

    The page is whole in itself and needs nothing from the network. Beside it are `rates.png`, `confidence.png`,
    `characters.png`, `calibration.png` and `coverage.png`.
    """
    found = summarise_lines(bundle, dataset, predictions)
    lines = [
        compare_line(index, truth, crop)
        for index, (truth, crop) in enumerate(zip(dataset.texts, predictions.crops, strict=True))
    ]
    confusion, added = count_mistakes(lines)
    plots = {
        name: Plot(light=draw(LIGHT), dark=draw(DARK)) for name, draw in _figures(lines, confusion, found.cer).items()
    }
    for name in PLOTS:
        if name in plots:
            write_atomically(folder / f"{name}.png", plots[name].light)
        else:
            (folder / f"{name}.png").unlink(missing_ok=True)  # of an earlier report, which this one replaces
    preprocessing = LinePreprocessing.from_json(bundle.metadata.preprocessing)
    order = sorted((line for line in lines if line.edits), key=lambda line: (-line.edits, -line.rate))
    worst = [_picture(line, dataset[line.index], preprocessing) for line in order[:_WORST]]
    page = render_line_page(found, lines, confusion, added, plots, worst, against)
    write_atomically(folder / "report.html", page.encode())


def _figures(lines: list[ComparedLine], confusion: Confusion, overall: float) -> dict[str, Callable[[Theme], bytes]]:
    """How to draw each of the plots that there are figures for."""
    rates = np.array([line.rate for line in lines])
    lengths = np.array([max(line.length, 1) for line in lines])
    confidences = np.array([line.confidence for line in lines])
    # A line weighs as much as it has characters, so that the error of all of them is the character error rate.
    curve = metrics.coverage_curve(np.repeat(confidences, lengths), 1 - np.repeat(rates, lengths))
    classes = confusion.classes()
    least = sorted((item.samples for item in classes), reverse=True)[:_FREQUENT][-1]
    frequent = [item for item in classes if item.samples >= least]
    draw: dict[str, Callable[[Theme], bytes]] = {
        "rates": lambda theme: draw_error_rates(rates, overall, theme),
        "confidence": lambda theme: draw_confidences(confidences, rates, lengths, theme),
        "characters": lambda theme: draw_classes(frequent, confusion.accuracy, theme),
        "coverage": lambda theme: draw_coverage(curve, None, theme),
    }
    read = [pair for line in lines for pair in line.pairs if pair.guess != NOTHING]
    if read:
        found = metrics.reliability([pair.confidence for pair in read], [pair.right for pair in read])
        draw["calibration"] = lambda theme: draw_reliability(found, theme)
    return draw


def _picture(line: ComparedLine, sample: Sample, preprocessing: LinePreprocessing) -> WorstLine:
    """A line to be shown, and where its characters lie on the picture."""
    prepared = prepare_line(sample.picture, preprocessing)
    width = sample.picture.shape[1]
    first = prepared.left + preprocessing.margin * prepared.scale
    extent = max(prepared.width - 2 * preprocessing.margin, 0) * prepared.scale
    return WorstLine(
        name=sample.name,
        line=line,
        picture=_png(sample.picture),
        tensor=_png(prepared.tensor[0, ..., 0]) if prepared.width else b"",
        first=min(max(first / width, 0.0), 1.0),
        last=min((first + extent) / width, 1.0),
    )


def _png(picture: npt.NDArray[np.uint8]) -> bytes:
    """A picture for the page: never larger than it is shown."""
    return picture_png(picture, _WIDEST / picture.shape[1])
