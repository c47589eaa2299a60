"""The ink of a page that is writing: no specks, no blots, no folds, no remains of its ruling."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.components import weighted_median
from edge_hwr.dot_grid import find_dot_grid
from edge_hwr.enclosures import find_enclosures
from edge_hwr.faint_ruling import find_faint_ruling
from edge_hwr.ink import Grey
from edge_hwr.layout import typical_height
from edge_hwr.ruling import find_ruling
from edge_hwr.ruling_courses import find_continuations
from edge_hwr.squared_paper import DARK_RULES, find_rules, find_squares
from edge_hwr.upright import Upright
from edge_hwr.walls import find_walls

LEAST_DARKNESS, FAINTEST = 0.4, 0.15
"""A line, or a component, whose darkest ink is less dark than the first share of what is usual on the page is a fold or
a shadow, or from another, paler pen; below the second it is no writing."""

_BROAD, _LEAST_DARKNESS_BROAD = 1.3, 0.6
"""Strokes that are so much broader than is usual have to be so dark."""

_MOST_COMPONENTS = 8_000
"""Of ink, for a page: dense ones have a few thousand, and time and memory grow with them times the lines."""

_BLOTS = (0.3, 0.4, 0.5)
"""What is thicker than the first share of the usual height is no letter, unless most letters are."""

_HEADINGS, _HIGHEST = (1.25, 1.6, 2.0), 3.0
"""Letters that are higher, by these factors, may be thicker by the same. What is higher still may not: a large blot has
a light middle, and looks thinner than it is."""

_SURROUNDED, _LARGEST = 8, 8
"""What has so many other components within its outlines, and most of all there are, is what the sheet lies on; so many
components, the largest, are looked at for that."""

_RULE_LENGTH = 50
"""Straight runs of so many pixels of the reduced picture are ruling."""


_WALL = 3
"""Upright lines so much longer than the letters are high are no letters but margins, and walls of tables."""


@dataclass(frozen=True, slots=True, eq=False)
class Writing:
    """The ink of an upright page without its ruling, in components (N, 5: x, y, w, h, area; label k in row k - 1).

    `written` tells which components are surely writing, `height` how high these are, and `faint` which others would be
    if they were as dark; `printed`, uint8 of the labels' shape, is by how much dots, the lines of squared paper and
    outlines around words make it darker, if there are any; `ink`, uint8 of that shape, is the mask that the ruling is
    still in.
    """

    labels: NDArray[np.int32]
    components: NDArray[np.int32]
    written: NDArray[np.bool_]
    height: float
    faint: NDArray[np.bool_]
    printed: Grey | None
    ink: Grey


def find_writing(upright: Upright) -> Writing:
    """The components of an upright mask of ink; writing are no specks, no blots, no folds, no remains of ruling."""
    depth = upright.depth()
    printed = find_squares(depth)
    ruled = printed if printed.any() else find_rules(depth, faintest=DARK_RULES)
    only_printed = (ruled > 0) & (depth <= ruled + (ruled >> 1))
    ink = upright.ink.copy()
    ink[only_printed] = 0
    outlines = find_enclosures(ink)
    ink &= ~outlines
    pale = find_faint_ruling(ink)
    ruling = pale | find_ruling(ink & ~pale, level=_RULE_LENGTH, upright=_RULE_LENGTH)
    mask = ink & ~(ruling | find_continuations(ink, ruling))
    _, found, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    labels, components = np.asarray(found, np.int32), np.asarray(stats[1:], np.int32)
    on_grid = find_dot_grid(components, np.asarray(centres[1:], np.float64), mask.shape)
    if on_grid.any():
        printed = _with(np.append(False, on_grid).astype(np.uint8)[labels], printed)
        labels, components = _chosen(labels, components, np.flatnonzero(~on_grid))
    if outlines.any():
        printed = _with(outlines, printed)
    w, h, area = components[:, 2], components[:, 3], components[:, 4]
    solid = (4 * w > h) & (h >= 4) & (w >= 3) & ~_surround(components)
    height = typical_height(components[solid], mask.shape)
    walls, parts = find_walls(ruling, labels, components, max(_RULE_LENGTH, round(_WALL * height)))
    if walls.any():
        kept = np.flatnonzero(~parts)
        labels, components, solid = *_chosen(labels, components, kept), solid[kept]
        w, h, area = components[:, 2], components[:, 3], components[:, 4]
        printed = _union(walls, printed)
    large = np.maximum(w, h) > 2.2 * height
    written = solid & (h >= 0.35 * height) & (w >= 0.25 * height) & (h <= 6 * height) & ~(large & (area < 0.1 * w * h))
    blot = _are_blots(mask, labels, components, height, written)
    core = _share_left(mask, labels, components, 2)
    usual = float(np.median(core[written])) if written.any() else 0.0
    # A pen that draws no thicker than the ruling cannot be told from it by that.
    hairline = (core < 0.5 * usual) & (usual > 0.35)
    written &= ~blot & ~hairline
    faint = np.zeros_like(written)
    if written.any():
        # Twice the area over the outline.
        width = 2 / np.maximum(1 - _share_left(mask, labels, components, 3), 0.05)
        darkness = _darkness(depth, labels, area)
        share = darkness / weighted_median(darkness[written], area[written])
        broad = width > _BROAD * weighted_median(width[written], area[written])
        faint = written & ~broad & (share >= FAINTEST) & (share < LEAST_DARKNESS)
        written &= (share >= LEAST_DARKNESS) & ~(broad & (share < _LEAST_DARKNESS_BROAD))
    return _without_grain(
        Writing(labels, components, written, height, faint, printed if printed.any() else None, ink & ~pale)
    )


def _with(taken: Grey, printed: Grey) -> Grey:
    """What a page is printed with, and what else is taken out of it for good, with the rim of either."""
    return _union(np.asarray(cv2.dilate(taken, np.ones((3, 3), np.uint8)), np.uint8), printed)


def _union(taken: Grey, printed: Grey) -> Grey:
    return np.where(taken > 0, np.uint8(255), printed)


def _surround(components: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which components surround most of the others, as the table around a sheet does."""
    left, top, w, h, _ = components.T
    around = np.zeros(len(components), np.bool_)
    for k in np.argsort(-w * h, kind="stable")[:_LARGEST].tolist():
        inside = (left > left[k]) & (top > top[k]) & (left + w < left[k] + w[k]) & (top + h < top[k] + h[k])
        around[k] = np.count_nonzero(inside) >= max(_SURROUNDED, len(components) // 2)
    return around


def _are_blots(
    mask: Grey, labels: NDArray[np.int32], components: NDArray[np.int32], height: float, letters: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which components are too thick for their height to be letters: those of a heading may be so by a broad pen, and
    most of the `letters` of a page by one as well, or where the picture is out of focus."""

    def thicker(share: float) -> NDArray[np.bool_]:
        return _share_left(mask, labels, components, max(4, round(share * height))) > 0.1

    heights, area = components[:, 3], components[:, 4] * letters
    for share in _BLOTS:
        blot = thicker(share)
        if 2 * area[blot].sum() <= area.sum():
            break
    for larger in _HEADINGS:
        tall = blot & (heights >= larger * height) & (heights <= _HIGHEST * height)
        if tall.any():
            blot &= thicker(_BLOTS[0] * larger) | ~tall
    return blot


def _without_grain(writing: Writing) -> Writing:
    """The largest `_MOST_COMPONENTS`, writing before specks: nothing on a page needs more, but the noise of a camera in
    the dark has many times as many. Where they have most of the ink, there is no writing in between."""
    labels, components, written = writing.labels, writing.components, writing.written
    if len(components) <= _MOST_COMPONENTS:
        return writing
    area = components[:, 4]
    if 2 * area[written].sum() < area.sum():
        none = np.zeros(0, np.bool_)
        return replace(writing, labels=np.zeros_like(labels), components=components[:0], written=none, faint=none)
    kept = np.sort(np.lexsort((area, written))[-_MOST_COMPONENTS:])
    labels, components = _chosen(labels, components, kept)
    return replace(writing, labels=labels, components=components, written=written[kept], faint=writing.faint[kept])


def _chosen(
    labels: NDArray[np.int32], components: NDArray[np.int32], kept: NDArray[np.intp]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """A map of components and their table with some of them alone."""
    names = np.zeros(len(components) + 1, np.int32)
    names[kept + 1] = np.arange(1, len(kept) + 1)
    return names[labels], components[kept]


def _darkness(depth: Grey, labels: NDArray[np.int32], area: NDArray[np.int32]) -> NDArray[np.float64]:
    """How dark the darkest tenth of each component is, in steps of 8: strokes are paler at their edges."""
    inked = labels > 0
    counts = np.bincount(labels[inked] * 32 + (depth[inked] >> 3), minlength=32 * (len(area) + 1))
    upto = counts.reshape(-1, 32)[1:].cumsum(axis=1)
    return np.asarray(8.0 * (upto >= 0.9 * area[:, np.newaxis]).argmax(axis=1) + 4)


def _share_left(mask: Grey, labels: NDArray[np.int32], components: NDArray[np.int32], side: int) -> NDArray[np.float64]:
    """Which share of each component is left of it by an erosion by a square."""
    inner = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_RECT, (side, side)))
    left = np.bincount(labels[inner > 0], minlength=len(components) + 1)[1:]
    return np.asarray(left / np.maximum(components[:, 4], 1), np.float64)
