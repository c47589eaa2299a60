"""Squared paper: printed lines in both directions, found by how dark the page is all along them.

A threshold breaks such fine lines wherever writing is near; their darkness goes on. Openings of the grey picture along
a line, as in J. Serra, "Image Analysis and Mathematical Morphology" (1982), find what is dark over a whole run.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.ink import BLOCK, Grey, Ink
from edge_hwr.skew import find_skew

_RUN = 90
"""Pixels of a line that no stroke of a letter, and no letters one below the other, are as long as."""
_GAP = 3
"""Pixels, one less of which a line may be broken over by the grain of the picture."""
_BROAD = 8
"""What is so broad is no printed line but a fold, or the edge of the sheet."""
_FAINTEST = 12
"""By so many of 255 a line is darker than the paper, at least."""
_LEAST_LINES = 8
_REGULAR, _OFF = 0.7, 0.15
"""Of the distances between upright lines so many are whole multiples of the usual one, up to a share of it."""
_LEVEL = 0.3
"""Degrees; lines that climb by less are as good as level."""
_SKEW_POINTS = 20_000
_REVIVED = 4
"""What is darker than a line by some levels gets back so many times as many, and ink so all of its darkness."""


def find_squares(depth: Grey, inside: Grey | None = None) -> Grey:
    """How much darker than paper the lines of squared paper are, uint8 (H, W), on an upright page of which `depth` says
    how dark it is, uint8 (H, W); 0 off them, and everywhere on any other paper. `inside` is 255 where the page was
    seen, 0 where lines may go on unseen.

    Ruled lines alone are left to the preprocessing of lines, which takes them out with less harm.
    """
    inside = np.full_like(depth, 255) if inside is None else inside
    upright = np.ascontiguousarray(_lines(np.ascontiguousarray(depth.T), np.ascontiguousarray(inside.T)).T)
    if not _is_regular(np.count_nonzero(upright, axis=0) >= _RUN):
        return np.zeros_like(depth)
    return np.maximum(upright, _lines(depth, inside))


def erase_squares(grey: Grey, ink: Ink) -> Grey | None:
    """A frame uint8 (H, W), whose ink is given, without the lines of squared paper, as if it had been written on plain
    paper; None where there are no squares. What is clearly darker than the lines is left."""
    factor, (height, width) = ink.reduction, ink.mask.shape
    looked_at = grey[: height * factor, : width * factor]
    # The darkest pixel of each block: a mean would tell lines that run between two blocks as half as dark.
    darkest = cv2.erode(looked_at, np.ones((factor, factor), np.uint8), anchor=(0, 0))[::factor, ::factor]
    size = (ink.paper.shape[1] * BLOCK, ink.paper.shape[0] * BLOCK)
    paper = cv2.resize(ink.paper, size, interpolation=cv2.INTER_LINEAR)[:height, :width]
    printed = _find_oblique_squares(np.asarray(cv2.subtract(paper, darkest), np.uint8), _skew(ink.mask))
    if not printed.any():
        return None
    # Here and there a line is darker than all along it.
    printed = np.asarray(cv2.add(printed, printed >> 2), np.uint8)
    whole = (width * factor, height * factor)
    lines = cv2.resize(printed, whole, interpolation=cv2.INTER_LINEAR)
    bare = cv2.resize(paper, whole, interpolation=cv2.INTER_LINEAR)
    depth = cv2.subtract(bare, looked_at)
    above = cv2.subtract(depth, lines)
    erased = grey.copy()
    written = cv2.subtract(bare, cv2.min(depth, cv2.convertScaleAbs(above, alpha=_REVIVED)))
    np.copyto(erased[: whole[1], : whole[0]], written, where=lines > 0)
    return erased


def _skew(mask: Grey) -> float:
    """Degrees by which most of the ink runs off the level, 0 where that is next to nothing."""
    y, x = np.nonzero(mask)
    points = np.stack([x, y], axis=1)
    degrees = find_skew(points[:: 1 + len(points) // _SKEW_POINTS])
    return degrees if abs(degrees) > _LEVEL else 0.0


def _find_oblique_squares(depth: Grey, degrees: float) -> Grey:
    """`find_squares` in a frame whose lines run off the level by so many degrees."""
    height, width = depth.shape
    radians = np.deg2rad(abs(degrees))
    cos, sin = np.cos(radians), np.sin(radians)
    size = (int(width * cos + height * sin) + 2 * _RUN, int(width * sin + height * cos) + 2 * _RUN)
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    turn[:, 2] += (size[0] - width) // 2, (size[1] - height) // 2
    inside = cv2.warpAffine(np.full_like(depth, 255), turn, size, flags=cv2.INTER_NEAREST)
    squares = find_squares(np.asarray(cv2.warpAffine(depth, turn, size), np.uint8), np.asarray(inside, np.uint8))
    back = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(squares, turn, (width, height), flags=back), np.uint8)


def _lines(depth: Grey, inside: Grey) -> Grey:
    """How dark the level line is that a pixel is on, or next to; 0 where there is none."""
    joined = cv2.morphologyEx(depth | ~inside, cv2.MORPH_CLOSE, np.ones((1, _GAP), np.uint8))
    # A line that is not quite level goes on in the next row.
    wandering = cv2.dilate(joined, np.ones((3, 1), np.uint8))
    dark = cv2.morphologyEx(
        wandering, cv2.MORPH_OPEN, np.ones((1, _RUN), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=(0,)
    )
    dark = cv2.min(dark, inside)
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
