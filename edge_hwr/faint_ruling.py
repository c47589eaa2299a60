"""Faint ruling: printed lines that a threshold has broken into dashes, found by what they make once these are joined.

Morphological closing and opening along a line, as in J. Serra, "Image Analysis and Mathematical Morphology" (1982).
`ruling.find_ruling` knows lines that are whole, and looks at what touches them more closely.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge_hwr.ink import Grey

_GAP = 9
"""The widest break within a line, in pixels."""
_LENGTH = 90
"""The shortest line: words, joined by the closing, are rarely straight over so much."""
_THICK = 5
"""What is this thick, once dashes are joined, is writing."""


def find_faint_ruling(mask: Grey) -> Grey:
    """The pixels of a mask (uint8, 255 on ink) on long thin level or upright lines, broken or not."""
    level = _lines(mask)
    upright = _lines(np.ascontiguousarray(mask.T)).T
    return np.asarray(mask & (level | upright), np.uint8)


def _lines(mask: Grey) -> Grey:
    """Level lines; a line may wander by a pixel within its least length."""
    joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((1, _GAP), np.uint8))
    thick = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((_THICK, 3), np.uint8))
    thin = cv2.subtract(joined, thick)
    wandering = cv2.dilate(thin, np.ones((3, 1), np.uint8))
    lines = cv2.morphologyEx(
        wandering, cv2.MORPH_OPEN, np.ones((1, _LENGTH), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=(0,)
    )
    return np.asarray(lines, np.uint8)
