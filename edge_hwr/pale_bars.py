"""Pale bars: pieces of rules and of the walls of boxes, which would be read as dashes and ones.

They are told from strokes by their shade alone: the pen that wrote everything else wrote none as pale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_hwr.components import Boxes
from edge_hwr.ink import Grey, Ink

_SLENDER = 3.0
"""Times as long as it is wide, at least; and narrower than this share of the writing's height: """
_THICK = 0.3

_FEWEST = 4
"""Glyphs, to tell how dark the writing is."""

_PALEST = 15
"""Percent of the glyphs may be paler than what the bars are compared with: they may be pieces of boxes, too."""

_PALE = 0.75
"""Of the depth of the palest writing: what is less deep is none of it."""

_DARKEST = 25
"""Percent of a piece's box that are its core; the rest is its soft edge, and the paper between its strokes."""


def drop_pale_bars(grey: Grey, ink: Ink, components: Boxes, height: float) -> None:
    """Empty (area 0) the rows of components (N, 5: x, y, w, h, area of the mask) that are pale bars.

    `height` is that of the writing.
    """
    w, h = components[:, 2], components[:, 3]
    long, broad = np.maximum(w, h), np.minimum(w, h)
    alive = components[:, 4] > 0
    bars = alive & (long >= _SLENDER * broad) & (broad <= _THICK * height) & (long >= 0.25 * height)
    glyphs = alive & ~bars & (h >= 0.5 * height) & (h <= 1.9 * height) & (w <= 2 * height)
    if not bars.any() or glyphs.sum() < _FEWEST:
        return
    palest = np.percentile(_depths(grey, ink, components[glyphs]), _PALEST)
    found = np.flatnonzero(bars)
    components[found[_depths(grey, ink, components[found]) < _PALE * palest], 4] = 0


def _depths(grey: Grey, ink: Ink, boxes: Boxes) -> NDArray[np.float64]:
    """By how much the cores of pieces (N, ...: x, y, w, h of the mask) are darker than the paper; shares, (N,)."""
    step = ink.reduction
    cores = []
    for left, top, right, bottom in np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:4]]).tolist():
        # As many pixels as the mask has: it is what a piece is as a whole that counts.
        piece = grey[top * step : bottom * step : step, left * step : right * step : step].ravel()
        darkest = len(piece) * _DARKEST // 100
        cores.append(np.partition(piece, darkest)[darkest])
    middle = (boxes[:, :2] + boxes[:, 2:4] // 2) * step
    paper = ink.paper_at(middle[:, 0], middle[:, 1])
    return 1 - np.array(cores, np.float64) / np.maximum(paper, 1)
