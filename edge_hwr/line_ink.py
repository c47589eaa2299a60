"""Whose ink is whose: components of the ink go to the line they stand on, and those that touch two lines are cut.

The cut of touching components follows G. Louloudis, B. Gatos, I. Pratikakis, C. Halatsis, "Text line detection in
handwritten documents" (Pattern Recognition 41, 2008): a component with much ink in the body of two lines is parted
between them, and what hangs on after the cut stays with the line that it hangs from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.line_segmentation import Course

Owner = NDArray[np.int16]

_BODY = 0.25
"""Half the height of the body of a line (its letters without ascenders and descenders), in pitches."""
_REACH = 0.9
"""Farther than this from the body of every line, in pitches, ink is nobody's."""
_LOOSE_REACH = 0.5
"""The same for what is not surely writing: dots, accents, but remains of ruling, too."""
_TALL_LOOSE = 1.25
"""What is not surely writing and higher than this, in pitches, is a blot or a drawing, and nobody's."""
_AMONG = 1.0
"""So far from its writing, in pitches, a line may have other ink."""
_LEAST_PART = 0.25
"""A line has part in a component when it has this share of the ink that the component's main line has in its body."""


def own_ink(
    labels: NDArray[np.integer[Any]],
    components: NDArray[np.int32],
    written: NDArray[np.bool_],
    courses: Sequence[Course],
    pitch: float,
) -> Owner:
    """For each pixel of a map of components the index of the line that it belongs to, or -1: int16, same shape.

    `labels` has the row of a pixel's component in `components` (N, 5: x, y, w, h, area) plus one, 0 for paper.
    `written` tells which of them are surely writing; the others (dots, but remains of ruling, too) must be among these.
    """
    if not courses or not len(components):
        return np.full(labels.shape, -1, np.int16)
    x, y, w, h, _ = components.T.astype(np.float64)
    cx, cy = x + w / 2, y + h / 2
    middle = np.stack([course.at(cx) for course in courses], axis=1)
    below = y[:, None] - (middle + _BODY * pitch)  # how far the component is below the body, and above it
    above = (middle - _BODY * pitch) - (y + h)[:, None]
    # Accents and dots are above their line more often than commas are below it.
    away = np.maximum(np.maximum(1.25 * below, above), 0) + 0.1 * np.abs(cy[:, None] - middle)
    left, right = np.array([course.left for course in courses]), np.array([course.right for course in courses])
    beside = _beside(x, w, left, right)
    nearest = np.argmin(away + 0.5 * beside, axis=1)
    everyone = np.arange(len(components))
    near = written & ((away + 0.5 * beside)[everyone, nearest] <= _REACH * pitch)
    left, right = np.full(len(courses), np.inf), np.full(len(courses), -np.inf)
    np.minimum.at(left, nearest[near], x[near])
    np.maximum.at(right, nearest[near], (x + w)[near])
    beside = np.where(np.isinf(left), np.inf, _beside(x, w, left, right))
    among = np.where(beside <= _AMONG * pitch, away, np.inf)
    nearest = np.where(written, nearest, np.argmin(among, axis=1))
    near |= ~written & (h <= _TALL_LOOSE * pitch) & (among[everyone, nearest] <= _LOOSE_REACH * pitch)
    table = np.concatenate([[-1], np.where(near, nearest, -1)]).astype(np.int16)
    owner: Owner = table[labels]
    crossed = (y[:, None] < middle) & ((y + h)[:, None] > middle) & (beside == 0)
    for index in np.flatnonzero(near & (crossed.sum(axis=1) > 1)):
        _part(owner, labels, components, int(index), np.flatnonzero(crossed[index]), courses, pitch)
    return owner


def _beside(
    x: NDArray[np.float64], w: NDArray[np.float64], left: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far components are beyond the ends of lines: (components, lines)."""
    return np.maximum(np.maximum(x[:, None] - right, left - (x + w)[:, None]), 0.0)


def _part(
    owner: Owner,
    labels: NDArray[np.integer[Any]],
    components: NDArray[np.int32],
    index: int,
    lines: NDArray[np.intp],
    courses: Sequence[Course],
    pitch: float,
) -> None:
    """Cut a component that reaches over the middles of several lines, in place."""
    x, y, w, h, _ = components[index].tolist()
    here = labels[y : y + h, x : x + w] == index + 1
    rows, columns = np.nonzero(here)
    off = np.stack([np.abs(rows + y - courses[line].at(columns + x)) for line in lines])
    body = (off < _BODY * pitch).sum(axis=1)
    having = body >= _LEAST_PART * body.max()
    lines, off = lines[having], off[having]
    share = np.full(here.shape, -1, np.int16)
    share[rows, columns] = lines[np.argmin(off, axis=0)]
    if len(lines) > 1:
        bodies = np.zeros(here.shape, np.bool_)
        bodies[rows, columns] = (off < _BODY * pitch).any(axis=0)
        _give_back_loose_ends(share, bodies, lines)
    owner[y : y + h, x : x + w][here] = share[here]


def _give_back_loose_ends(share: Owner, bodies: NDArray[np.bool_], lines: NDArray[np.intp]) -> None:
    """Pieces that the cut left outside of the body of their line go to the line they hang from, in place."""
    for line in lines.tolist():
        count, pieces = cv2.connectedComponents((share == line).astype(np.uint8), connectivity=8)
        rooted = np.bincount(pieces[bodies], minlength=count) > 0
        for piece in np.flatnonzero(~rooted[1:]) + 1:
            loose = pieces == piece
            around = cv2.dilate(loose.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
            beside = share[around & ~loose]
            beside = beside[beside >= 0]
            if len(beside):
                share[loose] = np.bincount(beside).argmax()
