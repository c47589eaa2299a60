"""Ruled lines, grids and table edges: told apart from the writing that stands on, or touches, them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]

_ACROSS = 5
"""How far, in pixels, a line may wander within one kernel length (a page is never quite straight in the frame)."""


def find_ruling(mask: Mask, *, level: int, upright: int) -> Mask:
    """The pixels of `mask` (uint8, 255 = ink) on straight runs of at least `level` pixels across or `upright` down.

    Ink that crosses a line keeps the pixels of the crossing, so that the stroke stays in one piece.
    """
    ruling = np.zeros_like(mask)
    for along, across in (((max(level, 3), 1), (1, _ACROSS)), ((1, max(upright, 3)), (_ACROSS, 1))):
        # A tilted thin line is a staircase of short runs: thickened across, its runs overlap and survive the opening.
        thick = _dilate(mask, across)
        opened = _open(thick, along)
        # Opening also keeps what is wide *and* tall (a blot, a black header): a line is thin, so take that out again.
        run = max(3 * _ACROSS, max(along) // 3)
        solid = _open(opened, (1, run) if across[1] > 1 else (run, 1))
        ruling |= (opened & ~solid) & mask
    return ruling & ~_crossings(mask & ~ruling, ruling)


def _dilate(mask: Mask, size: tuple[int, int], anchor: tuple[int, int] = (-1, -1)) -> Mask:
    return np.asarray(cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_RECT, size), anchor=anchor), np.uint8)


def _open(mask: Mask, size: tuple[int, int]) -> Mask:
    """Morphological opening by a rectangle (width, height); beyond the edge there is no ink."""
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, size)
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
    return np.asarray(opened, np.uint8)


def _crossings(strokes: Mask, ruling: Mask) -> Mask:
    """Pixels of the ruling with ink of a stroke close by on both opposite sides."""
    reach = 2 * _ACROSS + 1
    crossing = np.zeros_like(ruling)
    for size, before, after in (((1, reach), (0, 0), (0, reach - 1)), ((reach, 1), (0, 0), (reach - 1, 0))):
        crossing |= _dilate(strokes, size, before) & _dilate(strokes, size, after) & ruling
    return crossing
