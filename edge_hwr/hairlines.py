"""Crumbs of ruling: what is left of thin, faint lines where they broke or crossed, and could be taken for glyphs.

A crumb is told from writing by two things together: its stroke is much thinner than the pen's, and it stands where the
ruling goes on. Only pages that have ruling are looked at.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.ruling_courses import find_courses

_CORE_KERNEL = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))

_HAIRLINE_CORE = 0.012
"""A stroke with less than this share of core is a hairline; the core is what an erosion by one pixel leaves."""
_LEAST_PEN_CORE = 0.16
"""Where the writing has less core than this, the pen draws hairlines itself: nothing can be told by thickness."""
HIGHEST = 1.6
"""Times its height: no writing is that high, and ruling that is goes upright."""
_LEAST_ONE = 0.6
"""Times its height: off the course of any line, a bar is a one if it is so high, and otherwise a crumb like others."""
_UPRIGHT, _BESIDE = 1.3, 0.06
"""Times its height: so long is a piece that tells where an upright line runs, and so far from there it may wander."""


def drop_crumbs(
    mask: NDArray[np.uint8], labels: NDArray[np.integer[Any]], components: NDArray[np.int32], height: float
) -> None:
    """Empty (area 0) the rows of components (N, 5: x, y, w, h, area) that are crumbs; the ruling's are so already.

    `labels` gives for each pixel of `mask` the row of its component, plus one; `height` is that of the writing.
    """
    area = components[:, 4]
    emptied = area == 0
    if not emptied.any():
        _drop_bars(labels, components, height, emptied)
        return
    core = np.bincount(labels[cv2.erode(mask, _CORE_KERNEL) > 0], minlength=len(components) + 1)[1:]
    share = core / np.maximum(area, 1)
    writing = (area > 0) & (share > _HAIRLINE_CORE) & (components[:, 3] >= 0.5 * height)
    thick_pen = writing.any() and np.median(share[writing]) >= _LEAST_PEN_CORE
    hairline = (area > 0) & (share < _HAIRLINE_CORE) & thick_pen
    _drop_bars(labels, components, height, hairline)
    if hairline.any():
        _drop_networks(labels, components, height, hairline, np.append(False, emptied)[labels])


def _drop_networks(
    labels: NDArray[np.integer[Any]],
    components: NDArray[np.int32],
    height: float,
    hairline: NDArray[np.bool_],
    ruling: NDArray[np.bool_],
) -> None:
    """Empty the rows of hairlines that, with those next to them and the ruling, make something larger than a glyph."""
    reach = 2 * max(1, round(0.12 * height)) + 1
    thin = (np.append(False, hairline)[labels] | ruling).astype(np.uint8)
    joined = cv2.dilate(thin, cv2.getStructuringElement(cv2.MORPH_RECT, (reach, reach)))
    _, networks, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8, ltype=cv2.CV_32S)
    large = stats[:, 2:4].max(axis=1) > 1.9 * height + reach
    for index in np.flatnonzero(hairline):
        x, y, w, h, _ = components[index].tolist()
        here = networks[y : y + h, x : x + w][labels[y : y + h, x : x + w] == index + 1]
        if large[here[0]]:
            components[index, 4] = 0


def _drop_bars(
    labels: NDArray[np.integer[Any]], components: NDArray[np.int32], height: float, hairline: NDArray[np.bool_]
) -> None:
    """Empty the rows of upright bars with ink straight beyond both their ends; for a hairline, beyond one will do.

    Where ruling goes upright, a bar is a piece of it only where it stands on the course of that, and a one elsewhere.
    Where none does, a bar is a one, above a rule or between lines of writing: only ink right at both its ends, or the
    pen of a hairline, makes it anything else.
    """
    slender = np.where(hairline, 2.5, 5.0)
    bars = (components[:, 4] > 0) & (components[:, 3] > slender * components[:, 2]) & (components[:, 3] >= 0.4 * height)
    if not bars.any():
        return
    ruling = components[:, 4] == 0
    walled = bool((components[ruling, 3] > HIGHEST * height).any())
    courses = _upright_courses(np.append(False, ruling)[labels], height) if walled else None
    if courses is not None and not courses.any():
        courses = None
    for index in np.flatnonzero(bars):
        x, y, w, h, area = components[index].tolist()
        wall = walled
        if courses is not None and h >= _LEAST_ONE * height:
            bar = labels[y : y + h, x : x + w] == index + 1
            wall = np.count_nonzero(courses[y : y + h, x : x + w] & bar) > area / 2
            if not wall and not hairline[index]:
                continue
        near, far = max(2, round((0.2 if wall else 0.07) * height)), max(2, round(0.6 * height))
        columns = slice(max(x - 1, 0), x + w + 1)
        above, below = labels[max(y - far, 0) : y, columns][::-1], labels[y + h : y + h + far, columns]
        close = bool(above[:near].any()) + bool(below[:near].any())
        thin = hairline[index] or (wall and area < 0.09 * height * h)
        if close == 2 or (thin and (close == 1 or (above.any() and below.any()))):
            components[index, 4] = 0


def _upright_courses(ruling: NDArray[np.bool_], height: float) -> NDArray[np.bool_]:
    """Where the upright lines run of which the ruling, bool (H, W), shows a piece higher than writing; bool (H, W)."""
    length = round(_UPRIGHT * height)
    lines = ruling.astype(np.uint8) * np.uint8(255)
    # A line that leans a little goes on in the next column.
    leaning = cv2.dilate(lines, np.ones((1, 3), np.uint8))
    upright = cv2.morphologyEx(
        leaning, cv2.MORPH_OPEN, np.ones((length, 1), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=(0,)
    )
    courses = find_courses(np.ascontiguousarray(cv2.min(upright, lines).T, np.uint8), length=length)
    reach = 2 * max(1, round(_BESIDE * height)) + 1
    return np.asarray(cv2.dilate(np.ascontiguousarray(courses.T), np.ones((1, reach), np.uint8)), np.bool_)
