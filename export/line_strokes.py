"""Pen strokes of whole lines: brought to one size, and written by another pen in a slightly different hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .line_paper import photograph_line, scan_line
from .paper import Picture
from .strokes import Pen, draw_strokes

Strokes = list[npt.NDArray[np.float32]]

_THICKEST = 0.07
"""Of pens, in heights of a line: with thicker ones loops fill up."""


def to_unit_height(strokes: Strokes) -> Strokes:
    """Moved and scaled so that the box has the height 1, as recorded lines have."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = np.float32(1 / max(float(high[1] - low[1]), 0.1))
    return [(stroke - low) * scale for stroke in strokes]


def write_strokes(strokes: Strokes, rng: np.random.Generator, *, camera: bool) -> Picture:
    """Strokes of a line, in a slightly different hand, with a random pen at a random size."""
    height = float(np.exp(rng.uniform(np.log(28), np.log(90))))
    pen = Pen.random(rng)
    # Pens are as wide as they are for characters, of whose heights a line has about one and a half.
    thin = Pen(
        min(pen.width * 0.65, _THICKEST), pen.pressure, pen.nib, pen.nib_angle, pen.faintness, pen.skips, pen.grain
    )
    ink = draw_strokes(_other_hand(strokes, rng), rng, height_px=height, pen=thin)
    return photograph_line(ink, rng) if camera else scan_line(ink, rng)


def _other_hand(strokes: Strokes, rng: np.random.Generator) -> Strokes:
    """Slanted and stretched otherwise, along a less straight baseline; gentler than for characters alone."""
    slant, aspect = rng.normal(0.0, (0.16, 0.14)).clip(-0.4, 0.4)
    waves = [(rng.normal(0, 0.035), rng.uniform(0.6, 3.0), rng.uniform(0, 2 * np.pi)) for _ in range(2)]
    moved = []
    for stroke in strokes:
        x, y = stroke[:, 0], stroke[:, 1]
        (lift, turns, phase), (push, presses, start) = waves
        bent = y + lift * np.sin(turns * x + phase)
        moved.append(np.stack([(x + push * np.sin(presses * x + start) - slant * bent) * np.exp(aspect), bent], axis=1))
    return [stroke.astype(np.float32) for stroke in moved]
