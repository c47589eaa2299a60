"""Where the lines of a page's writing are: how far their ink reaches along them and to both sides."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import chain

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.columns import cut_at_gutters
from edge_hwr.components import weighted_median
from edge_hwr.ink import Grey
from edge_hwr.line_crops import LinePlace
from edge_hwr.line_ink import own_ink
from edge_hwr.line_segmentation import COLUMN, Course, find_courses, in_order, line_pitch
from edge_hwr.page_writing import Writing

_LEAST_DENSITY = 0.4
"""A line with less ink for its length, as a share of what is usual on the page, is no writing."""

_NEAR = 0.6
"""In pitches: what is no writing by itself but so near to some is a dot, a dash or a point."""

_LEAST_PIECES, _SPREAD = 6, 1.3
"""The pieces of ink of one line, so many at least, stand less far above and below it, in heights of theirs; of several
lines of smaller writing they stand further."""

_AROUND = 2
"""Bare paper above and below such a line, in the same heights, that its lines are looked for in."""

_MOST_ALONE = 0.25
"""Of the writing's ink: so much may stand away from all lines, and is looked at once more for lines of its own: beside
long lines a character alone, the number of a page or of an item, is too little to be one."""


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where lines are, and how far they are from each other; `crowded` says that one of them may be several of smaller
    writing, which `find_places` parts if it is asked to."""

    lines: list[LinePlace]
    pitch: float = 0.0
    crowded: bool = False


def find_places(writing: Writing, *, part: bool = False) -> Places:
    """Where the lines of some writing are; with `part`, those that are crowded are looked at more closely."""
    if not writing.written.any():
        return Places([])
    evidence = _mask(writing, writing.written)
    pitch = line_pitch(evidence, writing.height)
    courses = find_courses(evidence, pitch)
    owner = own_ink(writing.labels, writing.components, writing.written, courses, pitch)
    alone = writing.written & (np.bincount(writing.labels[owner >= 0], minlength=len(writing.written) + 1)[1:] == 0)
    ink = writing.components[:, 4]
    if alone.any() and ink[alone].sum() <= _MOST_ALONE * ink[writing.written].sum():
        courses = in_order([*courses, *find_courses(_mask(writing, alone), pitch)])
        owner = own_ink(writing.labels, writing.components, writing.written, courses, pitch)
    crowds = _crowds(courses, owner, writing)
    if part and crowds:
        rest = [course for line, course in enumerate(courses) if line not in crowds]
        courses = in_order([*rest, *chain.from_iterable(crowds.values())])
        owner = own_ink(writing.labels, writing.components, writing.written, courses, pitch)
    return Places(_measure(owner, courses, pitch, writing), pitch, bool(crowds))


def _crowds(courses: list[Course], owner: NDArray[np.int16], writing: Writing) -> dict[int, list[Course]]:
    """By their indices, the courses that may be those of several lines of smaller writing, and the courses of these."""
    inked = writing.labels > 0
    line_of = np.full(len(writing.components), -1)
    line_of[writing.labels[inked] - 1] = owner[inked]
    crowds = {}
    for line, course in enumerate(courses):
        own = writing.written & (line_of == line)
        x, y, w, h, _ = writing.components[own].T
        if len(x) < _LEAST_PIECES:
            continue
        height = weighted_median(h, h)
        low, high = np.percentile(y + h / 2 - course.at(x + w / 2), (10, 90))
        if high - low > _SPREAD * height:
            # Its rows alone: a page of many such lines would take minutes.
            top = max(int(y.min() - _AROUND * height), 0)
            mask = _mask(writing, own, slice(top, int((y + h).max() + _AROUND * height)))
            smaller = find_courses(mask, line_pitch(mask, height))
            if len(smaller) > 1:
                crowds[line] = [course.lower(top) for course in smaller]
    return crowds


def together(some: list[LinePlace], more: list[LinePlace]) -> list[LinePlace]:
    """Lines of two maps of whose ink is whose, as lines of one: each is to be alone in its crop."""
    if not some or not more:
        return some or more
    first = some[0].owner
    beyond = 1 + int(first.max())
    owner = np.where(more[0].owner >= 0, more[0].owner + np.int16(beyond), first)
    return [
        *(replace(place, owner=owner) for place in some),
        *(replace(place, owner=owner, name=place.name + beyond) for place in more),
    ]


def _mask(writing: Writing, which: NDArray[np.bool_], rows: slice = slice(None)) -> Grey:
    """Some of the components, 255 on ink, in these rows."""
    return np.append(False, which).astype(np.uint8)[writing.labels[rows]] * np.uint8(255)


def _measure(owner: NDArray[np.int16], courses: list[Course], pitch: float, writing: Writing) -> list[LinePlace]:
    """How far the ink of each line reaches, along it and to both its sides; what has too little ink is dropped."""
    _rows, columns = owner.shape
    y, x = np.nonzero(owner >= 0)
    name = owner[y, x].astype(np.intp)
    across = np.arange(columns)
    middle = np.stack([course.at(across) for course in courses]) if courses else np.zeros((0, columns))
    reach = round(1.5 * pitch)
    off = np.clip(np.round(y - middle[name, x]).astype(np.intp), -reach, reach) + reach
    size = 2 * reach + 1
    spread = np.bincount(name * size + off, minlength=len(courses) * size).reshape(-1, size).cumsum(axis=1)
    bins = -(-columns // COLUMN)
    inked = np.bincount(name * bins + x // COLUMN, minlength=len(courses) * bins).reshape(-1, bins) > 0
    sure = writing.written[writing.labels[y, x] - 1]
    written = np.bincount(name[sure] * bins + x[sure] // COLUMN, minlength=len(courses) * bins).reshape(-1, bins) > 0
    total, height = spread[:, -1], writing.height
    rise = reach - (spread > 0.01 * total[:, None]).argmax(axis=1) + 0.5
    drop = (spread >= 0.99 * total[:, None]).argmax(axis=1) - reach + 0.5
    # Remains of ruling are thinly spread; ink is weighed by itself, so that many crumbs do not outvote a few lines.
    # Larger letters have more of it for their length, as they are high.
    density = total / np.maximum(np.count_nonzero(inked, axis=1) * COLUMN, 1)
    density /= np.maximum(rise + drop, np.median(rise + drop) if len(total) else 0.0)
    usual = weighted_median(density, total) if len(total) else 0.0
    dense = density >= _LEAST_DENSITY * usual
    enough = np.flatnonzero(dense & (total >= 0.5 * height) & (rise + drop >= 0.5 * height))
    if len(enough) == 0:
        return []
    heart = [float(middle[k, columns // 2]) / COLUMN for k in enough]
    near = cv2.dilate(written[enough].astype(np.uint8), np.ones((1, 2 * math.ceil(_NEAR * pitch / COLUMN) + 1))) > 0
    stretches = cut_at_gutters(inked[enough], inked[enough] & near, heart, pitch / COLUMN)
    usual_rise, usual_drop = np.median(rise[enough]), np.median(drop[enough])
    places = []
    for k, parts in zip(enough.tolist(), stretches, strict=True):
        mine = np.flatnonzero(name == k)
        mine = mine[np.argsort(x[mine], kind="stable")]
        own = x[mine]
        for first, last in parts:
            low, high = np.searchsorted(own, (first * COLUMN, last * COLUMN))
            left, right = int(own[low]), int(own[high - 1]) + 1
            # A one alone in its cell is as high as letters are.
            if right - left < 0.4 * height and np.ptp(y[mine[low:high]]) + 1 < 0.8 * height:
                continue
            above, below = max(rise[k], 0.8 * usual_rise), max(drop[k], 0.8 * usual_drop)
            places.append(LinePlace(courses[k], left, right, float(rise[k]), float(drop[k]), above, below, k, owner))
    return places
