"""Lines cut out of a page: straightened, alone, with a margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.ink import Grey, above_print
from edge_hwr.line_segmentation import Course
from edge_hwr.reading import Box
from edge_hwr.upright import PAPER, Matrix, Upright

T = TypeVar("T", bound=np.integer[Any])

_MARGIN = 0.12
"""Bare paper around the ink of a crop, in heights of the line."""
_STRAIGHT = 0.6
"""A line that bends by less than this, in pixels of the upright mask, is cut out as if it were straight."""
_FOREIGN_RIM = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))


@dataclass(frozen=True, slots=True, eq=False)
class LinePlace:
    """A line on an upright mask: its ink is within `left` <= x < `right` and `rise` above to `drop` below its course.

    `above` and `below` are what its crop shows at least; `owner` is the map of whose ink is whose, `name` its number.
    """

    course: Course
    left: int
    right: int
    rise: float
    drop: float
    above: float
    below: float
    name: int
    owner: NDArray[np.int16]


def outline(place: LinePlace, upright: Upright, shape: tuple[int, ...]) -> tuple[Box, NDArray[np.int32]]:
    """Box and polygon (N, 2) of a line in pixels of the picture of this shape."""
    count = 2 + min(int((place.right - place.left) / (place.rise + place.drop)), 30)
    x = np.linspace(place.left - 0.5, place.right - 0.5, count)
    middle = place.course.at(x)
    upper, lower = np.stack([x, middle - place.rise], axis=1), np.stack([x, middle + place.drop], axis=1)
    points = cv2.perspectiveTransform(np.concatenate([upper, lower[::-1]])[:, None], upright.to_picture)[:, 0]
    height, width = shape
    polygon = np.clip(np.round(points), 0, (width - 1, height - 1)).astype(np.int32)
    low, high = polygon.min(axis=0).tolist(), polygon.max(axis=0).tolist()
    return Box(low[0], low[1], high[0] - low[0] + 1, high[1] - low[1] + 1), polygon


def cut_out(place: LinePlace, flat: Grey, upright: Upright, printed: Grey | None = None) -> Grey:
    """The crop of a line out of the flattened picture: uint8 (h, w).

    By what `printed` says of each pixel of the mask, uint8, the paper was darker before anything was written on it.
    """
    margin = _MARGIN * (place.above + place.below)
    first, last = int(place.left - margin), int(place.right + margin) + 1
    above, below = int(np.ceil(place.above + margin)), int(np.ceil(place.below + margin))
    x = np.arange(first, last)
    middle = place.course.at(x)
    size = ((last - first) * upright.scale, (above + below) * upright.scale)
    crop = _straightened(flat, upright, first, middle - above, size)
    y = np.round(middle).astype(np.intp) - above + np.arange(above + below)[:, None]
    foreign = _foreign(place, x, y)
    if foreign is not None:
        crop[cv2.resize(foreign, size, interpolation=cv2.INTER_NEAREST) > 0] = PAPER
    if printed is not None and (below_ink := _seen(printed, x, y, 0)).any():
        depth = cv2.subtract(np.full_like(crop, PAPER), crop)
        # Here and there a line is darker; and a fine one is darker than what is left of it in a reduced picture.
        below_ink = np.asarray(cv2.add(below_ink, below_ink >> (2 if upright.scale == 1 else 1)), np.uint8)
        below_ink = np.asarray(cv2.resize(below_ink, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        crop = PAPER - above_print(np.asarray(depth, np.uint8), below_ink, times=2)
    return crop


def _straightened(flat: Grey, upright: Upright, first: int, top: NDArray[np.float64], size: tuple[int, int]) -> Grey:
    """A band of the page whose upper edge is at rows `top` of the upright mask, from column `first` on."""
    scale, (width, height) = upright.scale, size
    columns = len(top)
    chord = np.linspace(top[0], top[-1], columns)
    centre = (1 / scale - 1) / 2
    if np.abs(top - chord).max() < _STRAIGHT:
        rise = float(top[-1] - top[0])
        if upright.plain and abs(rise) < 2 * _STRAIGHT:
            return _slice(flat, first * scale, round(float(top.mean()) * scale), size)
        slope = rise / max(columns - 1, 1)
        band = np.array(
            [[1 / scale, 0, first + centre], [slope / scale, 1 / scale, top[0] + centre * (1 + slope)], [0, 0, 1]]
        )
        seen = cv2.warpPerspective(
            flat, upright.to_picture @ band, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT, borderValue=(PAPER,),
        )  # fmt: skip
        return np.asarray(seen, np.uint8)
    across = (np.arange(width) * (1 / scale) + centre).astype(np.float32)
    x = across + np.float32(first)
    rows = np.interp(across, np.arange(columns), top).astype(np.float32)
    y = (np.arange(height, dtype=np.float32) * np.float32(1 / scale) + np.float32(centre))[:, None] + rows
    map_x, map_y = _project(upright.to_picture, x, y)
    seen = cv2.remap(flat, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(PAPER,))
    return np.asarray(seen, np.uint8)


def _project(
    matrix: Matrix, x: NDArray[np.float32], y: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points through a homography: columns `x` (w,), rows `y` (h, w)."""
    (a, b, c), (d, e, f), (g, h, i) = matrix.astype(np.float32)
    map_x, map_y = y * b + (x * a + c), y * e + (x * d + f)
    if g != 0 or h != 0:
        depth = y * h + (x * g + i)
        map_x /= depth
        map_y /= depth
    return map_x, map_y


def _slice(flat: Grey, left: int, top: int, size: tuple[int, int]) -> Grey:
    """A rectangle of the picture; beyond its edge there is bare paper."""
    width, height = size
    crop = np.full((height, width), PAPER, np.uint8)
    seen = flat[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    crop[max(-top, 0) :, max(-left, 0) :][: seen.shape[0], : seen.shape[1]] = seen
    return crop


def _foreign(place: LinePlace, x: NDArray[np.intp], y: NDArray[np.intp]) -> NDArray[np.uint8] | None:
    """Where the ink of other lines is in a band of the mask, uint8 of the shape of y; None where there is none."""
    owner = _seen(place.owner, x, y, -1)
    # Beyond the ends of the line other ink on its course is another column's.
    own = (owner == place.name) & (x >= place.left) & (x < place.right)
    foreign = ((owner >= 0) & ~own).astype(np.uint8)
    if not foreign.any():
        return None
    return np.asarray(cv2.dilate(foreign, _FOREIGN_RIM) & ~own, np.uint8)


def _seen(page: NDArray[T], x: NDArray[np.intp], y: NDArray[np.intp], beyond: int) -> NDArray[T]:
    """What a map of the page has at columns x (w,) and rows y (h, w); `beyond` its edges that value."""
    rows, columns = page.shape
    inside = (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
    return np.where(inside, page[np.clip(y, 0, rows - 1), np.clip(x, 0, columns - 1)], page.dtype.type(beyond))
