"""Where the writing of a line runs: position, slope and size, from the moments of its ink.

They are those of the ink (mean, regression and standard deviation of its rows, after M. Kozielski et al., "Moment-based
image normalization for handwritten text recognition", ICFHR 2012), not those of the crop, whose border depends on who
cut it. All of it is whole numbers, the same on every processor.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from edge_hwr.ink import Grey, reduce_by

_COARSE_HEIGHT = 32
"""Position and size are measured on a picture of about so many rows."""

_SUBPIXEL = 64
"""Rows are measured in these parts of a pixel."""

_STEEPEST = 12
"""Lines steeper than 1 : 12 are taken for level: such a slope is rather a word's own, or a stain's."""


@dataclass(frozen=True, slots=True)
class Zone:
    """The rows of the writing: their number, the first one in the middle column, and how many columns it takes the
    line to fall by one row (0: level; below 0: it climbs)."""

    rows: int
    first: int
    middle: int
    columns_per_row: int

    def tops(self, columns: NDArray[np.int64]) -> NDArray[np.int64]:
        """The first row in each of these columns."""
        if not self.columns_per_row:
            return np.full_like(columns, self.first)
        fall = (2 * (columns - self.middle) + self.columns_per_row) // (2 * self.columns_per_row)
        return np.asarray(self.first + fall)


def measure_zone(ink: Grey, reach: int) -> Zone:
    """Where the writing of a crop, ink 255 on paper 0, runs, leaving out what stands far off: neighbouring lines.

    The zone is `reach` sixteenths of the standard deviation of the ink's rows above and below their mean.
    """
    height, width = ink.shape
    factor = max(height // _COARSE_HEIGHT, 1)
    weights = reduce_by(ink, factor).astype(np.float64)
    rows, columns = weights.shape
    y = (np.arange(rows, dtype=np.float64) * 2 + 1) * (_SUBPIXEL // 2)
    powers = np.stack([y**0, y, y**2])
    x = np.arange(columns, dtype=np.int64) - columns // 2
    places = np.stack([x**0, x, x**2], axis=1).astype(np.float64)
    course = np.full(columns, rows * _SUBPIXEL // 2, np.int64)
    # At first the middle four fifths of the crop: lines are cut out with remains of others at the edges.
    spread = rows * _SUBPIXEL * 4 // 25
    rise, run = 0, 1
    for _ in range(5):
        # Whole numbers far below 2 ** 53: exact in floating point, where a matrix product is the fastest sum.
        by_column = _moments_near(weights, powers, course, spread * 5 // 2)
        moments = by_column @ places
        total, across, squares_across = moments[0].astype(np.int64).tolist()
        heights, tilt = moments[1, :2].astype(np.int64).tolist()
        if total == 0:
            spread = rows * _SUBPIXEL
            continue
        mean, centre = heights // total, across // total
        rise = (tilt - centre * heights - mean * (across - centre * total)) // _SUBPIXEL
        run = squares_across - 2 * centre * across + centre * centre * total
        # Short lines have no slope to speak of: the letters of one word would make it.
        if columns < 5 * rows or run == 0 or abs(rise) * _STEEPEST > run:
            rise, run = 0, 1
        course = mean + rise * _SUBPIXEL * (x - centre) // run
        at = course.astype(np.float64)
        square = int(moments[2, 0] - 2 * (at @ by_column[1]) + (at * at) @ by_column[0])
        spread = max(isqrt(square // total), _SUBPIXEL)
    centre_row = int(course[columns // 2]) * factor
    half = max(spread * factor * reach // 16, height * _SUBPIXEL // 10, 4 * _SUBPIXEL)
    first = (centre_row - half + _SUBPIXEL // 2) // _SUBPIXEL
    slope = (run + (abs(rise) // 2)) // rise if abs(rise) * width > run else 0
    return Zone(max(2 * half // _SUBPIXEL, 8), first, columns // 2 * factor, slope)


def cut_zone(ink: Grey, zone: Zone) -> Grey:
    """The rows of the zone, level, uint8 (zone.rows, width), bare paper where they lie outside of the crop."""
    height, width = ink.shape
    level = np.zeros((zone.rows, width), np.uint8)
    tops = zone.tops(np.arange(width, dtype=np.int64))
    starts = np.flatnonzero(np.diff(tops, prepend=tops[0] - 1))
    for start, end, top in zip(starts.tolist(), [*starts[1:].tolist(), width], tops[starts].tolist(), strict=True):
        low, high = max(top, 0), min(top + zone.rows, height)
        if low < high:
            level[low - top : high - top, start:end] = ink[low:high, start:end]
    return level


def _moments_near(
    weights: NDArray[np.float64], powers: NDArray[np.float64], course: NDArray[np.int64], reach: int
) -> NDArray[np.float64]:
    """For each column, `powers` (3, rows) times the weights, (rows, columns), of rows no farther than `reach` from the
    course: (3, columns). Neighbouring columns mostly want the same rows."""
    first = (course + (_SUBPIXEL // 2 - 1 - reach)) // _SUBPIXEL
    last = (course + (_SUBPIXEL // 2 + reach)) // _SUBPIXEL
    changes = np.flatnonzero((first[1:] != first[:-1]) | (last[1:] != last[:-1])) + 1
    moments = np.empty((len(powers), len(course)))
    for start, end in pairwise([0, *changes.tolist(), len(course)]):
        band = slice(max(int(first[start]), 0), max(int(last[start]), 0))
        np.matmul(powers[:, band], weights[band, start:end], out=moments[:, start:end])
    return moments
