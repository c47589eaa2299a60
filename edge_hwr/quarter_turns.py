"""Pictures turned by whole quarters, and points of them brought back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_hwr.ink import Grey
from edge_hwr.reading import Box


def turn(grey: Grey, degrees: int) -> Grey:
    """A picture, uint8 (H, W), turned clockwise by 0, 90, 180 or 270 degrees."""
    return np.ascontiguousarray(np.rot90(grey, -(degrees // 90)))


def turn_points_back(points: NDArray[Any], degrees: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """Where points (N, 2: x, y) of the turned picture are on the picture before, whose shape is (height, width)."""
    height, width = shape
    x, y = points[:, 0], points[:, 1]
    places = {0: (x, y), 90: (y, height - 1 - x), 180: (width - 1 - x, height - 1 - y), 270: (width - 1 - y, x)}
    return np.stack(places[degrees], axis=1)


def turn_box_back(box: Box, degrees: int, shape: tuple[int, ...]) -> Box:
    """Where a box of the turned picture is on the picture before, whose shape is (height, width)."""
    corners = np.array([(box.x, box.y), (box.x + box.w - 1, box.y + box.h - 1)])
    back = turn_points_back(corners, degrees, shape)
    (left, top), (right, bottom) = back.min(axis=0).tolist(), back.max(axis=0).tolist()
    return Box(left, top, right - left + 1, bottom - top + 1)
