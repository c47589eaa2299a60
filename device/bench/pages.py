"""Drawn writing to measure with: nothing to download, the same on every device.

Characters are those of OpenCV's stroke fonts, on paper under uneven light with a sensor's grain. They stand in for
handwriting where cost is measured, and for a first check that a model reads on this device as it should; how well it
reads handwriting is for real data to say (`edge-hwr bench --data`, `edge-hwr evaluate`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.datasets import Dataset

Grey = NDArray[np.uint8]

WIDTH, HEIGHT, GLYPHS = 640, 480, 40
"""The page that reports measure unless a source is given."""

_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)
_CAP_HEIGHT = 21.0  # of Hershey's capitals at scale 1, in pixels
_PER_LABEL = 20


def drawable(labels: Sequence[str]) -> list[str]:
    """Those of the labels that OpenCV has a character for."""
    return [label for label in labels if len(label) == 1 and label.isascii() and label.isprintable() and label != " "]


def draw_page(
    labels: Sequence[str],
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
    glyphs: int = GLYPHS,
    glyph_height: float | None = None,
    seed: int = 0,
) -> Grey:
    """A sheet of `glyphs` characters in rows; uint8 (height, width).

    They are taken from `labels`, or are digits where OpenCV can draw none of those. `glyph_height` is in pixels, by
    default what fills the page. Another seed gives another grain, and so another frame.
    """
    characters = drawable(labels) or list("0123456789")
    rng = np.random.default_rng(seed)
    light = 215 - np.linspace(0, 60, width) + rng.normal(0, 3, (height, width))
    page = light.clip(0, 255).astype(np.uint8)
    columns = math.ceil(math.sqrt(glyphs * width / height * 1.2))
    rows = math.ceil(glyphs / columns)
    pitch_x, pitch_y = width / columns, height / rows
    size = glyph_height or min(0.55 * pitch_y, 0.75 * pitch_x)
    for k in range(glyphs):
        row, column = divmod(k, columns)
        baseline = (round(column * pitch_x + 0.15 * pitch_x), round(row * pitch_y + (pitch_y + size) / 2))
        text, pen = characters[k * 7 % len(characters)], max(1, round(size / 14))
        cv2.putText(page, text, baseline, _FONTS[0], size / _CAP_HEIGHT, (60,), pen, cv2.LINE_AA)
    return page


def draw_dataset(labels: Sequence[str]) -> Dataset:
    """Single characters, twenty of each label, in several fonts, pens, slants and sizes: always the same ones."""
    texts = [label for label in drawable(labels) for _ in range(_PER_LABEL)]
    names = [f"drawn/{index:04}" for index in range(len(texts))]
    return Dataset("drawn", names, texts, lambda index: _draw_glyph(texts[index], index))


def _draw_glyph(text: str, seed: int) -> Grey:
    rng = np.random.default_rng(seed)
    paper = np.full((96, 96), 215, np.uint8)
    font, pen = _FONTS[seed % len(_FONTS)], int(rng.integers(2, 6))
    (width, height), _ = cv2.getTextSize(text, font, 1.7, pen)
    cv2.putText(paper, text, ((96 - width) // 2, (96 + height) // 2), font, 1.7, (50,), pen, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((48, 48), float(rng.uniform(-8, 8)), float(rng.uniform(0.6, 1.0)))
    turn[0, 1] += rng.uniform(-0.15, 0.15)
    drawn = np.asarray(cv2.warpAffine(paper, turn, (96, 96), borderValue=(215,)), np.float64)
    return (drawn + rng.normal(0, 2, drawn.shape)).clip(0, 255).astype(np.uint8)
