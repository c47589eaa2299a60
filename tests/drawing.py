"""Pages for the tests: digits drawn with OpenCV's stroke font, on paper under uneven light."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]


def sheet(width: int = 640, height: int = 480, *, bright: int = 215, falloff: int = 70, grain: float = 3.0) -> Grey:
    """Bare paper: light falling off from left to right, and the sensor's grain."""
    light = bright - np.linspace(0, falloff, width)[None, :].repeat(height, axis=0)
    noise = np.random.default_rng(7).normal(0, grain, light.shape)
    return np.clip(light + noise, 0, 255).astype(np.uint8)


def write(
    page: Grey, text: str, x: int, y: int, *, size: int = 36, pen: int = 3, ink: int = 60, pitch: int = 44
) -> None:
    """Write `text` from baseline (x, y), glyphs `size` pixels high and `pitch` apart, like a pen: softly edged."""
    for k, character in enumerate(text):
        if character != " ":
            cv2.putText(
                page, character, (x + k * pitch, y), cv2.FONT_HERSHEY_SIMPLEX, size / 21, (ink,), pen, cv2.LINE_AA
            )


def square(page: Grey, pitch: float, grey: int, thick: int, degrees: float = 0, *, upright: bool = True) -> Grey:
    """The page on squared paper, or ruled without `upright` lines, that run off the level; ink and print darken one
    another."""
    height, width = page.shape
    side = 2 * max(page.shape) if degrees else max(page.shape)
    paper = np.full((side, side), 255, np.uint8)
    for at in np.arange(pitch / 3, side, pitch).round().astype(int).tolist():
        cv2.line(paper, (0, at), (side, at), (grey,), thick)
        if upright:
            cv2.line(paper, (at, 0), (at, side), (grey,), thick)
    paper = cv2.GaussianBlur(paper, (0, 0), 0.6)
    if degrees:
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, 1.0)
        turn[:, 2] -= (side - width) / 2, (side - height) / 2
        paper = cv2.warpAffine(paper, turn, (width, height))
    return np.asarray(cv2.multiply(page, paper[:height, :width], scale=1 / 255), np.uint8)


def centres(boxes: NDArray[np.int32]) -> list[tuple[float, float]]:
    return [(x + w / 2, y + h / 2) for x, y, w, h in boxes.tolist()]


def sudoku_truth(path: Path) -> tuple[NDArray[np.float64], list[list[str]]]:
    """The transform from pixels of a Sudoku photograph to its 9 x 9 cells (x: column, y: row), and their digits."""
    first, *rows = path.read_text().splitlines()
    corners = np.array([list(map(int, pair)) for pair in re.findall(r"(\d+),(\d+)", first)], np.float32)
    square = np.array([[0, 0], [9, 0], [9, 9], [0, 9]], np.float32)
    return cv2.getPerspectiveTransform(corners, square), [row.split() for row in rows[:9]]
