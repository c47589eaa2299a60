"""The page laid upright: perspective and skew taken out of its ink; the picture itself stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.ink import BLOCK, Grey, Ink, reduce_by
from edge_hwr.sheet import Quad, flattening
from edge_hwr.skew import MOST_SKEW, STEEPEST, find_skew, may_be_steep, sample_ink, turning

Matrix = NDArray[np.float64]

PAPER = 245
"""Brightness of bare paper once the light is evened out: as scanners show it."""

_LEAST_SKEW = 0.35
"""Degrees; less is left to the courses of the lines."""

_SAMPLE = 4000
"""Of the ink's pixels, from which the skew is found."""

_ALONG_RIM = 0.5
"""What touches the rim of the sheet over so much of its length is no writing."""


@dataclass(frozen=True, slots=True, eq=False)
class Upright:
    """An upright mask of a page's ink, uint8 (h, w), and how it came from the picture.

    `to_picture` is the homography from pixels of the mask to pixels of the picture, `scale` about how many of these
    make one of those, and `plain` tells that the mask is only reduced, neither turned nor rectified. Writing on a
    picture without a sheet may be `steep`: climb or fall by more than was looked for.
    """

    picture: Grey
    paper: Grey
    ink: Grey
    to_picture: Matrix
    scale: int
    plain: bool
    steep: bool = False

    def flattened(self) -> Grey:
        """The whole picture with the paper's brightness evened out to `PAPER`."""
        return _flatten(self.picture, self.paper, BLOCK * self.scale)

    def depth(self, reduce: Callable[[Grey, int], Grey] = reduce_by) -> Grey:
        """By how much each pixel of the mask is darker than bare paper, its brightness evened out; uint8 (h, w)."""
        flat = _flatten(reduce(self.picture, self.scale), self.paper, BLOCK)
        return self._laid(PAPER - np.minimum(flat, PAPER), cv2.INTER_LINEAR)

    def seen(self) -> Grey:
        """Where the mask shows the picture, uint8 (h, w): 255, and 0 beyond its edges."""
        height, width = self.picture.shape
        whole = np.full((height // self.scale, width // self.scale), 255, np.uint8)
        return self._laid(whole, cv2.INTER_NEAREST)

    def _laid(self, reduced: Grey, how: int) -> Grey:
        """A map of the reduced picture, as a map of the mask."""
        if self.plain:
            return reduced
        to_reduced = np.linalg.inv(_reduced(self.scale)) @ self.to_picture
        how |= cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpPerspective(reduced, to_reduced, self.ink.shape[::-1], flags=how), np.uint8)


def lay_upright(grey: Grey, ink: Ink, sheet: Quad | None, *, most_skew: float = MOST_SKEW) -> Upright:
    """Lay the page upright by the corners of its sheet, if it has any, and by the direction of its writing: by no
    more than `most_skew` degrees."""
    scale, mask = ink.reduction, ink.mask
    reduced = _reduced(scale)
    if sheet is None:
        to_picture, (height, width) = reduced, mask.shape
    else:
        mask = _within(mask, np.asarray((sheet - (scale - 1) / 2) / scale, np.float32))
        flat, (wide, high) = flattening(sheet)
        to_picture = flat @ np.diag([scale, scale, 1.0])
        width, height = max(wide // scale, 1), max(high // scale, 1)
    to_mask = np.linalg.inv(reduced) @ to_picture
    points = _sample(mask, to_mask)
    angle = find_skew(points, most_skew)
    turned = abs(angle) >= _LEAST_SKEW
    if turned:
        turn, (width, height) = turning(angle, width, height)
        to_picture, to_mask = to_picture @ turn, to_mask @ turn
    if turned or sheet is not None:
        seen = cv2.warpPerspective(mask, to_mask, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        mask = np.asarray(cv2.threshold(seen, 127, 255, cv2.THRESH_BINARY)[1], np.uint8)
    steep = sheet is None and most_skew < STEEPEST and may_be_steep(points)
    return Upright(grey, ink.paper, mask, to_picture, scale, not turned and sheet is None, steep)


def _flatten(picture: Grey, paper: Grey, step: int) -> Grey:
    """A picture with its paper, whose brightness is known every `step` pixels, at `PAPER` everywhere."""
    height, width = picture.shape
    rows, columns = paper.shape
    # The blocks may reach beyond the picture.
    even = cv2.resize(paper, (columns * step, rows * step), interpolation=cv2.INTER_LINEAR)
    even = cv2.copyMakeBorder(
        even, 0, max(height - rows * step, 0), 0, max(width - columns * step, 0), cv2.BORDER_REPLICATE
    )
    return np.asarray(cv2.divide(picture, even[:height, :width], scale=PAPER), np.uint8)


def _reduced(scale: int) -> Matrix:
    """From a picture reduced by a whole factor to the picture, between the centres of their pixels."""
    centre = (scale - 1) / 2
    return np.array([[scale, 0, centre], [0, scale, centre], [0, 0, 1]], np.float64)


def _within(mask: Grey, quad: Quad) -> Grey:
    """The mask inside of a quadrilateral, less a rim in which the edge of the sheet could pass for ink.

    Sheets curl, and have round corners and dog-ears: what they lie on shows there, along the rim, as no letter runs.
    """
    region, heart = (_filled(mask.shape, quad, share) for share in (0.98, 0.9))
    inside = np.asarray(mask & region, np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside & ~heart, connectivity=8)
    rim = (inside & ~np.asarray(cv2.erode(region, np.ones((3, 3), np.uint8)), np.uint8)) > 0
    along = np.bincount(labels[rim], minlength=count) >= _ALONG_RIM * stats[:, 2:4].max(axis=1)
    along[0] = False
    inside[along[labels]] = 0
    return inside


def _filled(shape: tuple[int, ...], quad: Quad, share: float) -> Grey:
    """A mask of a quadrilateral shrunk to a share of its size."""
    middle = quad.mean(axis=0)
    area = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(area, np.round(middle + (quad - middle) * share).astype(np.int32), (255,))
    return area


def _sample(mask: Grey, to_mask: Matrix) -> NDArray[np.float64]:
    """Some of the ink of a mask, (N, 2), where it is on another."""
    points = sample_ink(mask, _SAMPLE).astype(np.float64)
    if len(points) == 0:
        return points
    return np.asarray(cv2.perspectiveTransform(points[:, np.newaxis], np.linalg.inv(to_mask))[:, 0], np.float64)
