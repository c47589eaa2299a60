"""Skew: by what angle the lines of a page climb or fall.

The angle at which the profile of the ink is sharpest: W. Postl, "Detection of linear oblique structures and skew scan
in digitized documents" (ICPR 1986).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_SKEW = 12.0
"""Degrees; what is turned by more is not found."""

_BIN = 3.0
"""Height of a bin of the profile, in pixels."""


def find_skew(points: NDArray[Any]) -> float:
    """The angle in degrees, positive where lines fall to the right, of ink whose pixels are `points` (N, 2: x, y)."""
    return measure_skew(points)[0]


def measure_skew(points: NDArray[Any]) -> tuple[float, float]:
    """The same angle, and by how many times the profile is sharper than at 0 degrees."""
    if len(points) < 2:
        return 0.0, 1.0
    coarse = np.arange(-MOST_SKEW, MOST_SKEW + 0.1, 0.75)
    angle = coarse[int(np.argmax(_sharpness(points, coarse)))]
    fine = np.clip(angle + np.arange(-0.6, 0.61, 0.15), -MOST_SKEW, MOST_SKEW)
    sharpness = _sharpness(points, np.append(fine, 0.0))
    best = int(np.argmax(sharpness[:-1]))
    return float(fine[best]), float(sharpness[best] / sharpness[-1])


def _sharpness(points: NDArray[Any], angles: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many pairs of points share a bin of the profile at each angle.

    Not over what points spread evenly would have: the profile of a wide, low page gets longer as it turns, and the
    words of a single row, each by itself on a stair, would seem sharper than the row.
    """
    turn = np.deg2rad(angles)[:, None]
    rows = (np.cos(turn) * points[:, 1] - np.sin(turn) * points[:, 0]) / _BIN
    bins = (rows - rows.min(axis=1, keepdims=True)).astype(np.intp)
    size = int(bins.max()) + 1
    bins += size * np.arange(len(angles))[:, None]
    counts = np.bincount(bins.ravel(), minlength=size * len(angles)).reshape(len(angles), size)
    return np.asarray((counts**2).sum(axis=1), np.int64)
