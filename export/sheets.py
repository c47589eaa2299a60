"""Blank sheets to write on, and the desk they lie on: floats, (height, width, 3) BGR, 1 is white."""

from __future__ import annotations

import cv2
import numpy as np

from .paper import Light
from .strokes import Coverage

Colour = tuple[float, float, float]
"""Blue, green, red; 0 to 1."""


def blank(width: int, height: int, colour: Colour, rng: np.random.Generator) -> Light:
    """Paper of a colour, a little cloudy against the light and with fibres near the eye."""
    shade = 0.006 * _cloud(width, height, rng, 1.1) + 0.004 * _cloud(width, height, rng, 60.0)
    return np.asarray((1.0 + shade)[:, :, None] * np.array(colour, np.float32), np.float32)


def rule_lines(sheet: Light, first: float, pitch: float, colour: Colour, *, margin: float = 0.0) -> None:
    """Horizontal lines from `first` on, `pitch` pixels apart; a red margin line at x = `margin` unless that is 0."""
    height, width = sheet.shape[:2]
    for y in np.arange(first, height, pitch):
        draw_line(sheet, (0, y), (width, y), colour, pitch / 48)
    if margin:
        draw_line(sheet, (margin, 0), (margin, height), (0.62, 0.60, 0.92), pitch / 40)


def rule_squares(sheet: Light, first: tuple[float, float], pitch: float, colour: Colour) -> None:
    """Squared paper, a crossing at `first`."""
    height, width = sheet.shape[:2]
    for y in np.arange(first[1] % pitch, height, pitch):
        draw_line(sheet, (0, y), (width, y), colour, pitch / 24)
    for x in np.arange(first[0] % pitch, width, pitch):
        draw_line(sheet, (x, 0), (x, height), colour, pitch / 24)


def draw_line(sheet: Light, start: tuple[float, float], end: tuple[float, float], colour: Colour, thick: float) -> None:
    """A printed line."""
    # OpenCV's lines have whole widths: a thin one is drawn one pixel wide and mixed with the paper.
    share = min(thick, 1.0)
    here = np.zeros(sheet.shape[:2], np.uint8)
    ends = [tuple(round(value * 16) for value in point) for point in (start, end)]
    cv2.line(here, ends[0], ends[1], (255,), max(round(thick), 1), cv2.LINE_AA, 4)
    left, top, width, height = cv2.boundingRect(here)
    covered = here[top : top + height, left : left + width, None] * np.float32(share / 255.0)
    sheet[top : top + height, left : left + width] *= 1.0 - covered * (1.0 - np.array(colour, np.float32))


def draw_box(sheet: Light, left: float, top: float, width: float, height: float, colour: Colour, thick: float) -> None:
    """A printed rectangle."""
    corners = [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]
    for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
        draw_line(sheet, start, end, colour, thick)


def fill_box(sheet: Light, left: float, top: float, width: float, height: float, colour: Colour) -> None:
    """A printed area: the colour is taken on as ink is, so texture stays."""
    area = sheet[round(top) : round(top + height), round(left) : round(left + width)]
    area *= np.array(colour, np.float32)


def print_ink(sheet: Light, coverage: Coverage, corner: tuple[float, float], colour: Colour) -> None:
    """Put ink (255: full) on the sheet, its upper left corner at `corner`; what falls off the sheet is lost."""
    left, top = round(corner[0]), round(corner[1])
    area = sheet[max(top, 0) : max(top + coverage.shape[0], 0), max(left, 0) : max(left + coverage.shape[1], 0)]
    ink = coverage[max(-top, 0) :, max(-left, 0) :][: area.shape[0], : area.shape[1], None]
    area *= 1.0 - ink * ((1.0 - np.array(colour, np.float32)) / np.float32(255.0))


def crumple(sheet: Light, rng: np.random.Generator, folds: int, depth: float) -> Light:
    """Folds pressed flat again: along each, light on one side and shade on the other."""
    height, width = sheet.shape[:2]
    down, across = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(max(width, height))
    shade = np.ones((height, width), np.float32)
    for _ in range(folds):
        angle, x, y, reach, deep = rng.uniform((0.0, 0.0, 0.0, 0.02, 0.3), (np.pi, 1.0, 0.8, 0.10, 1.0)).tolist()
        beside = (across - x) * np.float32(np.cos(angle)) + (down - y) * np.float32(np.sin(angle))
        beside += 0.006 * _cloud(width, height, rng, 40.0)
        shade += np.float32(depth * deep) * np.sign(beside) * np.exp(-np.abs(beside) / reach)
    return np.asarray(sheet * cv2.GaussianBlur(shade, (0, 0), 1.2)[:, :, None], np.float32)


def desk(width: int, height: int, rng: np.random.Generator) -> Light:
    """A wooden desk: boards with grain along them."""
    grain = np.zeros((height, width), np.float32)
    for fine, strong in ((4.0, 0.012), (9.0, 0.025), (40.0, 0.045)):
        rough = rng.standard_normal((int(height / fine) + 2, 10)).astype(np.float32)
        grain += np.float32(strong) * cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    bent = (down + 14 * np.sin(across / width * 4 + 1.0)).astype(np.float32)
    curved = cv2.remap(grain, across, bent, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray((1.0 + curved)[:, :, None] * np.array((0.20, 0.34, 0.52), np.float32), np.float32).clip(0.03, 1.0)


def lay_on(surface: Light, sheet: Light, matrix: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Light:
    """See a sheet through a homography as it lies on a surface, with its own soft shadow at the edges."""
    height, width = surface.shape[:2]
    seen = cv2.warpPerspective(sheet, matrix, (width, height), flags=cv2.INTER_AREA)
    mask = cv2.warpPerspective(np.ones(sheet.shape[:2], np.float32), matrix, (width, height), flags=cv2.INTER_LINEAR)
    moved = np.array([[1, 0, width / 150], [0, 1, width / 110]], np.float32)
    shadow = cv2.GaussianBlur(cv2.warpAffine(mask, moved, (width, height)), (0, 0), width / 120)
    under = surface * (1.0 - 0.6 * shadow)[:, :, None]
    return np.asarray(under * (1.0 - mask)[:, :, None] + seen * mask[:, :, None], np.float32)


def _cloud(width: int, height: int, rng: np.random.Generator, size: float) -> Light:
    """Smooth noise of standard deviation about 1 with features of `size` pixels."""
    rough = rng.standard_normal((int(height / size) + 3, int(width / size) + 3)).astype(np.float32)
    return np.asarray(cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
