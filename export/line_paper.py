"""A written line as somebody would cut it out of a page: with remains of its neighbours, rules, slope and lamp."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from .paper import Light, Picture, View, expose
from .strokes import Coverage

_NEIGHBOURS_SHARE = 0.55
_RULED_SHARE = 0.5
_SQUARED_SHARE = 0.1
"""Of the ruled ones."""
_PAINTED_SHARE = 0.15
"""Of lines around which everything was painted in the shade of the paper, as page segmenters do."""


def scan_line(coverage: Coverage, rng: np.random.Generator) -> Picture:
    """Ink uint8 (h, w), 255 where it covers, as black on white; the free paper around is a part of the line's height,
    as in a crop of a page. (The preprocessing reduces high crops: with much paper around, the writing gets blurred.)"""
    above, below, beside = (max(2, round(part * len(coverage))) for part in rng.uniform(0.05, 0.4, 3))
    white = cv2.BORDER_CONSTANT
    return np.asarray(255 - cv2.copyMakeBorder(coverage, above, below, beside, beside, white), np.uint8)


def scan_again(picture: Picture, rng: np.random.Generator) -> Picture:
    """A scanned line, uint8 (H, W), as a finer or coarser scanner would have it."""
    zoom = float(np.exp(rng.uniform(np.log(0.75), np.log(1.5))))
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=how), np.uint8)


def photograph_line(coverage: Coverage, rng: np.random.Generator) -> Picture:
    """A camera's crop, uint8 (H, W), of one line of ink; `coverage` is uint8 (h, w), 255 where ink is."""
    height = len(coverage)
    view = View.random(rng)
    view = dataclasses.replace(view, defocus=min(view.defocus, height / 48), motion=min(view.motion, height / 24))
    ink, zone = _with_neighbours(coverage, rng)
    sheet = np.multiply(ink, view.ink / 255.0, dtype=np.float32)
    rules = _rules(ink.shape, zone, rng)
    if rules is not None:
        sheet = np.maximum(sheet, np.multiply(rules, view.ruling_ink * 0.6 / 255.0, dtype=np.float32))
    sheet = _slope(sheet, rng)
    top, bottom = zone
    margins = rng.uniform(-0.04, 0.32, 2) * height
    low, high = max(int(top - margins[0]), 0), min(int(bottom + margins[1]), len(sheet))
    sheet = np.ascontiguousarray(sheet[low:high])
    picture = expose(np.float32(view.paper) * (np.float32(1.0) - sheet), rng, view)
    if rng.random() < _PAINTED_SHARE:
        around = cv2.dilate(ink[low:high], np.ones((max(height // 4, 3), max(height // 2, 3)), np.uint8))
        np.copyto(picture, _bare(picture), where=around[: picture.shape[0], : picture.shape[1]] < 64)
    return picture


def _bare(picture: Picture) -> Picture:
    """The paper alone, from the brightest of what surrounds each pixel."""
    reach = max(len(picture) // 3, 3)
    bare = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    return np.asarray(cv2.blur(bare, (reach, reach)), np.uint8)


def _with_neighbours(coverage: Coverage, rng: np.random.Generator) -> tuple[Coverage, tuple[int, int]]:
    """The ink on a larger sheet and the rows of the line on it; other lines are the same ink, moved along."""
    height, width = coverage.shape
    sides = rng.uniform(0.1, 0.8, 2) * height
    pad, left, right = int(0.6 * height) + 4, int(sides[0]) + 1, int(sides[1]) + 1
    ink = np.zeros((height + 2 * pad, width + left + right), np.uint8)
    ink[pad : pad + height, left : left + width] = coverage
    if rng.random() < _NEIGHBOURS_SHARE:
        for sign in (-1, 1):
            pitch = int(height * rng.uniform(0.72, 1.25))
            other = np.roll(coverage, int(rng.integers(width)), axis=1)
            begin = pad + sign * pitch
            low, high = max(begin, 0), min(begin + height, len(ink))
            if high > low:
                place = ink[low:high, left : left + width]
                np.maximum(place, other[low - begin : high - begin], out=place)
    return ink, (pad, pad + height)


def _rules(shape: tuple[int, ...], zone: tuple[int, int], rng: np.random.Generator) -> Coverage | None:
    """Printed lines or squares; the nearest line mostly runs under the letters, where the writing stands."""
    if rng.random() > _RULED_SHARE:
        return None
    top, bottom = zone
    height = bottom - top
    printed = np.zeros(shape[:2], np.uint8)
    thick = 1 + int(rng.integers(0, 1 + height // 24))
    base = bottom - height * rng.uniform(-0.05, 0.45)
    squared = rng.random() < _SQUARED_SHARE
    pitch = height * (rng.uniform(0.25, 0.6) if squared else rng.uniform(0.75, 1.3))
    for step in range(-6, 7):
        y = int(base + step * pitch)
        cv2.line(printed, (-9, y), (shape[1] + 9, y), (255,), thick)
    if squared:
        for x in np.arange(rng.uniform(0, pitch), shape[1], pitch).astype(int).tolist():
            cv2.line(printed, (x, -9), (x, shape[0] + 9), (255,), thick)
    elif rng.random() < 0.15:  # dotted
        printed[:, np.arange(shape[1]) // (2 * thick) % 2 == 0] = 0
    return printed


def _slope(sheet: Light, rng: np.random.Generator) -> Light:
    """Turned a little, and bent as a page bends that does not lie flat."""
    height, width = sheet.shape
    fall = float(np.clip(rng.normal(0, 0.006), -0.015, 0.015)) * width
    fall = float(np.clip(fall, -0.3 * height, 0.3 * height))
    bend = float(rng.normal(0, 0.03)) * height
    along = np.linspace(-0.5, 0.5, width, dtype=np.float32)
    shift = np.float32(fall) * along + np.float32(bend) * np.cos(np.float32(2 * np.pi) * along)
    x = np.broadcast_to(np.arange(width, dtype=np.float32), sheet.shape)
    y = np.arange(height, dtype=np.float32)[:, np.newaxis] - shift
    return np.asarray(cv2.remap(sheet, np.ascontiguousarray(x), y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
