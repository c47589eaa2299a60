"""Columns: lines that run across a gutter are cut there, and blocks are read one after the other.

The order is that of the recursive X-Y cut of G. Nagy and S. Seth, "Hierarchical representation of optically scanned
documents" (ICPR 1984).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_hwr.table_cells import are_level, is_table

Interval = tuple[int, int]

_LEAST_GUTTER = 2.0
"""In pitches: words stand closer to each other than columns."""
_LEAST_LINES = 3
"""So many lines must have ink on both sides of a gap for it to be a gutter; one on its left and one on its right, which
are not level with each other, count as one."""
_LABEL, _LABELS = 1.6, 0.75
"""No wider, in pitches, are the numbers of lists and tables: a column of which so many are is read row by row with what
stands beside it."""
_FARTHEST = 3.0
"""Lines that are further from each other, in distances from line to line, are not of one column."""


def cut_at_gutters(
    inked: NDArray[np.bool_], sure: NDArray[np.bool_], middles: Sequence[float], pitch: float
) -> list[list[Interval]]:
    """For each line the stretches (first, last + 1) of bins with ink: one, or several where gutters part it.

    `inked` (lines, bins) tells where along the page each line has ink, lines from top to bottom at rows `middles`;
    `pitch` is in bins, `middles` too. Ink that is not surely writing, as that of what lies between two notes, is left
    out of a gutter: `sure` is like `inked` without it.
    """
    rows = _rows(inked, middles, pitch)
    heights = [middles[row[0]] for row in rows]
    ink = [_measured(np.asarray(sure[row].any(axis=0)), pitch) for row in rows]
    # Where every other line is left out, lines are further apart than is usual for writing of their height.
    farthest = _FARTHEST * max(pitch, float(np.median(np.diff(heights)))) if len(rows) > 1 else 0.0
    near = [below - above <= farthest for above, below in pairwise(heights)]
    cuts: list[list[Interval]] = [[] for _ in middles]
    known: list[list[Interval]] = [[] for _ in rows]
    for start, row in enumerate(ink):
        for gap in row[2] if row else ():
            narrow = gap[1] - gap[0] < _LEAST_GUTTER * pitch
            if narrow or any(gap[0] < high and low < gap[1] for low, high in known[start]):
                continue
            below = _follow(gap, ink[start + 1 :], near[start:], pitch)
            above = _follow(below.gap, ink[:start][::-1], near[:start][::-1], pitch)
            crossed = [start, *(start + 1 + k for k in below.crossed), *(start - 1 - k for k in above.crossed)]
            if len(crossed) + min(below.left + above.left, below.right + above.right) >= _LEAST_LINES:
                for number in crossed:
                    known[number].append(above.gap)
                for line in chain.from_iterable(rows[k] for k in crossed):
                    cuts[line].append(above.gap)
    return [_stretches(row, gutters) for row, gutters in zip(inked, cuts, strict=True)]


def reading_order(boxes: NDArray[Any], pitch: float, attached: Sequence[bool] | None = None) -> list[list[int]]:
    """The order in which boxes (N, 4: x, y, w, h) are read, row by row: columns from left to right, each from top to
    bottom; what stands beside each other in one row of a column is together, from left to right.

    Columns of boxes as narrow as numbers are no columns but belong to what stands beside them; so do columns of boxes
    (N) that are known to be `attached`: prices and sums, the names of what is filled in.
    """
    boxes = np.asarray(boxes, np.float64)
    labels = boxes[:, 2] <= _LABEL * pitch
    if attached is not None:
        labels = labels | np.asarray(attached, np.bool_)
    return _order(list(range(len(boxes))), boxes, labels, pitch)


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


_RowInk = tuple[int, int, list[Interval]] | None
"""The first and the last bin with ink, and the gaps of more than a pitch between them."""


class _Gutter(NamedTuple):
    """How a gap goes on over the rows that follow: what of it is left; the rows with ink on both sides, by their
    numbers; and how many have ink on one side alone."""

    gap: Interval
    crossed: list[int]
    left: int
    right: int


def _measured(row: NDArray[np.bool_], pitch: float) -> _RowInk:
    places = np.flatnonzero(row)
    if not len(places):
        return None
    return int(places[0]), int(places[-1]), _gaps(row, pitch)


def _follow(gap: Interval, rows: Sequence[_RowInk], near: Sequence[bool], pitch: float) -> _Gutter:
    """Follow a gap over the ink of rows for as long as each is `near` the one before and leaves a pitch of it."""
    low, high = gap
    crossed: list[int] = []
    left = right = 0
    for number, (row, follows) in enumerate(zip(rows, near, strict=True)):
        if not follows or row is None:
            break
        first, last, gaps = row
        if last < high:
            free, side = (max(low, last + 1), high), -1
        elif first >= low:
            free, side = (low, min(high, first)), 1
        else:
            common = [(max(low, begin), min(high, end)) for begin, end in gaps]
            free, side = max(common, key=lambda found: found[1] - found[0], default=(0, 0)), 0
        if free[1] - free[0] < pitch:
            break
        low, high = free
        left, right = left + (side < 0), right + (side > 0)
        if side == 0:
            crossed.append(number)
    return _Gutter((low, high), crossed, left, right)


def _gaps(row: NDArray[np.bool_], least: float) -> list[Interval]:
    places = np.flatnonzero(row)
    wide = np.flatnonzero(np.diff(places) > least)
    return [(int(places[k]) + 1, int(places[k + 1])) for k in wide]


def _stretches(row: NDArray[np.bool_], gutters: list[Interval]) -> list[Interval]:
    clear = row.copy()
    for low, high in gutters:
        clear[low:high] = False
    places = np.flatnonzero(clear)
    parts = np.split(places, np.unique(np.searchsorted(places, sorted(low for low, _ in gutters))))
    return [(int(part[0]), int(part[-1]) + 1) for part in parts if len(part)]


def _order(which: list[int], boxes: NDArray[np.float64], labels: NDArray[np.bool_], pitch: float) -> list[list[int]]:
    rows = _downwards(which, boxes, pitch)
    before: list[list[int]] = []
    after: list[list[int]] = []
    while True:
        which = list(chain.from_iterable(rows))
        if not _may_be_parted(which, boxes, pitch):
            return before + rows + after
        halves, labelled = _halves(which, boxes, labels, pitch)
        if halves:
            left, right = (_order(half, boxes, labels, pitch) for half in halves)
            return before + left + right + after
        cut = None if labelled else _cut_between(rows, boxes, pitch)
        if cut is None:
            return before + rows + after
        above, below = rows[:cut], rows[cut:]
        # The larger part here, so that no page is too long to be cut again and again.
        if len(above) <= len(below):
            before, rows = before + _order_rows(above, boxes, labels, pitch), below
        else:
            after, rows = _order_rows(below, boxes, labels, pitch) + after, above


def _order_rows(
    rows: list[list[int]], boxes: NDArray[np.float64], labels: NDArray[np.bool_], pitch: float
) -> list[list[int]]:
    return rows if len(rows) == 1 else _order(list(chain.from_iterable(rows)), boxes, labels, pitch)


def _may_be_parted(which: list[int], boxes: NDArray[np.float64], pitch: float) -> bool:
    """Whether some of the boxes stand beside others at all: most pages are one column, whatever part of them."""
    if not which:
        return False
    return bool(boxes[which, 0].max() - (boxes[which, 0] + boxes[which, 2]).min() >= 0.5 * pitch)


def _halves(
    which: list[int], boxes: NDArray[np.float64], labels: NDArray[np.bool_], pitch: float
) -> tuple[tuple[list[int], list[int]] | None, bool]:
    """What a block falls into on both sides of its widest gutter, if it has one; whether it has a column of labels."""
    if len(which) < 4:
        return None, False
    first, last = boxes[which, 0], boxes[which, 0] + boxes[which, 2]
    order = np.argsort(first, kind="stable")
    across = [which[k] for k in order]
    free = first[order][1:] - np.maximum.accumulate(last[order])[:-1]
    if is_table(which, boxes, pitch):
        return None, True
    labelled = False
    for cut in np.argsort(-free, kind="stable").tolist():
        if free[cut] < 0.5 * pitch:
            break
        left, right = across[: cut + 1], across[cut + 1 :]
        if min(len(left), len(right)) < 2 or not _beside(boxes[left], boxes[right], pitch):
            continue
        beside = are_level(boxes[left], boxes[right], pitch)
        if max(np.mean(labels[left] & beside.any(axis=1)), np.mean(labels[right] & beside.any(axis=0))) < _LABELS:
            return (left, right), False
        labelled = True
    return None, labelled


def _cut_between(rows: list[list[int]], boxes: NDArray[np.float64], pitch: float) -> int | None:
    """After how many rows a block is best cut in two; None where nothing is between them."""
    if len(rows) < 2:
        return None
    tops = np.array([boxes[row, 1].min() for row in rows])
    low = np.maximum.accumulate([(boxes[row, 1] + boxes[row, 3]).max() for row in rows])
    # Lines of writing reach into each other: half a line of overlap is no hindrance to a cut between them.
    free = tops[1:] + 0.5 * pitch - low[:-1]
    cut = int(np.argmax(free))
    return cut + 1 if free[cut] > 0 else None


def _downwards(which: list[int], boxes: NDArray[np.float64], pitch: float) -> list[list[int]]:
    """Rows from top to bottom, and from left to right what stands in one."""
    rows: list[list[int]] = []
    for k in sorted(which, key=lambda k: float(boxes[k, 1] + boxes[k, 3] / 2)):
        if rows and are_level(boxes[[k]], boxes[rows[-1]], pitch).all():
            rows[-1].append(k)
        else:
            rows.append([k])
    return [sorted(row, key=lambda k: float(boxes[k, 0])) for row in rows]


def _beside(left: NDArray[np.float64], right: NDArray[np.float64], pitch: float) -> bool:
    """Whether two groups of boxes stand beside each other rather than one below the other, or around the other."""
    top = min(left[:, 1].min(), right[:, 1].min())
    here, there = _covered(left, top, pitch), _covered(right, top, pitch)
    both = np.count_nonzero(here[: len(there)] & there[: len(here)])
    return bool(both >= 0.5 * min(np.count_nonzero(here), np.count_nonzero(there)))


def _covered(boxes: NDArray[np.float64], top: float, pitch: float) -> NDArray[np.bool_]:
    """In which quarters of a pitch from `top` on boxes are; lines of one paragraph have nothing in between."""
    first = ((boxes[:, 1] - top) * 4 / pitch).astype(np.intp)
    last = ((boxes[:, 1] + boxes[:, 3] - top) * 4 / pitch).astype(np.intp)
    rows = np.zeros(int(last.max()) + 1, np.bool_)
    for start, end in zip(first.tolist(), last.tolist(), strict=True):
        rows[start : end + 1] = True
    return rows
