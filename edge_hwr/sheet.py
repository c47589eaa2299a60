"""The sheet of paper in a photograph: four straight edges, bright on their inner side.

Each side of the sheet is looked for by a Hough transform (R. Duda, P. Hart, "Use of the Hough transformation to detect
lines and curves in pictures", CACM 1972) of its own, voted for only by edges of its direction and polarity, on the
logarithm of the brightness: a lamp's reflection or a shadow over the edge hides a part of it, never all. Of the
quadrilaterals that the strongest lines make, the one with the most edge along its outline is the sheet.
"""

from __future__ import annotations

import math
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.ink import Grey, reduce_by

Quad = NDArray[np.float32]
"""Corners (4, 2) as x, y: upper left, upper right, lower right, lower left."""

Matrix = NDArray[np.float64]

_SIDE = 200
"""Longer side of the picture that is looked at, in pixels, about."""
_SLOPES = np.linspace(-0.36, 0.36, 25)
_CANDIDATES = 3
_FULL_EDGE = 0.5
"""A step of the logarithm of the brightness from which on an edge counts fully."""
_CLEAR_EDGE = 0.15
"""The least step of an edge that votes."""
_LEAST_SUPPORT = 0.55
"""The share of each side that has to be a clear edge."""
_SUPPORT_ALONE = 0.85
"""The same share for one of the notes that lie side by side."""
_SLACK = 0.04
"""By such a share of the picture's longer side a sheet may reach out of it."""
_BESIDE = 3
"""By so many pixels of that picture one of them may reach out of the outline of all."""
_PAINTED, _RIM = 1.06, 0.02
"""A sheet is painted over with so much of what it lies on, by what is around that: a share of the picture's side."""
LEAST_SHARE = 0.12
"""A smaller share of the picture is no page that somebody photographed."""


def find_sheet(grey: Grey, *, least_share: float = LEAST_SHARE) -> Quad | None:
    """The corners, in pixels of `grey` (uint8 (H, W)), of the sheet of paper that it shows; None if none stands out.

    It fills `least_share` of the picture at least. One of its four sides may lie outside of the picture, whose border
    then stands for it, unless the sheet lies across: of one that is turned by more than about 25 degrees all four are
    seen, and its corners are those of the sheet turned by 45 degrees to the left.
    """
    factor = max(1, round(max(grey.shape) / _SIDE))
    if min(grey.shape) // factor < 24:
        return None
    small = reduce_by(grey, factor)
    # Writing is not to look like edges.
    small = np.asarray(cv2.medianBlur(cv2.morphologyEx(small, cv2.MORPH_CLOSE, _CLOSING), 3), np.uint8)
    light = _LOGARITHM[small]
    corners = _find(light, least_share * light.size, outside=1)
    if corners is None:
        corners = _find_across(light, least_share * light.size)
    return None if corners is None else np.asarray((corners + 0.5) * factor - 0.5, np.float32)


def paint_over(grey: Grey, sheet: Quad) -> Grey:
    """A picture without a sheet: as bright there as around it."""
    middle = sheet.mean(axis=0)
    there = np.zeros_like(grey)
    cv2.fillConvexPoly(there, np.round(middle + (sheet - middle) * _PAINTED).astype(np.int32), (255,))
    width = max(3, round(_RIM * max(grey.shape)))
    rim = (cv2.dilate(there, np.ones((width, width), np.uint8)) > 0) & (there == 0)
    return np.where(there > 0, np.uint8(np.median(grey[rim]) if rim.any() else 0), grey)


def flattening(quad: Quad) -> tuple[Matrix, tuple[int, int]]:
    """The homography from the flat sheet to the picture, and the sheet's (width, height) in pixels of the picture."""
    sides = np.linalg.norm(quad - np.roll(quad, -1, axis=0), axis=1)
    width, height = max(round((sides[0] + sides[2]) / 2), 2), max(round((sides[1] + sides[3]) / 2), 2)
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    return np.asarray(cv2.getPerspectiveTransform(flat, quad), np.float64), (width, height)


def _find(light: NDArray[np.float32], least: float, *, outside: int) -> Quad | None:
    """The corners of a sheet of so many pixels at least, so many of whose sides may lie outside of the picture."""
    height, width = light.shape
    down = _steps(light)
    across = _steps(np.ascontiguousarray(light.T))
    sides = [_candidates(edges) for edges in (down, -across, -down, across)]
    lines = np.array(list(product(*sides)))
    lines = lines[np.count_nonzero(np.isnan(lines[:, :, 0]), axis=1) <= outside]
    if len(lines) == 0:
        return None
    corners = _corners(lines, width, height)
    score, clear = _score(down, across, lines, corners)
    score[~_page_like(corners, width, height, least)] = 0.0
    best = int(np.argmax(score))
    if score[best] == 0:
        return None
    torn = _are_torn(clear)
    if torn[best]:
        low, high = corners[best].min(axis=0) - _BESIDE, corners[best].max(axis=0) + _BESIDE
        part = ((corners >= low) & (corners <= high)).all(axis=(1, 2)) & ~torn
        alone = score * (part & (clear.mean(axis=2) >= _SUPPORT_ALONE).all(axis=1))
        best = int(np.argmax(alone)) if alone.any() else best
    return np.asarray(corners[best], np.float32)


def _find_across(light: NDArray[np.float32], least: float) -> Quad | None:
    """The same of a picture that is turned by 45 degrees."""
    height, width = light.shape
    side = math.ceil(math.hypot(height, width))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 45.0, 1.0)
    turn[:, 2] += (side - width) / 2, (side - height) / 2
    # What is beyond the border goes on as the border is, and at right angles to it: no edge that is looked for.
    turned = cv2.warpAffine(light, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    corners = _find(np.asarray(turned, np.float32), least, outside=0)
    if corners is None:
        return None
    corners = cv2.transform(corners[None], cv2.invertAffineTransform(turn))[0]
    slack = _SLACK * max(height, width)
    within = ((corners >= -slack) & (corners <= (width - 1 + slack, height - 1 + slack))).all()
    return np.asarray(corners, np.float32) if within else None


_CLOSING = cv2.getStructuringElement(cv2.MORPH_RECT, (5, 5))
_LOGARITHM = np.log(np.arange(256, dtype=np.float32) + 12)


def _steps(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """By how much the logarithm of the brightness rises downwards around each pixel, over four rows."""
    smooth = cv2.blur(light, (5, 1))
    steps = np.zeros_like(light)
    steps[2:-2] = smooth[4:] - smooth[:-4]
    return steps


def _candidates(steps: NDArray[np.float32]) -> list[tuple[float, float]]:
    """Offset and slope of the strongest nearly level lines along which the brightness rises; NaN for the border."""
    height, width = steps.shape
    y, x = np.nonzero((steps >= _CLEAR_EDGE) & (steps >= cv2.dilate(steps, _ACROSS_EDGE)))
    found = [_BORDER]
    if len(x) == 0:
        return found
    weight = np.minimum(steps[y, x], _FULL_EDGE)
    pad = width // 4  # no slope moves a vote by more than this
    size = height + 2 * pad
    rows = np.round(y - _SLOPES[:, None] * (x - width / 2)).astype(np.intp) + pad
    rows += size * np.arange(len(_SLOPES))[:, None]
    votes = np.bincount(rows.ravel(), np.tile(weight, len(_SLOPES)), size * len(_SLOPES)).reshape(-1, size)
    votes = np.asarray(cv2.blur(votes, (3, 1)))
    for _ in range(_CANDIDATES):
        slope, offset = np.unravel_index(int(np.argmax(votes)), votes.shape)
        if votes[slope, offset] < 0.1 * width * _CLEAR_EDGE:
            break
        found.append((float(offset - pad), float(_SLOPES[slope])))
        votes[:, max(offset - 4, 0) : offset + 5] = 0
    return found


def _corners(lines: NDArray[np.float64], width: int, height: int) -> Quad:
    """Where sides (N, 4, 2: top, right, bottom, left; offset and slope, NaN for the border) meet: (N, 4, 2)."""
    border = np.array([[0.0, 0.0], [width - 1.0, 0.0], [height - 1.0, 0.0], [0.0, 0.0]])
    top, right, bottom, left = np.moveaxis(np.where(np.isnan(lines), border, lines), 1, 0)
    corners = np.empty((len(lines), 4, 2), np.float32)
    for index, (level, upright) in enumerate(((top, left), (top, right), (bottom, right), (bottom, left))):
        (y, rise), (x, lean) = level.T, upright.T
        # y = y0 + rise * (x - width / 2) and x = x0 + lean * (y - height / 2)
        row = (y + rise * (x - lean * height / 2 - width / 2)) / (1 - rise * lean)
        corners[:, index] = np.stack([x + lean * (row - height / 2), row], axis=1)
    return corners


def _page_like(corners: Quad, width: int, height: int, least: float) -> NDArray[np.bool_]:
    """Which quadrilaterals have so many pixels, are the right way round, and outside of the picture by no more
    than a little."""
    slack = _SLACK * max(width, height)
    inside = ((corners >= -slack) & (corners <= (width - 1 + slack, height - 1 + slack))).all(axis=(1, 2))
    sides = np.roll(corners, -1, axis=1) - corners
    long = (np.abs(sides).max(axis=2) >= 0.72 * min(width, height) * (least / (width * height)) ** 0.5).all(axis=1)
    # Between a dark frame and the paper around it, the edges of all four sides are there too, but the wrong way round.
    (right, _), (_, down), (left, _), (_, up) = np.moveaxis(sides, (1, 2), (0, 1))
    round_about = (right > 0) & (down > 0) & (left < 0) & (up < 0)
    x, y = corners[..., 0], corners[..., 1]
    area = 0.5 * np.abs((x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1))
    return np.asarray(inside & long & round_about & (area >= least), np.bool_)


def _are_torn(clear: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of which outlines (N, 4, places: where a side is a clear edge) two opposite sides have a gap in the same place:
    these are notes side by side, taken for one sheet."""
    top, right, bottom, left = np.moveaxis(~clear[:, :, _CORNER:-_CORNER], 1, 0)
    gaps = np.stack([top & bottom[:, ::-1], left & right[:, ::-1]])
    return np.asarray((gaps[..., 1:] & gaps[..., :-1]).any(axis=(0, 2)), np.bool_)


def _score(
    down: NDArray[np.float32], across: NDArray[np.float32], lines: NDArray[np.float64], corners: Quad
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The length of clear edge along each outline, in pixels, 0 where one of the sides lacks one; and whether the edge
    is clear at places along each side, (N, 4, places). The border of the picture is."""
    total, whole = np.zeros(len(corners)), np.ones(len(corners), np.bool_)
    places = np.ones((len(corners), 4, len(_ALONG)), np.bool_)
    ends = np.roll(corners, -1, axis=1)
    for index, edges in enumerate((down, -across, -down, across)):
        # A sheet that curls leaves its chord by a pixel or two.
        near = np.asarray(cv2.dilate(edges, _ACROSS_EDGE))
        start, end = corners[:, index, None], ends[:, index, None]
        points = start + (end - start) * _ALONG
        if index % 2:
            points = points[..., ::-1]
        column = np.clip(np.round(points[..., 0]).astype(np.intp), 0, near.shape[1] - 1)
        row = np.clip(np.round(points[..., 1]).astype(np.intp), 0, near.shape[0] - 1)
        found = near[row, column]
        border = np.isnan(lines[:, index, 0])
        places[:, index] = border[:, None] | (found > _CLEAR_EDGE)
        whole &= places[:, index].mean(axis=1) >= _LEAST_SUPPORT
        clear = np.clip(found, 0, _FULL_EDGE).mean(axis=1) * np.linalg.norm(end - start, axis=2)[:, 0]
        total += np.where(border, 0.0, clear)
    return np.where(whole, total, 0.0), places


_BORDER = (float("nan"), float("nan"))
_ALONG = np.linspace(0.03, 0.97, 32, dtype=np.float32)[:, None]
_CORNER = 3
"""Of these places, so many from each corner may be rounded or dog-eared."""
_ACROSS_EDGE = np.ones((5, 1), np.uint8)
