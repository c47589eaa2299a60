"""Rules followed beyond where they were found: what is left of them between words, and before the first one.

A rule is found by its length. Writing and the margin line cut short pieces off it, which look like dashes and ones; but
they lie where the long pieces point to, and the rules of a page point the same way, or nearly so where it is seen at an
angle.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.components import connected_components
from edge_hwr.ink import Grey

_LENGTH = 45
"""The shortest piece, in pixels, that is taken for a part of a rule."""
_STEEPEST = 0.12
_THICKNESS = 3
_DASH = 9
"""Remains so long are taken away even from what they touch; shorter ones where they lie alone."""
_THICK = 4
"""What is this thick is writing."""


def find_continuations(mask: Grey, ruling: Grey) -> Grey:
    """The pixels of a mask (uint8, 255 on ink) that go on with its level ruling; `ruling` shows the long pieces."""
    courses = find_courses(ruling)
    left = mask & ~ruling
    thick = cv2.morphologyEx(left, cv2.MORPH_OPEN, np.ones((_THICK, 3), np.uint8))
    thin = cv2.subtract(left, thick)
    dashes = np.asarray(cv2.morphologyEx(thin, cv2.MORPH_OPEN, np.ones((1, _DASH), np.uint8)), np.uint8) & courses
    return dashes | _alone(left & ~dashes, courses)


def find_courses(ruling: Grey, *, length: int = _LENGTH) -> Grey:
    """The rules of which level pieces are known that have this length at least, drawn from edge to edge; uint8 (H, W),
    255 on them."""
    labels, pieces = connected_components(ruling)
    level = (pieces[:, 2] >= length) & (pieces[:, 3] <= _STEEPEST * pieces[:, 2] + _THICK)
    courses = np.zeros_like(ruling)
    if not level.any():
        return courses
    x, y = cv2.findNonZero(np.append(False, level).astype(np.uint8)[labels]).reshape(-1, 2).T
    middle_x, middle_y, slopes, weights = _fit(np.asarray(labels[y, x], np.int32), x, y, len(pieces) + 1)
    # Weighed by how well each slope is known; one or two rules do not say how slopes change down the page.
    degree = 1 if len(slopes) > 2 and np.ptp(middle_y) > 0 else 0
    common = np.polyval(np.polyfit(middle_y, slopes, degree, w=np.sqrt(weights)), middle_y)
    right = ruling.shape[1] - 1
    for slope, at_x, at_y in zip(common.tolist(), middle_x.tolist(), middle_y.tolist(), strict=True):
        ends = (0, round(at_y - slope * at_x)), (right, round(at_y + slope * (right - at_x)))
        cv2.line(courses, *ends, (255,), _THICKNESS)
    return courses


def _alone(left: Grey, courses: Grey) -> Grey:
    """The flat components that lie on the courses of rules with every pixel."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(left, connectivity=8, ltype=cv2.CV_32S)
    on_course = np.bincount(labels[courses > 0], minlength=len(stats)) == stats[:, cv2.CC_STAT_AREA]
    flat = on_course & (stats[:, cv2.CC_STAT_HEIGHT] < _THICK)
    flat[0] = False
    return np.asarray(flat.astype(np.uint8)[labels] * np.uint8(255), np.uint8)


def _fit(piece: NDArray[np.int32], x: NDArray[Any], y: NDArray[Any], count: int) -> NDArray[np.float64]:
    """The line through the pixels of each piece by least squares, (4, pieces): its middle (x, y), its slope, and the
    spread of its x, which the slope is as certain as."""
    n, sum_x, sum_y, sum_xx, sum_xy = (
        np.bincount(piece, weights=weights, minlength=count) for weights in (np.ones(len(x)), x, y, x * x, x * y)
    )
    there = n > 0
    n, middle_x, middle_y = n[there], sum_x[there] / n[there], sum_y[there] / n[there]
    spread = sum_xx[there] - n * middle_x**2
    return np.stack([middle_x, middle_y, (sum_xy[there] - n * middle_x * middle_y) / spread, spread])
