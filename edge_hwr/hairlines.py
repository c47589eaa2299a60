"""Crumbs of ruling: what is left of thin, faint lines where they broke or crossed, and could be taken for glyphs.

A crumb is told from writing by two things together: its stroke is much thinner than the pen's, and it stands where the
ruling goes on. Only pages that have ruling are looked at.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_CORE_KERNEL = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))

_HAIRLINE_CORE = 0.012
"""A stroke with less than this share of core is a hairline; the core is what an erosion by one pixel leaves."""
_LEAST_PEN_CORE = 0.16
"""Where the writing has less core than this, the pen draws hairlines itself: nothing can be told by thickness."""
HIGHEST = 1.6
"""Times its height: no writing is that high, and ruling that is goes upright."""


def drop_crumbs(
    mask: NDArray[np.uint8], labels: NDArray[np.integer[Any]], components: NDArray[np.int32], height: float
) -> None:
    """Empty (area 0) the rows of components (N, 5: x, y, w, h, area) that are crumbs; the ruling's are so already.

    `labels` gives for each pixel of `mask` the row of its component, plus one; `height` is that of the writing.
    """
    area = components[:, 4]
    emptied = area == 0
    walled = bool((components[emptied, 3] > HIGHEST * height).any())
    if not emptied.any():
        _drop_bars(labels, components, height, emptied, walled=walled)
        return
    ruling = np.append(False, emptied)[labels]
    core = np.bincount(labels[cv2.erode(mask, _CORE_KERNEL) > 0], minlength=len(components) + 1)[1:]
    share = core / np.maximum(area, 1)
    writing = (area > 0) & (share > _HAIRLINE_CORE) & (components[:, 3] >= 0.5 * height)
    thick_pen = writing.any() and np.median(share[writing]) >= _LEAST_PEN_CORE
    hairline = (area > 0) & (share < _HAIRLINE_CORE) & thick_pen
    _drop_bars(labels, components, height, hairline, walled=walled)
    if hairline.any():
        _drop_networks(labels, components, height, hairline, ruling)


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
    labels: NDArray[np.integer[Any]],
    components: NDArray[np.int32],
    height: float,
    hairline: NDArray[np.bool_],
    *,
    walled: bool,
) -> None:
    """Empty the rows of upright bars with ink straight beyond both their ends; for a hairline, beyond one will do.

    Where no ruling goes upright (it is not `walled`) a bar is a one, above a rule or between lines of writing: only ink
    right at both its ends, or the pen of a hairline, makes it anything else.
    """
    slender = np.where(hairline, 2.5, 5.0)
    bars = (components[:, 4] > 0) & (components[:, 3] > slender * components[:, 2]) & (components[:, 3] >= 0.4 * height)
    near, far = max(2, round((0.2 if walled else 0.07) * height)), max(2, round(0.6 * height))
    for index in np.flatnonzero(bars):
        x, y, w, h, area = components[index].tolist()
        columns = slice(max(x - 1, 0), x + w + 1)
        above, below = labels[max(y - far, 0) : y, columns][::-1], labels[y + h : y + h + far, columns]
        close = bool(above[:near].any()) + bool(below[:near].any())
        thin = hairline[index] or (walled and area < 0.09 * height * h)
        if close == 2 or (thin and (close == 1 or (above.any() and below.any()))):
            components[index, 4] = 0
