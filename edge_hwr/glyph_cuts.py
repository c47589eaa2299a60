"""Where glyphs that touch may be cut, and the pieces that come of it, every one a glyph to be read.

Cuts are the paths from top to bottom that cross the least ink, as seams are found (S. Avidan and A. Shamir, "Seam
carving for content-aware image resizing", SIGGRAPH 2007). They are more than are needed: which of them are taken is
for the reader of the pieces to say (R. G. Casey and E. Lecolinet, "A survey of methods and strategies in character
segmentation", IEEE PAMI 18, 1996).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.ink import Grey, Ink
from edge_hwr.layout import Layout

_INK, _ASIDE = 4, 1
"""What it costs a cut to go through a pixel of ink, and to go a column aside with a row."""

_SHARED, _SHARED_APART = 0.5, 0.35
"""A stroke may be shared that is so long and so far from the next and from either side, in heights of the writing."""

_USUAL_WIDTH, _VALLEY, _LEANING = 0.75, 0.17, 0.4
"""Glyphs that lean on each other are about so wide, meet within so much of where they would by that, and along so much,
in heights of the writing."""

_STROKES = 2
"""A cut crosses no more strokes than this: glyphs seldom touch in more places."""

_CUTS, _LEAST_CUTS = 5, 7
"""Cuts are tried so many for each height of the writing that a glyph is wide, and so many at least."""

_APART, _FROM_SIDE = 0.1, 0.08
"""Cuts are so far from each other and from either side half way down, in heights of the writing."""

_BROADEST, _LOWEST = 1.2, 0.6
"""A piece is no wider and no lower than this, in heights of the writing."""

_LARGEST = 1 << 17
"""Pixels of the box of a glyph that is cut, at most, counted on the reduced frame: each piece has a copy of it."""

_RIM = 2
"""Pixels of the reduced frame around a glyph that its copies show: the crops of preprocessing reach beyond its box."""

_FOREIGN, _PAPER = -2, -1
"""On a map of slices, which are counted from 0, the ink of others and none."""


@dataclass(frozen=True, slots=True, eq=False)
class GlyphPieces:
    """What a glyph may be cut into, M pieces.

    `count` slices lie between the cuts, and piece k is those from `spans[k, 0]` to `spans[k, 1]` (exclusive); `boxes`
    int32 (M, 4) are where the pieces stand in the frame.
    """

    count: int
    spans: NDArray[np.int32]
    boxes: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.spans)


def cut_glyph(found: Layout, index: int, height: float) -> tuple[GlyphPieces, Layout] | None:
    """The pieces of a layout's glyph, and a layout to preprocess them from; None where there is no way to cut it.

    That layout has each piece as a glyph, on a copy of its own of the ink, as pieces share slices. `height` is that of
    the writing, in pixels of the frame.
    """
    step = found.ink.reduction
    x, y, w, h = (found.boxes[index] // step).tolist()
    if w * h > _LARGEST:
        return None
    left, top = max(x - _RIM, 0), max(y - _RIM, 0)
    labels = found.labels[top : y + h + _RIM, left : x + w + _RIM]
    own = found.owner[labels] == index
    cuts = _find_cuts(own[y - top : y - top + h, x - left : x - left + w], height / step)
    slices = np.where(labels > 0, _FOREIGN, _PAPER)
    inside = slices[y - top : y - top + h, x - left : x - left + w]
    cut = (np.arange(w) >= cuts[:, :, np.newaxis]).sum(axis=0)
    np.copyto(inside, cut, where=own[y - top : y - top + h, x - left : x - left + w])
    spans, boxes = _pieces(slices, len(cuts) + 1, height / step)
    if not len(spans):
        return None
    layout = _side_by_side(found, index, slices, spans, boxes)
    return GlyphPieces(len(cuts) + 1, spans, (boxes + np.array([left, top, 0, 0], np.int32)) * step), layout


def _find_cuts(own: NDArray[np.bool_], height: float) -> NDArray[np.intp]:
    """Cuts (K, rows) of a glyph's ink: the column of each row that is the first to the right of the cut."""
    rows, columns = own.shape
    cost = own.astype(np.int32) * _INK
    above, below = _cheapest(cost), _cheapest(cost[::-1])[::-1]
    middle, aside = rows // 2, max(round(_FROM_SIDE * height), 1)
    start = np.arange(aside, columns - aside)
    if not len(start):
        return np.zeros((0, rows), np.intp)
    paths = np.empty((len(start), rows), np.intp)
    paths[:, middle] = start
    for row in range(middle - 1, -1, -1):
        paths[:, row] = _step(above[row], paths[:, row + 1])
    for row in range(middle + 1, rows):
        paths[:, row] = _step(below[row], paths[:, row - 1])
    inked = own[np.arange(rows), paths]
    crossed = inked[:, 0] + np.count_nonzero(inked[:, 1:] & ~inked[:, :-1], axis=1)
    through = (above[middle] + below[middle] - cost[middle])[start]
    cheapest = np.lexsort((np.abs(start - columns / 2), through))
    ink_at = _inked(own)
    straight = _shared_strokes(ink_at, height)
    chosen = [column - aside for column in straight]
    most = max(_LEAST_CUTS, round(_CUTS * columns / height))
    for number in cheapest[crossed[cheapest] <= _STROKES].tolist():
        if len(chosen) >= most:
            break
        if _is_apart(number, chosen, height):
            chosen.append(number)
    for column in _leaning(ink_at, height):
        if _is_apart(column - aside, chosen, height):
            straight.append(column)
            chosen.append(column - aside)
    # Paths may meet, but not change places.
    cuts = np.maximum.accumulate(paths[sorted(chosen)], axis=0)
    for column in straight:
        before = cuts[:, middle] < column
        cuts[before] = np.minimum(cuts[before], column)
        cuts[~before] = np.maximum(cuts[~before], column)
        cuts[np.count_nonzero(before)] = column
    return cuts


def _is_apart(number: int, chosen: list[int], height: float) -> bool:
    return all(abs(number - other) >= _APART * height for other in chosen)


def _inked(own: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How much ink is at each column, as the mean of three: it is most in the middle of a stroke."""
    return np.convolve(np.count_nonzero(own, axis=0), np.full(3, 1 / 3), "same")


def _shared_strokes(inked: NDArray[np.float64], height: float) -> list[int]:
    """Columns down the middle of strokes that may belong to the glyphs on both their sides."""
    aside = max(round(_SHARED_APART * height), 1)
    left = inked.copy()
    left[:aside], left[max(len(left) - aside, 0) :] = 0, 0
    columns = []
    while left.max() >= _SHARED * height:
        column = int(left.argmax())
        columns.append(column)
        left[max(column - aside, 0) : column + aside] = 0
    return columns


def _leaning(inked: NDArray[np.float64], height: float) -> list[int]:
    """Columns where glyphs of the usual width would meet if they leaned on each other, as noughts do."""
    aside, reach = max(round(_SHARED_APART * height), 1), round(_VALLEY * height)
    columns = []
    count = round(len(inked) / (_USUAL_WIDTH * height))
    for number in range(1, count):
        middle = number * len(inked) // count
        first = max(middle - reach, aside)
        near = inked[first : min(middle + reach + 1, len(inked) - aside)]
        if len(near) and near.min() >= _LEANING * height:
            columns.append(first + int(near.argmin()))
    return columns


def _cheapest(cost: NDArray[np.int32]) -> NDArray[np.int32]:
    """What the cheapest path from the first row to each pixel costs."""
    total = cost.copy()
    for row in range(1, len(cost)):
        before = total[row - 1]
        best = before.copy()
        np.minimum(best[1:], before[:-1] + _ASIDE, out=best[1:])
        np.minimum(best[:-1], before[1:] + _ASIDE, out=best[:-1])
        total[row] += best
    return total


def _step(costs: NDArray[np.int32], columns: NDArray[np.intp]) -> NDArray[np.intp]:
    """The columns of a row at which the cheapest paths go on from these of the next."""
    left, right = np.maximum(columns - 1, 0), np.minimum(columns + 1, len(costs) - 1)
    options = np.stack([columns, left, right])
    charged = costs[options]
    charged[1:] += _ASIDE
    return np.asarray(options[charged.argmin(axis=0), np.arange(len(columns))])


def _pieces(slices: NDArray[np.intp], count: int, height: float) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Spans (M, 2) of the pieces that have a glyph's size, and their boxes (M, 4) on the map of slices."""
    edges = np.array([_edges(slices == number) for number in range(count)], np.int32)
    spans, boxes = [], []
    for first in range(count):
        for last in range(first + 1, count + 1 if first else count):
            left, top = edges[first:last, :2].min(axis=0).tolist()
            right, bottom = edges[first:last, 2:].max(axis=0).tolist()
            if 0 < right - left <= _BROADEST * height and bottom - top >= _LOWEST * height:
                spans.append((first, last))
                boxes.append((left, top, right - left, bottom - top))
    return np.array(spans, np.int32).reshape(-1, 2), np.array(boxes, np.int32).reshape(-1, 4)


def _edges(inside: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is inside; of nothing, such that it adds nothing to anything."""
    x, y, w, h = cv2.boundingRect(inside.view(np.uint8))
    return (x, y, x + w, y + h) if w else (inside.shape[1], inside.shape[0], 0, 0)


def _side_by_side(
    found: Layout,
    index: int,
    slices: NDArray[np.intp],
    spans: NDArray[np.int32],
    boxes: NDArray[np.int32],
) -> Layout:
    """A layout with a copy of the map of slices around a glyph for each piece, one below the other."""
    step, count = found.ink.reduction, len(spans)
    rows, columns = slices.shape
    left, top = np.maximum(found.boxes[index, :2] // step - _RIM, 0).tolist()
    grey: Grey = found.grey[top * step : (top + rows) * step, left * step : (left + columns) * step]
    numbers = np.arange(slices.max() + 1)
    within = (spans[:, :1] <= numbers) & (numbers < spans[:, 1:])
    foreign = count + 1
    label_of = np.full((count, len(numbers) + 2), foreign, np.uint16)
    label_of[:, _PAPER] = 0
    label_of[:, : len(numbers)][within] = np.nonzero(within)[0] + 1
    labels = label_of[:, slices].reshape(count * rows, columns)
    below = boxes.copy()
    below[:, 1] += np.arange(count, dtype=np.int32) * rows
    middle = found.boxes[index, :2] + found.boxes[index, 2:] // 2
    return Layout(
        grey=np.tile(grey, (count, 1)),
        ink=Ink((labels > 0).astype(np.uint8) * 255, found.ink.paper_at(middle[:1], middle[1:]).reshape(1, 1), step),
        labels=labels,
        owner=np.concatenate([[-1], np.arange(count), [-1]]).astype(np.int32),
        extents=np.concatenate([below, [[0, 0, columns, count * rows]]]).astype(np.int32),
        boxes=below * step,
        line_of=np.zeros(count, np.int32),
    )
