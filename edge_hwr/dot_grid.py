"""Dot grids: paper printed with small dots at the corners of squares, told apart from the dots of the writing on it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_LARGEST = 9
"""Pixels that a dot is wide or high, at most."""
_PITCHES = np.arange(10, 90)
"""Pixels between dots that are looked for."""
_LEAST_DOTS = 100
_LEAST_SHARE, _MOST_SHARE = 0.3, 1.2
"""Of the dots that there would be on the bare sheet: writing covers some. Dotted rules have more of them, and are left
to the preprocessing of lines, which takes them out whole."""
_CLEARLY = 3.0
"""By so many times as many dots stand a pitch apart as stand any distance apart: in grain all are alike."""
_TOLERANCE = 0.08
"""Dots may stand off their place by this share of the pitch: lenses bend, and sheets curl."""


def find_dot_grid(
    components: NDArray[np.int32], centres: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Which components of an upright mask of this shape (N, 5: x, y, w, h, area; centres (N, 2)) are dots of a grid;
    none of them where there is no such paper.

    A dot that touches a stroke stays with it.
    """
    x, y, w, h, area = components.T
    on_grid = np.zeros(len(components), np.bool_)
    small = np.flatnonzero((np.maximum(w, h) <= _LARGEST) & (np.maximum(w, h) <= 2 * np.minimum(w, h)))
    if len(small) < _LEAST_DOTS:
        return on_grid
    places = np.round(centres[small]).astype(np.intp)
    pitch = _find_pitch(places, shape)
    if not pitch:
        return on_grid
    near = _near(places, shape, max(round(_TOLERANCE * pitch), 1))
    neighbours = sum(_hits(near, places, dx, dy) for dx, dy in ((pitch, 0), (-pitch, 0), (0, pitch), (0, -pitch)))
    dots = small[np.asarray(neighbours) >= 2]
    if len(dots) < _LEAST_DOTS:
        return on_grid
    dots = dots[area[dots] <= 3 * np.median(area[dots])]
    width, height = np.ptp(x[dots]) / pitch + 1, np.ptp(y[dots]) / pitch + 1
    if _LEAST_SHARE <= len(dots) / (width * height) <= _MOST_SHARE:
        on_grid[dots] = True
    return on_grid


def _find_pitch(places: NDArray[np.intp], shape: tuple[int, ...]) -> int:
    """Pixels from dot to dot, across and down; 0 where they stand at any distance."""
    near = _near(places, shape, 1)
    pairs = np.array([_hits(near, places, d, 0).sum() + _hits(near, places, 0, d).sum() for d in _PITCHES.tolist()])
    # Twice the pitch is as frequent but for the rim, and where dots stand a fraction off, more so.
    first = int(np.argmax(pairs >= 0.8 * pairs.max()))
    best = first + int(np.argmax(pairs[first : first + 3]))
    return int(_PITCHES[best]) if pairs[best] >= max(_CLEARLY * float(np.median(pairs)), len(places) / 2) else 0


def _near(places: NDArray[np.intp], shape: tuple[int, ...], reach: int) -> NDArray[np.bool_]:
    """Which pixels of a picture of this shape are no farther than `reach` from one of the places (N, 2: x, y)."""
    points = np.zeros(shape[:2], np.uint8)
    points[places[:, 1], places[:, 0]] = 1
    return np.asarray(cv2.dilate(points, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0)


def _hits(near: NDArray[np.bool_], places: NDArray[np.intp], dx: int, dy: int) -> NDArray[np.bool_]:
    """Of each place whether there is another so far from it."""
    x, y = places[:, 0] + dx, places[:, 1] + dy
    height, width = near.shape
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return np.asarray(inside & near[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)])
