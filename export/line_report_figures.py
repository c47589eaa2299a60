"""The plots that only the report of a line model has."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import PercentFormatter

from .report_figures import Theme, themed_figure

_BIN = 0.02
_BINS = 20
"""Of the character error rate; what lies above all bins stands in one of its own."""

_MOST_DOTS = 3000
_GROUPS = 12


def draw_error_rates(rates: npt.NDArray[np.float64], overall: float, theme: Theme) -> bytes:
    """How many lines have which character error rate, (N,) 0 and up; `overall` is that of all characters together."""
    limit = _BIN * _BINS
    clean, beyond = int((rates == 0).sum()), int((rates > limit).sum())
    counts, _ = np.histogram(rates[(rates > 0) & (rates <= limit)], _BINS, (0, limit))
    with themed_figure(theme, 6.0, 4.2) as drawn:
        axes = drawn.figure.add_subplot()
        edges = _BIN * np.arange(_BINS)
        axes.bar(edges, counts, _BIN, align="edge", color=theme.wrong, edgecolor=theme.paper)
        for left, count, colour in ((-3 * _BIN, clean, theme.right), (limit + 2 * _BIN, beyond, theme.wrong)):
            bars = axes.bar(left, count, _BIN, align="edge", color=colour, edgecolor=theme.paper)
            axes.bar_label(bars, [f"{count / len(rates):.1%}"], fontsize=9, padding=2)
        axes.axvline(overall, color=theme.ink, linewidth=0.8, linestyle="--")
        axes.set_title(f"all together {overall:.2%}; half of the lines up to {np.median(rates):.2%}", fontsize=9)
        shown = np.arange(0, limit + _BIN / 2, 5 * _BIN)
        axes.set_xticks(
            [-2.5 * _BIN, *shown, limit + 2.5 * _BIN], ["none", *(f"{share:.0%}" for share in shown), "more"]
        )
        axes.margins(y=0.1)
        axes.set_xlabel("character error rate of a line")
        axes.set_ylabel("lines")
        return drawn.png()


def draw_confidences(
    confidences: npt.NDArray[np.float64],
    rates: npt.NDArray[np.float64],
    lengths: npt.NDArray[np.float64],
    theme: Theme,
) -> bytes:
    """Lines by confidence 0..1 and character error rate, all (N,); over them groups of equally many lines, surest last,
    each with the rate of all its characters and 95 % intervals by the bootstrap over its lines."""
    rng = np.random.default_rng(0)
    dots = rng.permutation(len(rates))[:_MOST_DOTS]
    edits, order = rates * lengths, np.argsort(confidences, kind="stable")
    groups = [group for group in np.array_split(order, min(_GROUPS, max(len(rates) // 8, 1))) if len(group)]
    middles = [confidences[group].mean() for group in groups]
    pooled = np.array([edits[group].sum() / max(lengths[group].sum(), 1) for group in groups])
    with themed_figure(theme, 6.0, 4.2) as drawn:
        axes = drawn.figure.add_subplot()
        axes.plot(confidences[dots], rates[dots], ".", color=theme.right, alpha=0.25, markersize=4, label="a line")
        axes.plot([0, 1], [1, 0], color=theme.ink, linewidth=0.8, linestyle="--", label="1 - confidence")
        low, high = np.array([_interval(edits[group], lengths[group], rng) for group in groups]).T
        axes.vlines(middles, low, high, theme.wrong, linewidth=1.5)
        axes.plot(middles, pooled, "o", color=theme.wrong, markersize=5, label="lines of like confidence")
        axes.set_xlim(max(float(confidences.min()) - 0.03, 0.0), 1.005)
        axes.set_ylim(-0.01, min(max(float(np.percentile(rates, 99)), 1 - float(confidences.min()), 0.05), 1.2))
        axes.xaxis.set_major_formatter(PercentFormatter(1, None))
        axes.yaxis.set_major_formatter(PercentFormatter(1, None))
        axes.set_xlabel("confidence of the line")
        axes.set_ylabel("its character error rate")
        drawn.figure.legend(frameon=False, loc="outside upper right", ncols=3, fontsize=9)
        return drawn.png()


def _interval(
    edits: npt.NDArray[np.float64], lengths: npt.NDArray[np.float64], rng: np.random.Generator
) -> tuple[float, float]:
    """Where the rate of lines like these lies; errors of a line come together, so it is lines that are drawn again."""
    chosen = rng.integers(0, len(edits), (500, len(edits)))
    low, high = np.percentile(edits[chosen].sum(axis=1) / np.maximum(lengths[chosen].sum(axis=1), 1), (2.5, 97.5))
    return float(low), float(high)
