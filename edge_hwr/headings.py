"""Headings of a page: rows of letters that are much larger than the rest of the writing.

They are looked for apart, because whatever is judged by the size of the writing (what is a letter, what a blot, how
long a rule is, how far lines stand from each other) has another size there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.components import weighted_median
from edge_hwr.page_writing import Writing
from edge_hwr.ruling import find_ruling

Labels = NDArray[np.int32]
Components = NDArray[np.int32]
"""(N, 5): x, y, w, h, area."""
Extents = NDArray[np.float64]
"""(N, 4): left, top, width, height."""

_LARGER, _MUCH_LARGER = 1.5, 1.8
"""A letter of a heading is so many times as high as the writing; the letters of a heading together are higher still."""

_LIKE = 2.2
"""Neighbours in a row differ in height by this factor at most: an x from a P, or from a whole joined word."""
_GAP = 1.7
"""They stand so far apart at most, in heights of the higher one."""

_MOST_LETTERS = 300
"""With more that is so large it is no writing of which some stands out."""

_MOST_HEADINGS = 8
"""Each is read, to be judged."""

_LEAST_LETTERS, _LEAST_WIDTH = 3, 3.0
"""A heading has so many letters, or is so many times as wide as high: a joined word."""

_LEAST_REMAINS = 2
"""So many of its letters are seen as such where their straight strokes are taken for ruling."""

_THINNEST, _FULLEST = 0.03, 0.75
"""Shares of its box that the ink of a letter fills."""
_BROADEST = 0.3
"""What is thicker than such a share of the height of its row is no letter."""

_MOST_INSIDE = 0.25
"""Of a heading's ink: with more that is writing of the usual size it is lines that touch, or a frame around one."""

_RULE = 3
"""What runs straight through a third of the page's columns or rows is ruling, however large the letters."""


def find_headings(writing: Writing, known: Extents) -> list[Writing]:
    """The rows of much larger letters on a page, each as the writing of a page of its own.

    `known` is where lines were found without looking for headings: what stands in the midst of one belongs to it.
    """
    # First a look at what the removal of ruling has left of them: it takes straight strokes out of large letters.
    if not any(len(row) >= _LEAST_REMAINS for row in _letters(writing.components, writing, known)):
        return []
    rows, columns = writing.ink.shape
    mask = writing.ink & ~find_ruling(writing.ink, level=max(columns // _RULE, 3), upright=max(rows // _RULE, 3))
    _, found, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    labels, components = np.asarray(found, np.int32), np.asarray(stats[1:], np.int32)
    headings = []
    for row in _letters(components, writing, known):
        height = _usual_height(components[row])
        if not _is_long(components[row], height):
            continue
        written = _complete(row, components)
        own = np.where(np.append(False, written)[labels], labels, 0)
        if not _is_blot(own, height) and not _is_around_writing(own, writing):
            none = np.zeros(len(components), np.bool_)
            headings.append(Writing(own, components, written, height, none, writing.printed, writing.ink))
    return sorted(headings, key=lambda heading: -heading.height)[:_MOST_HEADINGS]


def without(headings: Sequence[Writing], writing: Writing) -> Writing:
    """What else is written on the page."""
    taken = np.any([heading.labels > 0 for heading in headings], axis=0)
    share = np.bincount(writing.labels[taken], minlength=len(writing.components) + 1)[1:] / writing.components[:, 4]
    other = share < 0.5
    labels = np.where(np.append(False, other)[writing.labels], writing.labels, 0)
    return replace(writing, labels=labels, written=writing.written & other, faint=writing.faint & other)


def _letters(components: Components, writing: Writing, known: Extents) -> list[NDArray[np.intp]]:
    """The rows of letters that are large enough for a heading, as indices."""
    _, _, w, h, area = components.T
    full = area / (w * h)
    tall = (h >= _LARGER * writing.height) & (2 * h < len(writing.ink))
    letters = np.flatnonzero(tall & (full >= _THINNEST) & (full <= _FULLEST))
    if len(letters) > _MOST_LETTERS:
        return []
    rows = (letters[row] for row in _rows(components[letters]))
    return [
        row
        for row in rows
        if _usual_height(components[row]) >= _MUCH_LARGER * writing.height
        and not _is_part_of_a_line(components[row], known)
    ]


def _is_part_of_a_line(row: Components, known: Extents) -> bool:
    """Whether a line that is known has most of a row of letters, and goes on to its left or right."""
    (left, top), (right, bottom) = row[:, :2].min(axis=0), (row[:, :2] + row[:, 2:4]).max(axis=0)
    first, upper, width, height = known.T
    common = np.minimum(first + width, right) - np.maximum(first, left)
    beside = np.minimum(upper + height, bottom) - np.maximum(upper, top) > height / 2
    return bool((beside & (2 * common > right - left) & (width - common > _usual_height(row))).any())


def _rows(letters: Components) -> list[NDArray[np.intp]]:
    """Letters that stand beside each other, row by row, as indices."""
    x, y, w, h, _ = letters.T.astype(np.float64)
    common = np.minimum((y + h)[:, None], y + h) - np.maximum(y[:, None], y)
    gap = np.maximum(x[:, None], x) - np.minimum((x + w)[:, None], x + w)
    low, high = np.minimum(h[:, None], h), np.maximum(h[:, None], h)
    beside = (common >= 0.5 * low) & (gap <= _GAP * high) & (high <= _LIKE * low)
    row = np.arange(len(letters))
    for one, other in zip(*np.nonzero(np.triu(beside, 1)), strict=True):
        row[row == row[other]] = row[one]
    return [np.flatnonzero(row == name) for name in np.unique(row)]


def _usual_height(letters: Components) -> float:
    """Their median, each counted by its height, as in `layout.typical_height`."""
    return weighted_median(letters[:, 3], letters[:, 3])


def _is_long(letters: Components, height: float) -> bool:
    width = (letters[:, 0] + letters[:, 2]).max() - letters[:, 0].min()
    return len(letters) >= _LEAST_LETTERS or bool(width >= _LEAST_WIDTH * height)


def _complete(row: NDArray[np.intp], components: Components) -> NDArray[np.bool_]:
    """Which components a row has, bool (N,), with the smaller ones between its letters: points, accents."""
    x, y, w, h, _ = components.T
    left, top = x[row].min(), y[row].min()
    right, bottom = (x + w)[row].max(), (y + h)[row].max()
    middle_x, middle_y = x + w / 2, y + h / 2
    inside = (middle_x > left) & (middle_x < right) & (middle_y > top) & (middle_y < bottom)
    complete = inside & (h <= h[row].max())
    complete[row] = True
    return np.asarray(complete, np.bool_)


def _is_blot(labels: Labels, height: float) -> bool:
    ink = (labels > 0).astype(np.uint8)
    inner = cv2.erode(ink, np.ones((max(4, round(_BROADEST * height)),) * 2, np.uint8))
    return bool(np.count_nonzero(inner) > 0.1 * np.count_nonzero(ink))


def _is_around_writing(labels: Labels, writing: Writing) -> bool:
    """Whether the ink of what would be a heading is mostly known as writing of the usual size."""
    ink = np.bincount(writing.labels[labels > 0], minlength=len(writing.components) + 1)[1:]
    usual = writing.written & (writing.components[:, 3] < _LARGER * writing.height)
    return bool(ink[usual].sum() > _MOST_INSIDE * ink.sum())
