"""Bubbles and boxes that somebody drew around words: told apart from the words."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.ink import Grey
from edge_hwr.layout import typical_height

_WIDEST, _HIGHEST = 2.0, 1.3
"""In heights of the writing: what goes around words is at least so wide and high."""

_FULLEST = 0.3
"""Share of its box that an outline fills at most."""
_HOLE = 0.45
"""Share of its box that is left free within it at least."""
_BROADEST = 0.35
"""In heights of the writing: the stroke of an outline."""
_GAP = 0.5
"""In heights of the writing: so far from each other may the ends of an outline be that was meant to close."""
_LEAST_INSIDE = 2
"""Pieces of ink as high as letters that an outline goes around."""
_HELD = 0.18
"""Of the height of what goes around it: dots and accents are lower."""
_LETTER = 0.4
"""In heights of the writing: what is lower is no letter."""
_MOST, _MOST_PIXELS = 100, 3
"""More outlines are not looked at, nor more than so many times the pixels of the page."""


def find_enclosures(ink: Grey) -> Grey:
    """The pixels of a mask of ink, uint8 (h, w) with 255 on ink, that are outlines around words; uint8, 255 on these.

    A letter that touches the outline keeps its own ink, but for what is within the breadth of its stroke.
    """
    outlines = np.zeros_like(ink)
    _, found, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8, ltype=cv2.CV_32S)
    labels, components = np.asarray(found, np.int32), np.asarray(stats[1:], np.int32)
    height = typical_height(_without_outlines(components), ink.shape)
    _, _, w, h, area = components.T
    thin = (w >= _WIDEST * height) & (h >= _HIGHEST * height) & (area <= _FULLEST * w * h)
    letters = np.append(False, (h >= _LETTER * height) & (h < len(ink) / 2))
    left_over = _MOST_PIXELS * ink.size
    for k in np.flatnonzero(thin)[np.argsort((w * h)[thin], kind="stable")][:_MOST].tolist():
        left, top, width, tall, _ = components[k].tolist()
        left_over -= width * tall
        if left_over < 0:
            break
        around = labels[top : top + tall, left : left + width]
        outline = np.asarray(around == k + 1)
        reach = np.ones((2 * max(2, round(_BROADEST * height)) + 1,) * 2, np.uint8)
        for inside in _insides(outline, max(1, round(_GAP * height)), (_WIDEST * height, _HIGHEST * height)):
            within = np.bincount(around[(inside > 0) & ~outline], minlength=len(letters)) > 0
            if np.count_nonzero(within & letters) >= _LEAST_INSIDE:
                heart = cv2.erode(inside, np.ones((5, 5), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
                near = np.asarray(cv2.dilate(inside, reach)) > np.asarray(heart)
                outlines[top : top + tall, left : left + width][outline & near] = 255
    return outlines


def _without_outlines(components: NDArray[np.int32]) -> NDArray[np.int32]:
    """Components without those, of the largest, that others stand in: these are no letters, and high."""
    left, top, w, h, _ = components.T
    kept = np.ones(len(components), np.bool_)
    for k in np.argsort(-w * h, kind="stable")[:_MOST].tolist():
        within = (left > left[k]) & (top > top[k]) & (left + w < left[k] + w[k]) & (top + h < top[k] + h[k])
        kept[k] = np.count_nonzero(within & (h >= _HELD * h[k])) < _LEAST_INSIDE
    return components[kept]


def _insides(outline: NDArray[np.bool_], gap: int, least: tuple[float, float]) -> list[Grey]:
    """What an outline goes around, or several that strokes connect do, each of this width and height at least: convex,
    255 in maps of its box. The cells of a table, which have their walls in common, are none."""
    padded = cv2.copyMakeBorder(outline.astype(np.uint8), gap, gap, gap, gap, cv2.BORDER_CONSTANT, value=(0,))
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8))
    contours, hierarchy = cv2.findContours(closed, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    holes = [contour for contour, (_, _, _, parent) in zip(contours, hierarchy[0], strict=True) if parent >= 0]
    taken = np.zeros(padded.shape, np.int32)
    found = []
    for hole in holes:
        left, top, width, height = cv2.boundingRect(hole)
        if 2 * width < least[0] or 2 * height < least[1]:
            continue
        place = np.s_[top - gap : top + height + gap, left - gap : left + width + gap]
        inside = np.zeros((height + 2 * gap, width + 2 * gap), np.uint8)
        cv2.fillConvexPoly(inside, cv2.convexHull(hole - (left - gap, top - gap)), (255,))
        taken[place] += cv2.dilate(inside, np.ones((gap, gap), np.uint8)) > 0
        if width >= least[0] and height >= least[1] and cv2.contourArea(hole) >= _HOLE * width * height:
            found.append((place, inside))
    insides = []
    for place, inside in found:
        most = np.count_nonzero(inside) >= _HOLE * outline.size
        if most or taken[place][inside > 0].max() == 1:
            whole = np.zeros(padded.shape, np.uint8)
            whole[place] = inside
            insides.append(whole[gap:-gap, gap:-gap])
    return insides
