"""The plots of an evaluation's report, as PNGs on light or on dark ground."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from edge_hwr.metrics import CoverageCurve, Reliability, wilson_interval

from .confusion import NOTHING, ClassAccuracy, Confusion

_DPI = 120

_MOST_COUNTED = 16
"""Classes up to which every cell of the confusion matrix has its count written in it."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of paper, of what is written on it, of lines that stay back, of what is right and of what is wrong."""

    paper: str
    ink: str
    faint: str
    right: str
    wrong: str


LIGHT = Theme(paper="#ffffff", ink="#1f2328", faint="#d0d5db", right="#2f6fab", wrong="#c8501e")
DARK = Theme(paper="#161a1f", ink="#e3e7eb", faint="#3a424c", right="#6aa9e0", wrong="#f08a4b")


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A figure that is being drawn."""

    figure: Figure

    def png(self) -> bytes:
        png = io.BytesIO()
        self.figure.savefig(png, format="png", dpi=_DPI)
        return png.getvalue()


@contextmanager
def themed_figure(theme: Theme, width: float, height: float) -> Iterator[Drawing]:
    """A figure of this size (inches) in the colours of a theme."""
    rules: dict[Any, Any] = {
        "figure.facecolor": theme.paper,
        "axes.facecolor": theme.paper,
        "axes.edgecolor": theme.faint,
        **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), theme.ink),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
    }
    with mpl.rc_context(rules), warnings.catch_warnings(action="ignore"):  # of characters that the font does not have
        yield Drawing(Figure(figsize=(width, height), layout="constrained"))


def draw_confusion(confusion: Confusion, theme: Theme) -> bytes:
    """The confusion matrix: shares of each row, the right ones in one colour and the wrong ones in another."""
    rows, columns = confusion.counts.shape
    counted = columns <= _MOST_COUNTED
    cell = 0.5 if counted else 0.15
    shares = confusion.counts / confusion.counts.sum(axis=1, keepdims=True)
    diagonal = np.eye(rows, columns, dtype=bool)
    with themed_figure(theme, 1.2 + cell * columns, 1.2 + cell * rows) as drawn:
        axes = drawn.figure.add_subplot()
        # Few are wrong: a root makes one in a thousand visible beside one in two.
        for which, colour in ((diagonal, theme.right), (~diagonal, theme.wrong)):
            colours = LinearSegmentedColormap.from_list("", [theme.paper, colour])
            values = np.ma.masked_array(shares, ~which | (confusion.counts == 0))
            axes.imshow(values, cmap=colours, norm=PowerNorm(0.35, 0, 1))
        if counted:
            for row, column in zip(*np.nonzero(confusion.counts), strict=True):
                strong = shares[row, column] > 0.15
                axes.text(
                    column,
                    row,
                    str(confusion.counts[row, column]),
                    ha="center",
                    va="center",
                    fontsize=8,
                    color=theme.paper if strong else theme.ink,
                )
        size = 11 if counted else 8
        style: dict[str, Any] = {"fontsize": size, "family": "monospace", "parse_math": False}
        axes.set_xticks(range(columns), [_shown(text) for text in confusion.guesses], **style)
        axes.set_yticks(range(rows), [_shown(text) for text in confusion.truths], **style)
        axes.tick_params(length=0, top=True, labeltop=True, right=not counted, labelright=not counted)
        axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
        axes.grid(which="minor", color=theme.faint, linewidth=0.4)
        axes.tick_params(which="minor", length=0)
        axes.set_xlabel("read as")
        axes.set_ylabel("is")
        return drawn.png()


def draw_classes(classes: Sequence[ClassAccuracy], overall: float, theme: Theme) -> bytes:
    """The accuracy of every class with its 95 % interval, worst first, and a line at that of all (0..1)."""
    with themed_figure(theme, max(6.0, 1.2 + 0.17 * len(classes)), 4.0) as drawn:
        axes = drawn.figure.add_subplot()
        places = np.arange(len(classes))
        accuracy = np.array([item.accuracy for item in classes])
        axes.axhline(overall, color=theme.ink, linewidth=0.8, linestyle="--")
        axes.vlines(places, [item.low for item in classes], [item.high for item in classes], theme.faint, linewidth=3)
        axes.plot(places, accuracy, "o", color=theme.right, markersize=5)
        axes.set_xticks(places, [_shown(item.text) for item in classes], family="monospace", parse_math=False)
        axes.set_xlim(-0.8, len(classes) - 0.2)
        axes.yaxis.set_major_formatter(PercentFormatter(1, None))
        axes.set_ylabel("accuracy, with its 95 % interval")
        axes.set_title(f"all together {overall:.2%}", loc="right", fontsize=9)
        axes.grid(axis="y", color=theme.faint, linewidth=0.5)
        return drawn.png()


def draw_reliability(found: Reliability, theme: Theme) -> bytes:
    """The reliability diagram, and below it how many samples each confidence has."""
    edges = np.linspace(0, 1, len(found.samples) + 1)
    width, some = edges[1], found.samples > 0
    right, samples = (found.accuracy * found.samples)[some], found.samples[some]
    low, high = wilson_interval(right, samples)
    with themed_figure(theme, 6.0, 6.0) as drawn:
        above, below = drawn.figure.subplots(2, sharex=True, height_ratios=[3, 1])
        above.plot([0, 1], [0, 1], color=theme.ink, linewidth=0.8, linestyle="--", label="perfectly calibrated")
        above.bar(edges[:-1][some], found.accuracy[some], width, align="edge", color=theme.right, alpha=0.35)
        above.vlines(found.confidence[some], low, high, theme.wrong, linewidth=1.5)
        above.plot(
            found.confidence[some], found.accuracy[some], "o", color=theme.wrong, label="measured, 95 % interval"
        )
        above.set_ylim(0, 1.02)
        above.set_ylabel("accuracy")
        drawn.figure.legend(frameon=False, loc="outside upper right", ncols=2)
        below.bar(edges[:-1], found.samples, width, align="edge", color=theme.right, edgecolor=theme.paper)
        below.set_yscale("log")
        below.set_ylim(0.8, None)
        below.set_ylabel("samples")
        below.set_xlabel(f"confidence; its expected calibration error is {found.error:.2%}")
        below.set_xlim(0, 1)
        for axes in (above, below):
            axes.xaxis.set_major_formatter(PercentFormatter(1, 0))
        above.yaxis.set_major_formatter(PercentFormatter(1, 0))
        return drawn.png()


def draw_coverage(curve: CoverageCurve, kept: float | None, theme: Theme) -> bytes:
    """The error among the most confident samples; `kept` is the share, 0..1, that the bundle does not reject, if it
    rejects any."""
    with themed_figure(theme, 6.0, 4.2) as drawn:
        axes = drawn.figure.add_subplot()
        coverage = np.unique(np.concatenate([np.linspace(0.005, 1, 400), curve.coverage]))
        axes.plot(coverage, [curve.error_at(share) for share in coverage], color=theme.right)
        if kept is not None:
            axes.axvline(kept, color=theme.faint, linewidth=1.2)
            axes.annotate(
                f"not rejected: {kept:.1%} ",
                (kept, 0.97),
                xycoords=("data", "axes fraction"),
                ha="right",
                va="top",
                fontsize=9,
            )
        shown = {share: curve.error_at(share) for share in (1.0, 0.95)}
        axes.plot(list(shown), list(shown.values()), "o", color=theme.wrong)
        found = ", ".join(f"{error:.2%} at {share:.0%}" for share, error in shown.items())
        axes.set_title(found, loc="right", fontsize=9)
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, max(1.35 * float(curve.error.max()), 0.001))
        axes.xaxis.set_major_formatter(PercentFormatter(1, 0))
        axes.yaxis.set_major_formatter(PercentFormatter(1, None))
        axes.set_xlabel("coverage: share that is read, the surest first")
        axes.set_ylabel("error")
        return drawn.png()


def draw_gallery(tiles: Sequence[npt.NDArray[np.uint8]], captions: Sequence[str], columns: int, theme: Theme) -> bytes:
    """Pictures uint8 (H, W) of one size in a grid, each under its caption."""
    rows = -(-len(tiles) // columns)
    height, width = tiles[0].shape
    head, gap = height // 3, width // 12
    canvas = np.full((rows * (height + head), columns * (width + gap), 3), _rgb(theme.paper), np.uint8)
    with themed_figure(theme, canvas.shape[1] / 100 + 0.2, canvas.shape[0] / 100 + 0.2) as drawn:
        axes = drawn.figure.add_subplot()
        for index, (tile, caption) in enumerate(zip(tiles, captions, strict=True)):
            top, left = (index // columns) * (height + head) + head, (index % columns) * (width + gap) + gap // 2
            canvas[top : top + height, left : left + width] = tile[..., np.newaxis]
            axes.text(left, top - 0.12 * height, caption, fontsize=10, family="monospace", parse_math=False)
        axes.imshow(canvas, interpolation="nearest")
        axes.set_axis_off()
        return drawn.png()


def _shown(text: str) -> str:
    return {NOTHING: "∅", " ": "␣"}.get(text, text)


def _rgb(colour: str) -> list[int]:
    return [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
