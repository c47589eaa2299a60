"""Ruling that touches glyphs: what is too large for a glyph is cut along its straight lines."""

from __future__ import annotations

import cv2
import numpy as np

from edge_hwr.components import Boxes, Labels, cut_ruling
from edge_hwr.fragments import WIDEST
from edge_hwr.hairlines import HIGHEST
from edge_hwr.ink import BLOCK, Grey
from edge_hwr.ruling_courses import find_courses

_BROAD, _BROADEST = 1.25, 2.5
"""Times its height: few digits are broader, and none."""
_FLAT = 0.25
"""Times the height of the writing: a piece of a rule is no higher."""
_SPANNING, _BAND, _SOLID = 0.4, BLOCK + 1, 0.6
"""What spans so much of the frame's width or height, and is so broad, in pixels, over such a share, is no line but
darker than the paper beside it. Ink finding goes by blocks, and sees one or two of these."""
_BESIDE = 5
"""Pixels, two less of which a rule may lie beside its course."""


def free_from_ruling(labels: Labels, components: Boxes, height: float) -> tuple[Labels, Boxes]:
    """Take lines and grids apart from the glyphs that touch them; components that are neither stay as they are.

    `labels` and `components` as of `connected_components`, whose writing is `height` pixels high.
    """
    components = _without_surroundings(labels, components, height)
    wide, tall = components[:, 2], components[:, 3]
    large = ((wide > _BROADEST * height) | (tall > HIGHEST * height)) & (components[:, 4] > 0)
    # A one is as tall as the writing, but no digit is as wide: upright lines must prove themselves over more.
    level, upright = round(height), round(1.5 * height)
    # Broad twos, fives and sevens have strokes as straight as a rule: of these only what lies on a rule is cut away.
    broad = ~large & (wide > _BROAD * height)
    if large.any():
        labels, components = cut_ruling(labels, components, large, level=level, upright=upright)
        broad = np.append(broad, components[len(broad) :, 2] > _BROAD * height)
    if broad.any() and (courses := _courses(labels, components, height)).any():
        labels, components = cut_ruling(labels, components, broad, level=level, upright=upright, within=courses)
    return labels, components


def _without_surroundings(labels: Labels, components: Boxes, height: float) -> Boxes:
    """The components, but what shows of the table that a sheet lies on, a broad band along its edges, has no extent."""
    rows, columns = labels.shape
    wide, tall = components[:, 2], components[:, 3]
    spanning = (wide > np.maximum(_SPANNING * columns, WIDEST * height)) | (
        tall > np.maximum(_SPANNING * rows, WIDEST * height)
    )
    emptied = components.copy()
    for index in np.flatnonzero(spanning):
        x, y, w, h, area = components[index].tolist()
        band = (labels[y : y + h, x : x + w] == index + 1).astype(np.uint8)
        solid = cv2.morphologyEx(band, cv2.MORPH_OPEN, np.ones((_BAND, _BAND), np.uint8))
        if cv2.countNonZero(solid) > _SOLID * area:
            emptied[index, 2:] = 0  # unlike ruling, beside which bars are walls
    return emptied


def _courses(labels: Labels, components: Boxes, height: float) -> Grey:
    """Where the rules run whose pieces lie between the glyphs or have been cut from them; uint8 (H, W), 255 there."""
    pieces = (components[:, 4] == 0) | (components[:, 3] < _FLAT * height)
    ruling = np.append(False, pieces).astype(np.uint8)[labels] * np.uint8(255)
    return np.asarray(cv2.dilate(find_courses(ruling), np.ones((_BESIDE, 1), np.uint8)), np.uint8)
