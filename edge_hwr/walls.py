"""Margins and the walls of tables: long upright lines that writing stands beside, with what was broken off them.

A line of writing that ends beside one would be read with a one, or an l, too many.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.ink import Grey

_WANDER = 5
"""Columns that a line may lie in over its least length."""
_BREAK = 20
"""The longest piece, in pixels, that strokes may take out of one."""
_SHARE = 0.5
"""What lies on a line with this share of its pixels was broken off it by the threshold."""
_END, _THIN = 10, 0.9
"""What begins no further, in pixels, from the end of a line, and has this share in its columns, goes on with it."""


def find_walls(
    ruling: Grey, labels: NDArray[np.int32], components: NDArray[np.int32], least: int
) -> tuple[Grey, NDArray[np.bool_]]:
    """Where ruling (uint8, 255 on it) has upright lines of at least so many pixels, uint8 of its shape, 255 on them and
    on their rims; and which components (N, 5: x, y, w, h, area), of ink that is not in it, are parts of such.

    `labels` has the number of each pixel's component, from 1.
    """
    count, area = len(components) + 1, components[:, 4]
    thick = cv2.dilate(ruling, np.ones((1, _WANDER), np.uint8))
    joined = cv2.morphologyEx(thick, cv2.MORPH_CLOSE, np.ones((_BREAK, 1), np.uint8))
    lines = cv2.morphologyEx(
        joined, cv2.MORPH_OPEN, np.ones((least, 1), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=(0,)
    )
    if not lines.any():
        return np.asarray(lines, np.uint8), np.zeros(len(components), np.bool_)

    def pixels_on(mask: cv2.typing.MatLike) -> NDArray[np.intp]:
        return np.asarray(np.bincount(labels[np.asarray(mask) > 0], minlength=count)[1:], np.intp)

    walls = cv2.dilate(lines, np.ones((3, 3), np.uint8))
    parts = pixels_on(walls) >= _SHARE * area
    near = pixels_on(cv2.dilate(walls, np.ones((2 * _END + 1, 1), np.uint8))) > 0
    beyond = pixels_on(cv2.dilate(walls, np.ones((2 * least + 1, 1), np.uint8))) >= _THIN * area
    parts = parts | near & beyond
    of_parts = np.append(False, parts).astype(np.uint8)[labels] * np.uint8(255)
    walls = cv2.bitwise_or(walls, cv2.dilate(of_parts, np.ones((3, 3), np.uint8)))
    walls[np.append(False, ~parts)[labels]] = 0
    return np.asarray(walls, np.uint8), parts
