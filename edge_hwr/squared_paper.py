"""Squared paper, and ruled: printed lines in both directions or one, found by how dark the page is all along them.

A threshold breaks such fine lines wherever writing is near; their darkness goes on. Openings of the grey picture along
a line, as in J. Serra, "Image Analysis and Mathematical Morphology" (1982), find what is dark over a whole run.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.form_walls import has_walls
from edge_hwr.ink import Grey, Ink, above_print, darkest_by
from edge_hwr.upright import PAPER, lay_upright

_RUN = 90
"""Pixels of a line that no stroke of a letter, and no letters one below the other, are as long as."""
_WALL = 12
"""The walls of boxes are as high as this part of the frame's height, at least."""
_GAP = 3
"""Pixels, one less of which a line may be broken over by the grain of the picture."""
_BROAD = 8
"""What is so broad is no printed line but a fold, or the edge of the sheet."""
_FAINTEST = 12
"""By so many of 255 a line is darker than the paper, at least."""
_LEAST_LINES = 8
_LEAST_RULES = 3
"""Level lines alone, across half of the frame, are as many on ruled paper: no letter has them."""
_WANDER = 5
"""Rows that a level line may lie in."""
DARK_RULES = 60
"""By so many of 255 darker than the paper, level lines part what is written above them from what is below."""
_REGULAR, _OFF = 0.7, 0.15
"""Of the distances between upright lines so many are whole multiples of the usual one, up to a share of it."""


def find_squares(depth: Grey, seen: Grey | None = None) -> Grey:
    """How much darker than paper the lines of squared paper are, uint8 (H, W), on an upright page of which `depth` says
    how dark it is, uint8 (H, W); 0 off them, and everywhere on any other paper. Where `seen` is 0, and not 255, lines
    may go on unseen.

    Ruled lines alone are left to the preprocessing of lines, which takes them out with less harm.
    """
    seen = np.full_like(depth, 255) if seen is None else seen
    upright = np.ascontiguousarray(_lines(np.ascontiguousarray(depth.T), np.ascontiguousarray(seen.T)).T)
    if not _is_regular(np.count_nonzero(upright, axis=0) >= _RUN):
        return np.zeros_like(depth)
    return np.maximum(upright, _lines(depth, seen))


def find_rules(depth: Grey, seen: Grey | None = None, *, faintest: int = _FAINTEST) -> Grey:
    """As `find_squares`, of ruled paper whose lines are no fainter than that and cross half of what is seen."""
    seen = np.full_like(depth, 255) if seen is None else seen
    level = _lines(depth, seen)
    level[level < faintest] = 0
    near = cv2.dilate(level, np.ones((_WANDER, 1), np.uint8))
    ruled = np.count_nonzero(near, axis=1) > np.count_nonzero(seen.any(axis=0)) // 2
    if np.count_nonzero(ruled[1:] & ~ruled[:-1]) < _LEAST_RULES:
        return np.zeros_like(depth)
    level[~ruled] = 0
    return level


def erase_ruling(grey: Grey, ink: Ink, *, rules: bool) -> Grey | None:
    """A frame uint8 (H, W), whose ink is given, as if it had been written on plain paper under even light; None where
    it shows no squares or, with `rules`, those of ruled paper. They may run off the level."""
    upright = lay_upright(grey, ink, None)
    # A corner of the frame is crossed by less of a line than makes one.
    depth, seen = (
        np.asarray(cv2.copyMakeBorder(page, _RUN, _RUN, _RUN, _RUN, cv2.BORDER_CONSTANT, value=(0,)), np.uint8)
        for page in (upright.depth(darkest_by), upright.seen())
    )
    lines = find_squares(depth, seen)
    if rules and not lines.any():
        lines = find_rules(depth, seen)
        # The boxes of a form are left to be cut whole: without their level lines, their walls are read as ones.
        if lines.any() and has_walls(depth, lines, least=grey.shape[0] // ink.reduction // _WALL):
            return None
    lines = np.ascontiguousarray(lines[_RUN:-_RUN, _RUN:-_RUN])
    if not lines.any():
        return None
    # Here and there a line is darker than all along it.
    lines = np.asarray(cv2.add(lines, lines >> 2), np.uint8)
    printed = np.asarray(cv2.warpPerspective(lines, upright.to_picture, grey.shape[::-1]), np.uint8)
    return PAPER - above_print(PAPER - np.minimum(upright.flattened(), PAPER), printed, times=4)


def _lines(depth: Grey, seen: Grey) -> Grey:
    """How dark the level line is that a pixel is on, or next to; 0 where there is none."""
    joined = cv2.morphologyEx(depth | ~seen, cv2.MORPH_CLOSE, np.ones((1, _GAP), np.uint8))
    # A line that is not quite level goes on in the next row.
    wandering = cv2.dilate(joined, np.ones((3, 1), np.uint8))
    dark = cv2.morphologyEx(
        wandering, cv2.MORPH_OPEN, np.ones((1, _RUN), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=(0,)
    )
    dark = cv2.min(dark, seen)
    lines = cv2.subtract(dark, cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((_BROAD, 1), np.uint8)))
    return np.asarray(cv2.threshold(lines, _FAINTEST - 1, 255, cv2.THRESH_TOZERO)[1], np.uint8)


def _is_regular(ruled: NDArray[np.bool_]) -> bool:
    """Whether columns that are ruled stand as those of squares do."""
    begins = np.flatnonzero(ruled[1:] & ~ruled[:-1])
    if len(begins) < _LEAST_LINES:
        return False
    gaps = np.diff(begins)
    multiples = gaps / np.median(gaps)
    regular = (multiples > 0.5) & (np.abs(multiples - np.round(multiples)) <= _OFF)
    return bool(regular.mean() >= _REGULAR)
