"""Where the lines of writing run in a mask of ink, joined, slanted or touching.

The middle of a line is where its ink, smoothed much more along the line than across it, is densest: the ridges of
S. Bukhari, F. Shafait, T. Breuel, "Script-independent handwritten textlines segmentation using active contours"
(ICDAR 2009), followed from column to column of a picture that is reduced along the lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.ink import Grey

Values = NDArray[np.float64]

COLUMN = 8
"""How many pixels of the mask make one column of the density."""

MOST_LINES = 250
"""More are not looked for at once: what has more is no page."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Where a line runs: `left` <= x <= `right`, its middle at y = polyval(`middle`, x)."""

    left: float
    right: float
    middle: Values

    def at(self, x: NDArray[Any] | float) -> Values:
        """Row of the middle at `x`; beyond the ends the line goes on level."""
        return np.asarray(np.polyval(self.middle, np.clip(x, self.left, self.right)), np.float64)

    def lower(self, rows: int) -> Course:
        """The same, so many rows further down."""
        return replace(self, middle=np.append(self.middle[:-1], self.middle[-1] + rows))


def find_courses(mask: Grey, pitch: float) -> list[Course]:
    """The lines of a mask of writing, uint8 (h, w) with 255 on ink, some `pitch` pixels apart; top to bottom."""
    y, strength = _find_ridges(mask, pitch)
    y, strength = _join(y, strength, pitch)
    y = _without_echoes(y, strength, pitch)
    return in_order(_fit(row, pitch) for row in y)


def in_order(courses: Iterable[Course]) -> list[Course]:
    """Lines from top to bottom."""
    return sorted(courses, key=lambda course: float(course.at((course.left + course.right) / 2)))


def line_pitch(mask: Grey, height: float) -> float:
    """The distance from line to line, in pixels, of a mask whose components are typically so high.

    The first clear peak of the autocorrelation of the profiles of ten upright strips; where there is none, as with two
    lines or irregular ones, what is usual for the height.
    """
    usual = 1.7 * height
    rows = len(mask)
    strips = cv2.resize(mask, (10, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    smooth = cv2.GaussianBlur(strips, (1, 0), sigmaX=0.1, sigmaY=max(0.15 * height, 0.8))
    smooth = np.asarray(smooth - np.asarray(cv2.blur(smooth, (1, 2 * round(2.5 * height) + 1))), np.float32)
    size = 1 << (2 * rows - 1).bit_length()
    spectrum = np.fft.rfft(smooth, size, axis=0)
    likeness = np.fft.irfft((np.abs(spectrum) ** 2).sum(axis=1), size)[:rows]
    lags = np.arange(max(3, round(0.9 * height)), min(rows - 1, round(4.0 * height)))
    if likeness[0] <= 0 or len(lags) < 3:
        return usual
    here = likeness[lags] / likeness[0]
    peaks = (likeness[lags] > likeness[lags - 1]) & (likeness[lags] >= likeness[lags + 1]) & (here > 0.12)
    if not peaks.any():
        return usual
    clear = peaks & (here > 0.5 * here[peaks].max())
    return float(np.clip(lags[clear][0], 1.0 * height, 1.9 * height))


def _find_ridges(mask: Grey, pitch: float) -> tuple[Values, Values]:
    """The ridges of the density of the ink: row and density (n, columns), NaN and 0 where a ridge is not."""
    rows, columns = mask.shape
    width = -(-columns // COLUMN)
    padded = cv2.copyMakeBorder(mask, 0, 0, 0, width * COLUMN - columns, cv2.BORDER_CONSTANT, value=(0,))
    density = cv2.resize(padded, (width, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    along, across = max(pitch / COLUMN, 0.8), max(0.17 * pitch, 0.8)
    density = np.asarray(cv2.GaussianBlur(density, (0, 0), sigmaX=along, sigmaY=across), np.float32)
    beside = cv2.dilate(density, np.array([[1], [0], [1]], np.uint8))
    peak = density > beside
    if not peak.any():
        return np.zeros((0, width)), np.zeros((0, width))
    usual = float(np.percentile(density[peak], 75))
    column, row = np.nonzero((peak & (density > 0.2 * usual)).T)
    name, count = _follow(column, row, pitch)
    y, strength = np.full((count, width), np.nan), np.zeros((count, width))
    y[name, column] = row
    strength[name, column] = density[row, column]
    long = np.count_nonzero(strength, axis=1) * COLUMN >= 0.4 * pitch
    order = np.argsort(-strength.sum(axis=1), kind="stable")
    kept = order[long[order]][: 2 * MOST_LINES]
    return y[kept], strength[kept]


def _follow(column: NDArray[np.intp], row: NDArray[np.intp], pitch: float) -> tuple[NDArray[np.intp], int]:
    """Number peaks, given column by column, by the ridge they belong to: each goes on with the peak nearest its end."""
    reach, patience = 0.3 * pitch, max(2, round(1.5 * pitch / COLUMN))
    name = np.zeros(len(column), np.intp)
    count = 0
    starts = np.searchsorted(column, np.arange(column[-1] + 2)).tolist()
    rows = row.tolist()
    active: dict[int, tuple[int, int]] = {}  # of each ridge that may go on: its last row and column
    for x in range(int(column[0]), int(column[-1]) + 1):
        here = range(starts[x], starts[x + 1])
        pairs = sorted((abs(y - rows[k]), ridge, k) for ridge, (y, _) in active.items() for k in here)
        linked: set[int] = set()
        free = set(here)
        for distance, ridge, k in pairs:
            if distance > reach:
                break
            if ridge not in linked and k in free:
                linked.add(ridge)
                free.remove(k)
                name[k] = ridge
                active[ridge] = rows[k], x
        active = {ridge: end for ridge, end in active.items() if x - end[1] < patience}
        for k in sorted(free):
            name[k] = count
            active[count] = rows[k], x
            count += 1
    return name, count


def _join(y: Values, strength: Values, pitch: float) -> tuple[Values, Values]:
    """Put together the parts of lines that wide gaps between words have left, nearest first."""
    if len(y) < 2:
        return y, strength
    there = strength > 0
    first, last = there.argmax(axis=1), there.shape[1] - 1 - there[:, ::-1].argmax(axis=1)
    near = 2 * pitch / COLUMN
    across = np.arange(there.shape[1])
    head = np.nanmean(np.where(across <= first[:, None] + near, y, np.nan), axis=1)
    tail = np.nanmean(np.where(across >= last[:, None] - near, y, np.nan), axis=1)
    gap = (first[None, :] - last[:, None]) * COLUMN
    off = np.abs(head[None, :] - tail[:, None])
    able = (gap > 0) & (gap <= 12 * pitch) & (off <= 0.4 * pitch)
    before, after = np.nonzero(able)
    whole = np.arange(len(y))
    followed, led = np.zeros(len(y), np.bool_), np.zeros(len(y), np.bool_)
    for k in np.argsort((gap + 4 * off)[before, after], kind="stable"):
        i, j = before[k], after[k]
        if not followed[i] and not led[j]:
            followed[i] = led[j] = True
            whole[whole == whole[j]] = whole[i]
    roots = np.unique(whole)
    joined_y, joined_strength = y[roots], strength[roots]
    for index, root in enumerate(roots):
        for part in np.flatnonzero(whole == root):
            joined_y[index] = np.where(there[part], y[part], joined_y[index])
            joined_strength[index] += strength[part] if part != root else 0.0
    return joined_y, joined_strength


def _without_echoes(y: Values, strength: Values, pitch: float) -> Values:
    """Leave out ridges that are the ascenders or descenders of a line: close along a stronger one."""
    kept: list[int] = []
    for ridge in np.argsort(-strength.sum(axis=1), kind="stable")[:MOST_LINES]:
        both = (strength[kept] > 0) & (strength[ridge] > 0)
        shared = np.count_nonzero(both, axis=1)
        often = 2 * shared >= np.count_nonzero(strength[ridge])
        distance = np.where(both, np.abs(y[kept] - y[ridge]), 0.0).sum(axis=1) / np.maximum(shared, 1)
        share = strength[ridge].max() / np.maximum(strength[kept].max(axis=1, initial=0.0), 1e-6)
        echo = often & ((distance < 0.5 * pitch) | ((distance < 0.8 * pitch) & (share < 0.5)))
        if not echo.any():
            kept.append(int(ridge))
    return y[kept]


def _fit(row: Values, pitch: float) -> Course:
    """A polynomial through a ridge, of a degree that its length can bear."""
    there = np.flatnonzero(~np.isnan(row))
    x = (there + 0.5) * COLUMN
    span = float(x[-1] - x[0]) / pitch
    degree = 0 if span < 3 else 1 if span < 8 else 2 if span < 16 else 3
    # `full` spares the warning of a ridge that is short; NumPy 1 and 2 keep it in different places.
    middle = np.polyfit(x, row[there], degree, full=True)[0]
    return Course(float(x[0]), float(x[-1]), np.asarray(middle, np.float64))
