"""Drawn writing to measure with: nothing to download, the same on every device.

Characters and lines are in OpenCV's own fonts, on paper under uneven light with a sensor's grain. They stand in for
handwriting where cost is measured, and for a first check that a model reads on this device as it should; how well it
reads handwriting is for real data to say (`edge-hwr bench --data`, `edge-hwr evaluate`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.bundle import Bundle
from edge_hwr.datasets import Dataset

Grey = NDArray[np.uint8]

WIDTH, HEIGHT, GLYPHS = 640, 480, 40
"""The page that reports measure of glyph models unless a source is given."""

LINE_WIDTH, LINE_HEIGHT, LINES = 1280, 960, 10
"""That of line models."""

_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)
_CAP_HEIGHT = 21.0  # of Hershey's capitals at scale 1, in pixels
_PER_LABEL = 20

_TEXT = (
    "Dear Ann, the trunk came by the evening boat.",
    "We carried it up to the room under the roof",
    "where it stays dry. Please send the key soon.",
    "Of the 27 letters in it 3 are for your brother;",
    "the rest I put back as they were, with a ribbon.",
    "Last week it rained for 4 days, and the bridge",
    "was closed again, so we sat and read old books.",
    "Did you ever find the map that uncle John drew?",
    "He says the well is 60 feet north of the oak.",
    "Write when you can. With love from all of us.",
)


def drawn_page(bundle: Bundle, seed: int = 0) -> Grey:
    """The page that is measured of this bundle; uint8 (H, W)."""
    draw = draw_lines if bundle.metadata.task == "line" else draw_page
    return draw(bundle.labels, seed=seed)


def drawn_dataset(bundle: Bundle) -> Dataset:
    """What a first check of this bundle reads: single characters, or single lines."""
    return draw_line_dataset(bundle.labels) if bundle.metadata.task == "line" else draw_dataset(bundle.labels)


def describe_pages(bundles: Iterable[Bundle]) -> str:
    """The pages that are measured of these bundles, in words."""
    words = {
        "glyph": f"drawn, {WIDTH}x{HEIGHT}, {GLYPHS} glyphs",
        "line": f"drawn, {LINE_WIDTH}x{LINE_HEIGHT}, {LINES} lines",
    }
    tasks = dict.fromkeys(bundle.metadata.task for bundle in bundles)  # a set that keeps its order
    return "; ".join(words[task] for task in tasks or ("glyph",))


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
    page = _paper(width, height, seed)
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


def draw_lines(labels: Sequence[str], *, seed: int = 0) -> Grey:
    """A sheet with ten lines of a letter; uint8 (LINE_HEIGHT, LINE_WIDTH).

    Characters that are not among `labels` are replaced by some that are. Another seed gives another grain.
    """
    page = _paper(LINE_WIDTH, LINE_HEIGHT, seed)
    pitch = LINE_HEIGHT / (LINES + 1)
    for number, text in enumerate(_texts(labels)):
        _write_line(page, text, (round(0.07 * LINE_WIDTH), round((number + 1.1) * pitch)), 0.86 * LINE_WIDTH)
    return page


def draw_line_dataset(labels: Sequence[str]) -> Dataset:
    """The lines of `draw_lines`, each alone."""
    texts = _texts(labels)

    def draw(index: int) -> Grey:
        paper = _paper(LINE_WIDTH, 90, index)
        _write_line(paper, texts[index], (40, 60), LINE_WIDTH - 80)
        return paper

    return Dataset("drawn", [f"drawn/{index:04}" for index in range(len(texts))], texts, draw)


def _paper(width: int, height: int, seed: int) -> Grey:
    light = 215 - np.linspace(0, 60, width) + np.random.default_rng(seed).normal(0, 3, (height, width))
    return light.clip(0, 255).astype(np.uint8)


def _texts(labels: Sequence[str]) -> list[str]:
    """A letter's lines in characters that a model knows; blanks stay where they are."""
    characters = drawable(labels) or list("0123456789")
    known = {" ", *labels}
    return [
        "".join(char if char in known else characters[ord(char) % len(characters)] for char in text) for text in _TEXT
    ]


def _write_line(paper: Grey, text: str, start: tuple[int, int], width: float) -> None:
    """Written from `start`, the left end of its base line, as large as goes into the width."""
    size = min(1.5, width / cv2.getTextSize(text, _FONTS[0], 1.0, 2)[0][0])
    cv2.putText(paper, text, start, _FONTS[0], size, (60,), 2, cv2.LINE_AA)


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
