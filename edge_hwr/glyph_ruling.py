"""Ruling that touches glyphs: what is too large for a glyph is cut along its straight lines."""

from __future__ import annotations

import cv2
import numpy as np

from edge_hwr.components import Boxes, Labels, cut_ruling
from edge_hwr.hairlines import HIGHEST
from edge_hwr.ink import Grey
from edge_hwr.ruling_courses import find_courses

_BROAD, _BROADEST = 1.25, 2.5
"""Times its height: few digits are broader, and none."""
_FLAT = 0.25
"""Times the height of the writing: a piece of a rule is no higher."""
_BESIDE = 5
"""Pixels, two less of which a rule may lie beside its course."""


def free_from_ruling(labels: Labels, components: Boxes, height: float) -> tuple[Labels, Boxes]:
    """Take lines and grids apart from the glyphs that touch them; components that are neither stay as they are.

    `labels` and `components` as of `connected_components`, whose writing is `height` pixels high.
    """
    wide, tall = components[:, 2], components[:, 3]
    large = (wide > _BROADEST * height) | (tall > HIGHEST * height)
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


def _courses(labels: Labels, components: Boxes, height: float) -> Grey:
    """Where the rules run whose pieces lie between the glyphs or have been cut from them; uint8 (H, W), 255 there."""
    pieces = (components[:, 4] == 0) | (components[:, 3] < _FLAT * height)
    ruling = np.append(False, pieces).astype(np.uint8)[labels] * np.uint8(255)
    return np.asarray(cv2.dilate(find_courses(ruling), np.ones((_BESIDE, 1), np.uint8)), np.uint8)
