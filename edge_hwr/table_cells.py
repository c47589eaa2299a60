"""Tables among boxes of writing: three columns or more of short cells, level with each other."""

from __future__ import annotations

from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

_LEAST_COLUMNS, _LEAST_CELLS, _WIDEST_CELL = 3, 3, 8.0
"""A table has so many columns, so many cells in each, and cells no wider, in pitches."""
_LEVEL = 0.75
"""So many of the cells of each column are level with one of another."""
_SPANNING, _FEW = 2.0, 0.15
"""A heading over two columns is wider than most boxes, by this factor; no more than this share of them are so wide."""


def is_table(which: list[int], boxes: NDArray[np.float64], pitch: float) -> bool:
    """Whether some of the boxes (N, 4: x, y, w, h), `which`, are the cells of a table, with or without headings over
    several of its columns; lines are a `pitch` apart."""
    inner = _without_spanning(which, boxes, pitch)
    return any(_are_cells(_columns(some, boxes, pitch), boxes, pitch) for some in (which, inner))


def are_level(some: NDArray[np.float64], others: NDArray[np.float64], pitch: float) -> NDArray[np.bool_]:
    """Which of some boxes (N, 4) stand in one row with which of others (M, 4), and clear of them: (N, M)."""
    off = some[:, None, 1] + some[:, None, 3] / 2 - (others[:, 1] + others[:, 3] / 2)
    right = some[:, None, 0] >= others[:, 0] + others[:, 2]
    left = some[:, None, 0] + some[:, None, 2] <= others[:, 0]
    return np.asarray((np.abs(off) < 0.5 * pitch) & (left | right), np.bool_)


def _columns(which: list[int], boxes: NDArray[np.float64], pitch: float) -> list[list[int]]:
    """The columns, from left to right, that boxes stand in: with half a pitch of bare paper between them."""
    across = sorted(which, key=lambda k: float(boxes[k, 0]))
    first, last = boxes[across, 0], boxes[across, 0] + boxes[across, 2]
    free = first[1:] - np.maximum.accumulate(last)[:-1]
    bounds = [0, *(np.flatnonzero(free >= 0.5 * pitch) + 1).tolist(), len(across)]
    return [across[start:end] for start, end in pairwise(bounds)]


def _without_spanning(which: list[int], boxes: NDArray[np.float64], pitch: float) -> list[int]:
    """Boxes without a few wide ones that stand over, or under, several of the columns of the others."""
    wide = boxes[which, 2] > _SPANNING * np.median(boxes[which, 2])
    if not wide.any() or wide.mean() > _FEW:
        return which
    columns = _columns([k for k, is_wide in zip(which, wide, strict=True) if not is_wide], boxes, pitch)
    ends = np.array([(boxes[c, 0].min(), (boxes[c, 0] + boxes[c, 2]).max()) for c in columns])
    begin, end = boxes[which, 0], boxes[which, 0] + boxes[which, 2]
    over = ((ends[:, 0] < end[:, None]) & (ends[:, 1] > begin[:, None])).sum(axis=1)
    return [k for k, is_wide, count in zip(which, wide, over, strict=True) if not is_wide or count < 2]


def _are_cells(columns: list[list[int]], boxes: NDArray[np.float64], pitch: float) -> bool:
    """Whether columns are those of a table: three or more of short cells, nearly all level with one of another column.

    Two columns of words may as well be two lists.
    """
    if len(columns) < _LEAST_COLUMNS or min(map(len, columns)) < _LEAST_CELLS:
        return False
    cells = boxes[list(chain.from_iterable(columns))]
    if cells[:, 2].max() > _WIDEST_CELL * pitch:
        return False
    column = np.repeat(np.arange(len(columns)), list(map(len, columns)))
    beside = (are_level(cells, cells, pitch) & (column[:, None] != column)).any(axis=1)
    return all(beside[column == k].mean() >= _LEVEL for k in range(len(columns)))
