"""Columns: lines that run across a gutter are cut there, and blocks are read one after the other.

The order is that of the recursive X-Y cut of G. Nagy and S. Seth, "Hierarchical representation of optically scanned
documents" (ICPR 1984).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

Interval = tuple[int, int]

_LEAST_GUTTER = 2.0
"""In pitches: words stand closer to each other than columns."""
_LEAST_LINES = 3
"""So many lines on end must have the gap for it to be a gutter."""
_FARTHEST = 3.0
"""Lines that are further from each other, in distances from line to line, are not of one column."""


def cut_at_gutters(inked: NDArray[np.bool_], middles: Sequence[float], pitch: float) -> list[list[Interval]]:
    """For each line the stretches (first, last + 1) of bins with ink: one, or several where gutters part it.

    `inked` (lines, bins) tells where along the page each line has ink, lines from top to bottom at rows `middles`;
    `pitch` is in bins, `middles` too.
    """
    rows = _rows(inked, middles, pitch)
    heights = [middles[row[0]] for row in rows]
    gaps = [_gaps(np.asarray(inked[row].any(axis=0)), _LEAST_GUTTER * pitch) for row in rows]
    # Where every other line is left out, lines are further apart than is usual for writing of their height.
    farthest = _FARTHEST * max(pitch, float(np.median(np.diff(heights)))) if len(rows) > 1 else 0.0
    cuts: list[list[float]] = [[] for _ in middles]
    for start, here in enumerate(gaps):
        for gap in here:
            low, high, end = gap[0], gap[1], start
            for row in range(start + 1, len(gaps)):
                common = [(max(low, a), min(high, b)) for a, b in gaps[row] if min(high, b) - max(low, a) >= pitch]
                if not common or heights[row] - heights[row - 1] > farthest:
                    break
                (low, high), end = common[0], row
            if end - start + 1 >= _LEAST_LINES:
                for line in chain.from_iterable(rows[start : end + 1]):
                    cuts[line].append((low + high) / 2)
    return [_stretches(row, sorted(places)) for row, places in zip(inked, cuts, strict=True)]


def reading_order(boxes: NDArray[Any], pitch: float) -> list[int]:
    """The order in which boxes (N, 4: x, y, w, h) are read: columns from left to right, each from top to bottom."""
    return _order(list(range(len(boxes))), np.asarray(boxes, np.float64), pitch)


def _rows(inked: NDArray[np.bool_], middles: Sequence[float], pitch: float) -> list[list[int]]:
    """The lines of each row: over a wide gap the parts of one may have been found as lines of their own."""
    rows: list[list[int]] = []
    for line, middle in enumerate(middles):
        if rows and middle - middles[rows[-1][0]] < 0.5 * pitch and not _overlap(inked[rows[-1]], inked[line]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _overlap(parts: NDArray[np.bool_], line: NDArray[np.bool_]) -> bool:
    """Whether a line reaches beside or into what is there of its row (parts, bins)."""
    one, other = np.flatnonzero(parts.any(axis=0)), np.flatnonzero(line)
    return not (len(one) and len(other)) or bool(one[0] <= other[-1] and other[0] <= one[-1])


def _gaps(row: NDArray[np.bool_], least: float) -> list[Interval]:
    places = np.flatnonzero(row)
    wide = np.flatnonzero(np.diff(places) > least)
    return [(int(places[k]) + 1, int(places[k + 1])) for k in wide]


def _stretches(row: NDArray[np.bool_], cuts: list[float]) -> list[Interval]:
    places = np.flatnonzero(row)
    if len(places) == 0:
        return []
    parts = np.split(places, np.unique(np.searchsorted(places, cuts)))
    return [(int(part[0]), int(part[-1]) + 1) for part in parts if len(part)]


def _order(which: list[int], boxes: NDArray[np.float64], pitch: float) -> list[int]:
    down = sorted(which, key=lambda k: float(boxes[k, 1] + boxes[k, 3] / 2))
    if len(which) < 4:
        return down
    across = sorted(which, key=lambda k: float(boxes[k, 0]))
    edge = np.maximum.accumulate(boxes[across, 0] + boxes[across, 2])
    free = boxes[across[1:], 0] - edge[:-1]
    for cut in np.argsort(-free, kind="stable").tolist():
        if free[cut] < 0.5 * pitch:
            break
        left, right = across[: cut + 1], across[cut + 1 :]
        if min(len(left), len(right)) >= 2 and _beside(boxes[left], boxes[right]):
            return _order(left, boxes, pitch) + _order(right, boxes, pitch)
    low = np.maximum.accumulate(boxes[down, 1] + boxes[down, 3])
    # Lines of writing reach into each other: half a line of overlap is no hindrance to a cut between them.
    free = boxes[down[1:], 1] + 0.5 * pitch - low[:-1]
    cut = int(np.argmax(free))
    if free[cut] <= 0:
        return down
    return _order(down[: cut + 1], boxes, pitch) + _order(down[cut + 1 :], boxes, pitch)


def _beside(left: NDArray[np.float64], right: NDArray[np.float64]) -> bool:
    """Whether two groups of boxes stand beside each other rather than one below the other."""
    top = max(left[:, 1].min(), right[:, 1].min())
    ends = (left[:, 1] + left[:, 3]).max(), (right[:, 1] + right[:, 3]).max()
    lower = min(end - group[:, 1].min() for end, group in zip(ends, (left, right), strict=True))
    return bool(min(ends) - top >= 0.5 * lower)
