"""Pale bars and angles: pieces of rules and of the walls of boxes, which would be read as dashes, ones and L.

They are told from strokes by their shade: the pen that wrote everything else wrote none as pale, nor did that of what
stands beside them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_hwr.components import Boxes, Labels
from edge_hwr.ink import Grey, Ink, darkest_by

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
    tall = sized & (h >= 0.5 * height)
    if tall.sum() < _FEWEST:
        return
    depths = np.zeros(len(components))
    seen = np.flatnonzero(bars | sized)
    depths[seen] = _depths(grey, ink, components[seen])
    pale = sized & (depths < _PALE * np.median(depths[tall]))
    angles = np.zeros(len(components), np.bool_)
    for index in np.flatnonzero(pale).tolist():
        x, y, w_, h_, _ = components[index].tolist()
        angles[index] = _is_angle(labels[y : y + h_, x : x + w_] == index + 1)
    writing = tall & ~angles
    if writing.sum() >= _FEWEST:
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


def _depths(grey: Grey, ink: Ink, pieces: Boxes) -> NDArray[np.float64]:
    """By how much pieces (N, 5: x, y, w, h, area of the mask) are darker than the paper: shares of it, (N,)."""
    step = ink.reduction
    shades = []
    for x, y, w, h, area in pieces.tolist():
        # As many pixels as the mask has; the darkest of them are the piece. Of each block the darkest: a fine stroke
        # runs between those of any regular steps.
        piece = grey[y * step : (y + h) * step, x * step : (x + w) * step]
        seen = (darkest_by(piece, step) if step > 1 else piece).ravel()
        median = min(area // 2, len(seen) - 1)
        shades.append(np.partition(seen, median)[median])
    middle = (pieces[:, :2] + pieces[:, 2:4] // 2) * step
    paper = ink.paper_at(middle[:, 0], middle[:, 1])
    return 1 - np.array(shades, np.float64) / np.maximum(paper, 1)


def _is_angle(piece: NDArray[np.bool_]) -> bool:
    """Whether a piece, cut out along its box, is a stroke along one level side of it and one along an upright side."""
    height, width = piece.shape
    deep, broad = max(2, round(_SIDE * height)), max(2, round(_SIDE * width))
    rest = np.inf
    for level in (piece[deep:], piece[:-deep]):
        rest = min(rest, level[:, broad:].sum(), level[:, :-broad].sum())
    return bool(rest <= _OUTSIDE * piece.sum())
