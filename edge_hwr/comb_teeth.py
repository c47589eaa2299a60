"""The teeth of combs: upright lines, evenly spaced on a rule, that part the places of a form and look like ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAST_TEETH = 4
_SLENDER = 4.0
"""Times its width: a tooth is higher."""
_ALIKE = 0.08
"""Teeth differ by such a share of their height, and their places by such a share of their distance; ones, written by
hand, by more."""
_LEVEL = 0.02
"""Pixels per pixel by which the feet of teeth may rise or fall."""
_SLACK = 1.5
"""Pixels by which anything printed may seem to be off."""
_TOUCHING = 2
"""Pixels: so close is the rule that a tooth stands on."""


def drop_teeth(labels: NDArray[np.integer[Any]], components: NDArray[np.int32], height: float) -> None:
    """Empty (area 0) the rows of components (N, 5: x, y, w, h, area) that are the teeth of combs.

    `labels` gives for each pixel the row of its component, plus one; the rows of ruling are empty already, and `height`
    is that of the writing.
    """
    w, h, area = (components[:, k] for k in (2, 3, 4))
    upright = np.flatnonzero((area > 0) & (h > _SLENDER * w) & (h >= 0.4 * height))
    if len(upright) < _LEAST_TEETH:
        return
    ruling = np.append(False, area == 0)
    left = [index for index in upright.tolist() if _on_rule(labels, components[index], ruling)]
    while len(left) >= _LEAST_TEETH:
        first = left[0]
        row = np.array([index for index in left if _alike(components[first], components[index])])
        teeth = _evenly_spaced(row, components)
        components[teeth, 4] = 0
        left = [index for index in left if index != first and index not in teeth]


def _on_rule(labels: NDArray[np.integer[Any]], bar: NDArray[np.int32], ruling: NDArray[np.bool_]) -> bool:
    x, y, w, h, _ = bar.tolist()
    foot = labels[y + h : y + h + _TOUCHING, x : x + w]
    return bool(ruling[foot].any())


def _alike(one: NDArray[np.int32], other: NDArray[np.int32]) -> bool:
    """Whether two bars are as high and as thick as one another, and stand on one level."""
    x, y, w, h, _ = (one - other).tolist()
    high = abs(h) <= max(_SLACK, _ALIKE * int(one[3]))
    return high and abs(w) <= _SLACK and bool(abs(y + h) <= _SLACK + _LEVEL * abs(x))


def _evenly_spaced(row: NDArray[np.intp], components: NDArray[np.int32]) -> list[int]:
    """Those of a row of bars whose distances are whole multiples of the least one; none where these are few."""
    row = row[np.argsort(components[row, 0])]
    if len(row) < _LEAST_TEETH:
        return []
    gaps = np.diff(components[row, 0] + components[row, 2] / 2)
    multiples = gaps / gaps.min()
    even = np.abs(multiples - np.round(multiples)) <= _ALIKE * multiples.round()
    # A one among them is at no such place, on neither of its sides.
    at_place = np.append(even, False) | np.append(False, even)
    return row[at_place].tolist() if np.count_nonzero(at_place) >= _LEAST_TEETH else []
