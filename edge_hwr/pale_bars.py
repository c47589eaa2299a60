"""Pale bars and angles: pieces of rules and of the walls of boxes, which would be read as dashes, ones and L.

They are told from strokes by their shade: the pen that wrote everything else wrote none as pale, nor did that of what
stands beside them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_hwr.components import Boxes, Labels
from edge_hwr.ink import Grey, Ink

_SLENDER = 3.0
"""A bar is so many times as long as it is wide, at least; and narrower than this share of the writing's height: """
_THICK = 0.3

_SIDE = 0.15
"""An angle is in two sides of its box, each of this share of it (and two pixels at least, for it may be tilted)."""
_OUTSIDE = 0.1
"""Of its ink, at most."""

_LONG = 0.25
"""In heights of the writing: shorter pieces are dots and commas, or nothing at all."""

_FEWEST = 4
"""Glyphs, to tell how dark the writing is."""

_PALEST = 15
"""Percent of the glyphs may be paler than what bars and angles are compared with: not every piece is a glyph."""

_PALE = 0.75
"""Of the depth of the palest writing: what is less deep is none of it."""

_BESIDE = 2.5
"""Heights of the writing between the middles of a piece and of what stands beside it, at most."""


def drop_pale_bars(grey: Grey, ink: Ink, labels: Labels, components: Boxes, height: float) -> None:
    """Empty (area 0) the rows of components (N, 5: x, y, w, h, area of the mask) that are pale bars or angles.

    `labels` gives for each pixel of the mask the row of its component, plus one; `height` is that of the writing.
    """
    w, h = components[:, 2], components[:, 3]
    long, broad = np.maximum(w, h), np.minimum(w, h)
    long_enough = (components[:, 4] > 0) & (long >= _LONG * height)
    bars = long_enough & (long >= _SLENDER * broad) & (broad <= _THICK * height)
    sized = long_enough & ~bars & (h <= 1.9 * height) & (w <= 2 * height)
    # No more ink than two sides hold, before each is looked at.
    sides = w * np.maximum(2, np.rint(_SIDE * h)) + h * np.maximum(2, np.rint(_SIDE * w))
    angles = np.zeros(len(components), np.bool_)
    for index in np.flatnonzero(sized & ((1 - _OUTSIDE) * components[:, 4] <= sides)).tolist():
        x, y, w_, h_, _ = components[index].tolist()
        angles[index] = _is_angle(labels[y : y + h_, x : x + w_] == index + 1)
    writing = sized & ~angles & (h >= 0.5 * height)
    if not (bars | angles).any() or writing.sum() < _FEWEST:
        return
    depths = _depths(grey, ink, labels, components)
    palest = np.percentile(depths[writing], _PALEST)
    for index in np.flatnonzero((bars | angles) & (depths < _PALE * palest)).tolist():
        beside = writing & _beside(components, index, _BESIDE * height)
        # A few words in another pen are paler than all the rest, and so are their ones.
        if not beside.any() or depths[index] < _PALE * np.median(depths[beside]):
            components[index, 4] = 0


def _beside(components: Boxes, index: int, reach: float) -> NDArray[np.bool_]:
    """What stands in one line with a component, its middle no farther off than `reach`, (N,)."""
    middles = components[:, :2] + components[:, 2:4] / 2
    across, down = np.abs(middles - middles[index]).T
    return np.asarray((across <= reach) & (down <= np.maximum(components[:, 3], components[index, 3]) / 2))


def _depths(grey: Grey, ink: Ink, labels: Labels, components: Boxes) -> NDArray[np.float64]:
    """By how much components (N, 5: x, y, w, h, area) are darker than the paper, as shares of it: medians, (N,)."""
    step = ink.reduction
    rows, columns = np.nonzero(labels)
    # Of each block the darkest pixel: a fine stroke runs between those of any regular steps.
    shades = np.full(len(rows), 255, np.uint8)
    for down in range(step):
        for right in range(step):
            np.minimum(shades, grey[rows * step + down, columns * step + right], out=shades)
    pieces = labels[rows, columns] - 1
    counts = np.bincount(pieces, minlength=len(components))
    in_order = np.sort(pieces * 256 + shades)
    medians = np.minimum(np.cumsum(counts) - counts + counts // 2, len(in_order) - 1)
    middle = (components[:, :2] + components[:, 2:4] // 2) * step
    paper = ink.paper_at(middle[:, 0], middle[:, 1])
    return np.asarray(1 - (in_order[medians] & 255) / np.maximum(paper, 1), np.float64)


def _is_angle(piece: NDArray[np.bool_]) -> bool:
    """Whether a piece, cut out along its box, is a stroke along one level side of it and one along an upright side."""
    height, width = piece.shape
    deep, broad = max(2, round(_SIDE * height)), max(2, round(_SIDE * width))
    rest = np.inf
    for level in (piece[deep:], piece[:-deep]):
        rest = min(rest, level[:, broad:].sum(), level[:, :-broad].sum())
    return bool(rest <= _OUTSIDE * piece.sum())
