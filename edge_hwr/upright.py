"""The page laid upright: perspective and skew taken out of its ink; the picture itself stays as it is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.ink import BLOCK, Grey, Ink
from edge_hwr.sheet import Quad, flattening
from edge_hwr.skew import find_skew

Matrix = NDArray[np.float64]

PAPER = 245
"""Brightness of bare paper once the light is evened out: as scanners show it."""

_LEAST_SKEW = 0.35
"""Degrees; less is left to the courses of the lines."""


@dataclass(frozen=True, slots=True, eq=False)
class Upright:
    """An upright mask of a page's ink, uint8 (h, w), and how it came from the picture.

    `to_picture` is the homography from pixels of the mask to pixels of the picture, `scale` about how many of these
    make one of those, and `plain` tells that the mask is only reduced, neither turned nor rectified.
    """

    picture: Grey
    paper: Grey
    ink: Grey
    to_picture: Matrix
    scale: int
    plain: bool

    def flattened(self) -> Grey:
        """The whole picture with the paper's brightness evened out to `PAPER`."""
        height, width = self.picture.shape
        step = BLOCK * self.scale
        rows, columns = self.paper.shape
        # The blocks may reach beyond the picture.
        even = cv2.resize(self.paper, (columns * step, rows * step), interpolation=cv2.INTER_LINEAR)
        even = cv2.copyMakeBorder(
            even, 0, max(height - rows * step, 0), 0, max(width - columns * step, 0), cv2.BORDER_REPLICATE
        )
        return np.asarray(cv2.divide(self.picture, even[:height, :width], scale=PAPER), np.uint8)


def lay_upright(grey: Grey, ink: Ink, sheet: Quad | None) -> Upright:
    """Lay the page upright by the corners of its sheet, if it has any, and by the direction of its writing."""
    scale = ink.reduction
    centre = (scale - 1) / 2
    reduced = np.array([[scale, 0, centre], [0, scale, centre], [0, 0, 1]], np.float64)
    mask = ink.mask
    if sheet is None:
        to_picture, (height, width) = reduced, mask.shape
    else:
        mask = _within(mask, np.asarray((sheet - centre) / scale, np.float32))
        flat, (wide, high) = flattening(sheet)
        to_picture = flat @ np.diag([scale, scale, 1.0])
        width, height = max(wide // scale, 1), max(high // scale, 1)
    to_mask = np.linalg.inv(reduced) @ to_picture
    angle = _skew(mask, to_mask)
    turned = abs(angle) >= _LEAST_SKEW
    if turned:
        turn, (width, height) = _turning(angle, width, height)
        to_picture, to_mask = to_picture @ turn, to_mask @ turn
    if turned or sheet is not None:
        seen = cv2.warpPerspective(mask, to_mask, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        mask = np.asarray(cv2.threshold(seen, 127, 255, cv2.THRESH_BINARY)[1], np.uint8)
    return Upright(grey, ink.paper, mask, to_picture, scale, not turned and sheet is None)


def _within(mask: Grey, quad: Quad) -> Grey:
    """The mask inside of a quadrilateral, less a rim in which the edge of the sheet could pass for ink."""
    middle = quad.mean(axis=0)
    inner = middle + (quad - middle) * 0.98
    region = np.zeros_like(mask)
    cv2.fillConvexPoly(region, np.round(inner).astype(np.int32), (255,))
    return mask & region


def _skew(mask: Grey, to_mask: Matrix) -> float:
    found = cv2.findNonZero(mask)
    if found is None:
        return 0.0
    # OpenCV 4 gives (N, 1, 2), OpenCV 5 (N, 2).
    found = found.reshape(-1, 1, 2)
    points = found[np.random.default_rng(0).integers(0, len(found), min(len(found), 4000))].astype(np.float64)
    upright = cv2.perspectiveTransform(points, np.linalg.inv(to_mask))[:, 0]
    return find_skew(upright)[0]


def _turning(angle: float, width: int, height: int) -> tuple[Matrix, tuple[int, int]]:
    """From a picture turned back by an angle, large enough to hold all, to the one before; and its (width, height)."""
    cos, sin = float(np.cos(np.deg2rad(angle))), float(np.sin(np.deg2rad(angle)))
    wide, high = round(width * cos + height * abs(sin)), round(height * cos + width * abs(sin))
    x, y = (width - 1) / 2, (height - 1) / 2
    u, v = (wide - 1) / 2, (high - 1) / 2
    return np.array([[cos, -sin, x - cos * u + sin * v], [sin, cos, y - sin * u - cos * v], [0, 0, 1]]), (wide, high)
