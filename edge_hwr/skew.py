"""Skew: by what angle the lines of a page climb or fall.

The angle at which the profile of the ink is sharpest: W. Postl, "Detection of linear oblique structures and skew scan
in digitized documents" (ICPR 1986).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MOST_SKEW = 12.0
"""Degrees; what is turned by more is not found, unless it is asked for."""

STEEPEST = 45.0
"""Degrees: what climbs by more falls by less, once the page is turned by a quarter."""

_STEEPER, _STEEP_STEP, _STEEP_SAMPLE = 1.05, 1.5, 1000
"""Lines may be steep if the profile of such a sample is so many times as sharp at an angle beyond, in steps so wide."""

_FINE = 0.6
"""Degrees to either side of the best coarse angle, in which the best one is looked for."""

_BIN = 3.0
"""Height of a bin of the profile, in pixels."""


def sample_ink(mask: NDArray[np.uint8], most: int) -> NDArray[np.int32]:
    """The places (N, 2: x, y) of so many pixels of ink, or fewer, taken at random, the same ones each time.

    Regular steps through pixels in raster order would see a pattern of their own.
    """
    found = cv2.findNonZero(mask)
    if found is None:
        return np.empty((0, 2), np.int32)
    # OpenCV 4 gives (N, 1, 2), OpenCV 5 (N, 2).
    points = np.asarray(found, np.int32).reshape(-1, 2)
    return np.asarray(points[np.random.default_rng(0).integers(0, len(points), min(len(points), most))], np.int32)


def find_skew(points: NDArray[Any], most: float = MOST_SKEW) -> float:
    """The angle in degrees, positive where lines fall to the right, of ink whose pixels are `points` (N, 2: x, y),
    and no more than `most`."""
    return measure_skew(points, most=most)[0]


def may_be_steep(points: NDArray[Any]) -> bool:
    """Whether the lines of such ink seem to climb or fall by more than `MOST_SKEW`."""
    few = points[:_STEEP_SAMPLE]
    if len(few) < 2:
        return False
    beyond = np.arange(MOST_SKEW + _STEEP_STEP, STEEPEST + 0.1, _STEEP_STEP)
    flat = np.arange(-MOST_SKEW, MOST_SKEW + 0.1, _STEEP_STEP)
    steep = _sharpness(few, np.append(-beyond, beyond)).max()
    return bool(steep >= _STEEPER * _sharpness(few, flat).max())


def measure_skew(points: NDArray[Any], least: float = 0.0, most: float = MOST_SKEW) -> tuple[float, float]:
    """The same angle, and by how many times the profile is sharper than at 0 degrees; 0 degrees, in less time, where it
    is less than `least`."""
    if len(points) < 2:
        return 0.0, 1.0
    coarse = np.arange(-most, most + 0.1, 0.75)
    angle = coarse[int(np.argmax(_sharpness(points, coarse)))]
    if abs(angle) + _FINE < least:
        return 0.0, 1.0
    fine = np.clip(angle + np.arange(-_FINE, _FINE + 0.01, 0.15), -most, most)
    sharpness = _sharpness(points, np.append(fine, 0.0))
    best = int(np.argmax(sharpness[:-1]))
    return float(fine[best]), float(sharpness[best] / sharpness[-1])


def turning(angle: float, width: int, height: int) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """From a picture turned back by an angle in degrees, large enough to hold all, to the one before.

    That one is `width` x `height`. Gives a homography (3, 3) between the centres of their pixels, and the size of the
    turned one, (width, height).
    """
    cos, sin = float(np.cos(np.deg2rad(angle))), float(np.sin(np.deg2rad(angle)))
    wide, high = round(width * cos + height * abs(sin)), round(height * cos + width * abs(sin))
    x, y = (width - 1) / 2, (height - 1) / 2
    u, v = (wide - 1) / 2, (high - 1) / 2
    return np.array([[cos, -sin, x - cos * u + sin * v], [sin, cos, y - sin * u - cos * v], [0, 0, 1]]), (wide, high)


def _sharpness(points: NDArray[Any], angles: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many pairs of points share a bin of the profile at each angle.

    Not over what points spread evenly would have: the profile of a wide, low page gets longer as it turns, and the
    words of a single row, each by itself on a stair, would seem sharper than the row.
    """
    turn = np.deg2rad(angles)
    across = np.stack([-np.sin(turn), np.cos(turn)], axis=1) / _BIN
    rows = across.astype(np.float32) @ points.T.astype(np.float32)
    bins = (rows - rows.min(axis=1, keepdims=True)).astype(np.int32)
    size = int(bins.max()) + 1
    bins += size * np.arange(len(angles), dtype=np.int32)[:, None]
    counts = np.bincount(bins.ravel(), minlength=size * len(angles)).reshape(len(angles), size)
    return np.asarray((counts**2).sum(axis=1), np.int64)
