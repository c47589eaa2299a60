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
_LONGER = 0.25
"""The share of its height by which another tooth may be longer than one."""
_LEVEL = 0.02
"""Pixels per pixel by which the tips of teeth may rise or fall."""
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
    # The shorter first: with one of these, the longer teeth at the ends are alike.
    shorter_first = upright[np.argsort(h[upright], kind="stable")]
    left = np.array([index for index in shorter_first.tolist() if _on_rule(labels, components[index], ruling)], np.intp)
    while len(left) >= _LEAST_TEETH:
        teeth = _evenly_spaced(left[_alike(components[left[0]], components[left])], components)
        components[teeth, 4] = 0
        left = left[1:][~np.isin(left[1:], teeth)]


def _on_rule(labels: NDArray[np.integer[Any]], bar: NDArray[np.int32], ruling: NDArray[np.bool_]) -> bool:
    x, y, w, h, _ = bar.tolist()
    # The outer teeth stand beside the end of the rule.
    sides = slice(max(x - _TOUCHING, 0), x + w + _TOUCHING)
    foot = labels[max(y + h - _TOUCHING, 0) : y + h + _TOUCHING, sides]
    return bool(ruling[foot].any())


def _alike(one: NDArray[np.int32], others: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which bars (N, 5) are about as high and as thick as one, and end on its level; the outer teeth of a comb keep a
    piece of the rule below, where that ends."""
    x, y, w, h, _ = (others - one).T
    high = (h >= -max(_SLACK, _ALIKE * int(one[3]))) & (h <= max(_SLACK, _LONGER * int(one[3])))
    return np.asarray(high & (np.abs(w) <= _SLACK) & (np.abs(y) <= _SLACK + _LEVEL * np.abs(x)), np.bool_)


def _evenly_spaced(row: NDArray[np.intp], components: NDArray[np.int32]) -> NDArray[np.intp]:
    """Those of a row of bars whose distances are whole multiples of the least one; none where these are few."""
    row = row[np.argsort(components[row, 0])]
    if len(row) < _LEAST_TEETH:
        return row[:0]
    gaps = np.diff(components[row, 0] + components[row, 2] / 2)
    multiples = gaps / max(float(gaps.min()), 1.0)
    even = np.abs(multiples - np.round(multiples)) <= _ALIKE * multiples.round()
    # A one among them is at no such place, on neither of its sides.
    at_place = np.append(even, False) | np.append(False, even)
    return row[at_place] if np.count_nonzero(at_place) >= _LEAST_TEETH else row[:0]
