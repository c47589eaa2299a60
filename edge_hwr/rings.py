"""Rings around numbers, as answers and prices get them: left out, so that what stands within is read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_hwr.components import Boxes, Labels

_FULLEST = 0.3
"""Share of its box that a ring fills at most."""
_LEAST, _MOST = 1.2, 3.5
"""Times the height of what it is around, a ring is so high and wide at least, and at most."""
_LOW = 25
"""Percent of the pieces of ink are lower than what a ring is around."""
_FEWEST, _MOST_PIECES = 2, 1000
"""Pieces of ink that can be a ring and a number, and as many as are looked at: a picture of crumbs has no rings."""


def without_rings(labels: Labels, components: Boxes) -> Boxes:
    """The components (N, 5: x, y, w, h, area), of which rings around others have no extent and no area any more.

    `labels` gives for each pixel the row of its component, plus one.
    """
    if not _FEWEST <= len(components) <= _MOST_PIECES:
        return components
    x, y, w, h, area = components.T
    # Of a page of digits few are higher than others: only these are looked at.
    high = np.minimum(w, h) >= _LEAST * np.percentile(h, _LOW)
    emptied = components.copy()
    for index in np.flatnonzero(high & (area <= _FULLEST * w * h)).tolist():
        inside = (x > x[index]) & (y > y[index])
        inside &= (x + w < x[index] + w[index]) & (y + h < y[index] + h[index])
        inside &= (_MOST * h >= max(w[index], h[index])) & (_LEAST * h <= min(w[index], h[index]))
        within = np.flatnonzero(inside).tolist()
        if within and all(_is_around(labels, components, index, other) for other in within):
            emptied[index, 2:] = 0
    return emptied


def _is_around(labels: Labels, components: Boxes, ring: int, other: int) -> bool:
    """Whether a component has ink on all four sides of the middle of another one."""
    left, top, width, height, _ = components[ring].tolist()
    x, y, w, h, _ = components[other].tolist()
    outline: NDArray[np.bool_] = labels[top : top + height, left : left + width] == ring + 1
    column, row = x + w // 2 - left, y + h // 2 - top
    sides = (outline[row, :column], outline[row, column:], outline[:row, column], outline[row:, column])
    return all(side.any() for side in sides)
