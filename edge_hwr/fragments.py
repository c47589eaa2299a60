"""Pieces of one glyph: a digit broken by a pen that skipped, the dot of an i, the bar of a five."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WIDEST = 3.0
"""In heights of the writing. Three digits that touch are no glyph, but to be marked as unread rather than left out."""
_TALLEST = 1.9
_MARK = 0.35
"""A mark (a dot, a comma) is smaller than this share of the writing's height."""


def join_fragments(components: NDArray[np.int32], height: float, *, marks: bool = False) -> NDArray[np.int32]:
    """Give every component (N, 5: x, y, w, h, area) the number of its glyph; pieces of one glyph share theirs.

    `height` is that of the writing. Specks, furniture and emptied rows get -1. A fragment is much lower than the
    writing; it joins the nearest piece when the gap between them is that of a pen that skipped (up to a sixth of the
    height of the writing) and the two together are still of a glyph's size. With `marks` there are dots and dashes to
    be read: what is above or below a piece joins it over a wider gap (an i, a colon), what is small and beside it
    does not (a full stop).
    """
    w, h = components[:, 2], components[:, 3]
    alive = (
        (components[:, 4] > 0)
        & (np.maximum(w, h) >= (0.08 if marks else 0.12) * height)
        & (w <= WIDEST * height)
        & (h <= _TALLEST * height)
    )
    group = np.full(len(components), -1, np.int32)
    indices = np.flatnonzero(alive)
    indices = indices[np.argsort(components[indices, 0], kind="stable")]
    rows = components[indices].astype(np.float64)
    parent = list(range(len(rows)))
    fragments = np.flatnonzero(rows[:, 3] < 0.62 * height)
    for f in fragments[np.argsort(-rows[fragments, 4], kind="stable")].tolist():
        best = _nearest(rows, f, height, marks)
        if best >= 0:
            parent[_root(parent, f)] = _root(parent, best)
    group[indices] = indices[[_root(parent, k) for k in range(len(parent))]]
    return group


def _nearest(rows: NDArray[np.float64], f: int, height: float, marks: bool) -> int:
    """The piece that fragment `f` belongs to, or -1; `rows` are sorted by their left edges."""
    x, y, w, h = rows[f, :4].tolist()
    reach = 0.12 * height
    first, last = np.searchsorted(rows[:, 0], (x - reach - WIDEST * height, x + w + reach + 1e-6)).tolist()
    others = rows[first:last]
    right, bottom = others[:, 0] + others[:, 2], others[:, 1] + others[:, 3]
    gap_x = np.maximum(np.maximum(others[:, 0] - (x + w), x - right), 0)
    gap_y = np.maximum(np.maximum(others[:, 1] - (y + h), y - bottom), 0)
    joint_w = np.maximum(right, x + w) - np.minimum(others[:, 0], x)
    joint_h = np.maximum(bottom, y + h) - np.minimum(others[:, 1], y)
    near = (gap_x <= reach) & (gap_y <= 0.18 * height)
    if marks:
        small = max(w, h) < _MARK * height
        overlap = np.minimum(right, x + w) - np.maximum(others[:, 0], x)
        stacked = overlap >= 0.3 * np.minimum(others[:, 2], w)
        near = (near & ((gap_x == 0) | (not small))) | (stacked & (gap_y <= 0.45 * height))
    near &= (joint_w <= np.maximum(1.15 * height, 1.25 * others[:, 2])) & (joint_h <= 1.45 * height)
    near[f - first] = False
    candidates = np.flatnonzero(near)
    if len(candidates) == 0:
        return -1
    best = np.argmin((gap_x + gap_y)[candidates] - 0.01 * others[candidates, 3])
    return int(first + candidates[best])


def _root(parent: list[int], k: int) -> int:
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k
