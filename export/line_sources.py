"""Where lines to learn from come from: scanned ones, recorded pen strokes, and text in handwriting fonts.

A source is a list of lines that it can draw as often as wanted, each time differently, as dark ink on light paper.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol
from zlib import crc32

import cv2
import numpy as np
import numpy.typing as npt

from edge_hwr.datasets import check_crops, from_table
from edge_hwr.errors import DatasetError
from edge_hwr.label_table import open_table
from edge_hwr.picture import decode_picture

from .fonts import has_characters, set_text
from .hands import Hand, write_line
from .line_paper import photograph_line, scan_again, scan_line
from .line_strokes import Strokes, to_unit_height, write_strokes
from .line_text import Passages, as_written, is_plain, untokenised
from .paper import Picture
from .sources import held_out, held_out_of
from .strokes import Coverage, StrokeSet, load_strokes, roughen

log = logging.getLogger(__name__)

_BOILERPLATE = 4
"""Of so many lines with the words that everybody wrote one is learned from: they would be learned by heart."""


class DrawnLine(NamedTuple):
    """A picture of a line, uint8 (H, W), and what it says."""

    picture: Picture
    text: str


class LineSource(Protocol):
    """Lines of which some (bool (N,)) are for validation."""

    @property
    def name(self) -> str: ...

    @property
    def validation(self) -> npt.NDArray[np.bool_]: ...

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> DrawnLine:
        """One line: plain, or on paper as a camera sees it."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ScannedLines:
    """A dataset of pictures of lines; held out are whole writers, where it tells of many (`held_out_of`), or nobody.

    Rows with a 1 in a column `boilerplate` (the same words by everybody) are never used for validation, and few of them
    for training.
    """

    pictures: tuple[bytes, ...]
    files: tuple[str, ...]
    texts: tuple[str, ...]
    validation: npt.NDArray[np.bool_]
    name: str

    @classmethod
    def load(cls, path: Path, charset: str, *, hold_out: bool = True) -> ScannedLines:
        allowed, table = set(charset), open_table(path)
        dataset = from_table(table)
        check_crops(dataset)
        pictures, files, texts, validation, outside = [], [], [], [], 0
        held = held_out_of(dataset) & hold_out
        for row, apart in zip(table.rows, held.tolist(), strict=True):
            text = as_written(row.text)
            if not text or not set(text) <= allowed:
                outside += 1
            elif row.columns.get("boilerplate") != "1" or (not apart and crc32(row.file.encode()) % _BOILERPLATE == 0):
                pictures.append(table.encoded(row))
                files.append(f"{path}: {row.file}")
                texts.append(text)
                validation.append(apart)
        if not texts:
            raise DatasetError(f"{path}: none of its texts can be written with the charset of the recipe")
        if outside:
            log.info("%s: %d of %d lines hold characters outside of the recipe's charset and are left out",
                     path, outside, len(table.rows))  # fmt: skip
        return cls(tuple(pictures), tuple(files), tuple(texts), np.array(validation, bool), name_of(path))

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> DrawnLine:
        picture = decode_picture(self.pictures[index], self.files[index])
        if not camera:
            # Learned from as if scanned finer or coarser, each time; what is validated with stays what it is.
            return DrawnLine(picture if self.validation[index] else scan_again(picture, rng), self.texts[index])
        zoom = float(np.exp(rng.uniform(np.log(0.6), np.log(1.3))))
        how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
        ink = cv2.resize(255 - picture, None, fx=zoom, fy=zoom, interpolation=how)
        # What is left of the paper in the scan would double that of the photograph.
        ink = cv2.convertScaleAbs(np.maximum(ink, 24) - 24, alpha=255 / 190)
        return DrawnLine(photograph_line(np.asarray(ink, np.uint8), rng), self.texts[index])


@dataclass(frozen=True, slots=True, eq=False)
class UnipenLines:
    """Recorded lines of text; the set's own test writers are left out altogether."""

    strokes: StrokeSet
    rows: npt.NDArray[np.intp]
    texts: tuple[str, ...]
    validation: npt.NDArray[np.bool_]
    name: str = "unipen-lines"

    @classmethod
    def load(cls, path: Path, charset: str) -> UnipenLines:
        strokes, allowed = load_strokes(path), set(charset)
        texts = [untokenised(as_written(label)) for label in strokes.label.tolist()]
        fits = np.array([set(text) <= allowed and is_plain(text) for text in texts], bool)
        rows = _rows_that_fit(fits, strokes, path)
        return cls(strokes, rows, tuple(texts[row] for row in rows.tolist()), _writers_apart(strokes, rows))

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> DrawnLine:
        strokes = self.strokes.strokes(int(self.rows[index]))
        return DrawnLine(write_strokes(strokes, rng, camera=camera), self.texts[index])


@dataclass(frozen=True, slots=True, eq=False)
class UnipenWords:
    """Recorded words of one writer, joined to lines; five words, drawn by chance, stand for a line."""

    strokes: StrokeSet
    by_writer: tuple[npt.NDArray[np.intp], ...]
    writer: npt.NDArray[np.intp]
    validation: npt.NDArray[np.bool_]
    name: str = "unipen-words"

    @classmethod
    def load(cls, path: Path, charset: str) -> UnipenWords:
        strokes, allowed = load_strokes(path), set(charset)
        labels = strokes.label.tolist()
        fits = np.array([set(label) <= allowed and any(c.isalnum() for c in label) for label in labels], bool)
        rows = _rows_that_fit(fits, strokes, path)
        writers, owner = np.unique(strokes.writer[rows], return_inverse=True)
        by_writer = tuple(rows[owner == number] for number in range(len(writers)))
        lines = np.concatenate([np.full(-(-len(own) // 5), number) for number, own in enumerate(by_writer)])
        apart = np.array([held_out(f"writer {writer}") for writer in writers.tolist()])
        return cls(strokes, by_writer, lines.astype(np.intp), apart[lines])

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> DrawnLine:
        own = self.by_writer[self.writer[index]]
        wanted = int(rng.integers(3, 60))
        joined: Strokes = []
        text, x, gap = "", 0.0, rng.uniform(0.6, 1.6)
        for row in rng.choice(own, 9).tolist():
            label = str(self.strokes.label[row])
            if text and len(text) + len(label) >= wanted:
                break
            word = _on_baseline(self.strokes.strokes(row), label)
            x += max(gap * rng.uniform(0.7, 1.4), 0.5) if text else 0.0
            joined += [stroke + np.array([x, 0.0], np.float32) for stroke in word]
            x += float(max(stroke[:, 0].max() for stroke in word))
            text = f"{text} {label}" if text else label
        return DrawnLine(write_strokes(to_unit_height(joined), rng, camera=camera), text)


@dataclass(frozen=True, slots=True, eq=False)
class WrittenFonts:
    """Text in handwriting fonts; a font with every character of the text is drawn for each line."""

    fonts: tuple[Path, ...]
    passages: Passages
    validation: npt.NDArray[np.bool_]
    name: str = "fonts"

    @classmethod
    def load(cls, fonts: Sequence[Path], passages: Passages, samples: int) -> WrittenFonts:
        return cls(tuple(fonts), passages, np.zeros(samples, bool))

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> DrawnLine:
        for _ in range(50):
            text, font = self.passages.draw(rng), self.fonts[rng.integers(len(self.fonts))]
            if text.strip() and has_characters(font, text):
                break
        else:
            raise DatasetError("the fonts lack characters of nearly all texts: use others (make fonts)")
        size = float(np.exp(rng.uniform(np.log(18), np.log(48))))
        joined = rng.random() < 0.6
        ink = set_text(font, text, size * 1.5).coverage if joined else _by_hand(text, font, size * 1.5, rng)
        ink = _vary(ink, size, rng)
        return DrawnLine(photograph_line(ink, rng) if camera else scan_line(ink, rng), text)


def name_of(path: Path) -> str:
    """What a dataset is called: `banq_lines/train.zip` after its folder, as "train" would say nothing."""
    if path.is_dir():
        return path.name
    return path.resolve().parent.name if path.stem == "train" else path.stem


def _rows_that_fit(fits: npt.NDArray[np.bool_], strokes: StrokeSet, path: Path) -> npt.NDArray[np.intp]:
    """Rows whose texts fit (bool (N,)) and that are not kept for tests; there must be one."""
    rows = np.flatnonzero(fits & ~strokes.test)
    if not len(rows):
        raise DatasetError(f"{path}: none of its texts can be written with the charset of the recipe")
    return rows


def _writers_apart(strokes: StrokeSet, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    writers = strokes.writer[rows].tolist()
    apart = {writer: held_out(f"writer {writer}") for writer in set(writers)}
    return np.array([apart[writer] for writer in writers], bool)


def _on_baseline(strokes: Strokes, label: str) -> Strokes:
    """A recorded word, whose box has the height 1, scaled to a small letter's height of 1, its baseline at 0.

    What letters it has says how far it reaches above and below.
    """
    above = 2.0 if any(c in "bdfhkl" or c.isupper() or c.isdigit() for c in label) else 1.0
    if above == 1.0 and any(c in "tij!?'\"" for c in label):
        above = 1.6
    below = 0.8 if any(c in "gjpqy" for c in label) else 0.0
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (above + below) / max(float(high[1] - low[1]), 0.1)
    origin = np.array([low[0], low[1]], np.float32)
    lift = np.array([0.0, above], np.float32)
    return [((stroke - origin) * np.float32(scale) - lift).astype(np.float32) for stroke in strokes]


def _by_hand(text: str, font: Path, size: float, rng: np.random.Generator) -> Coverage:
    """Character by character, no two alike."""
    hand = Hand(font, size, slant=float(rng.normal(0, 0.1)), weight=float(rng.uniform(0.05, 0.2)), grain=0.0)
    marks = list(write_line(text, hand, (0.0, 0.0), (0.0, 0.0, 0.0), rng))
    left, top = min(mark.left for mark in marks), min(mark.top for mark in marks)
    right = max(mark.left + mark.coverage.shape[1] for mark in marks)
    bottom = max(mark.top + mark.coverage.shape[0] for mark in marks)
    ink = np.zeros((bottom - top, right - left), np.uint8)
    for mark in marks:
        height, width = mark.coverage.shape
        place = ink[mark.top - top : mark.top - top + height, mark.left - left : mark.left - left + width]
        np.maximum(place, mark.coverage, out=place)
    x, y, w, h = cv2.boundingRect((ink > 8).view(np.uint8))
    return ink[y : y + h, x : x + w]


def _vary(ink: Coverage, size: float, rng: np.random.Generator) -> Coverage:
    """Bend, slant and stretch a line of a font, let its strokes grow or shrink, and bring it to its size."""
    height, width = ink.shape
    pad = height // 4 + 2
    slant, stretch = rng.normal(0, 0.15), np.exp(rng.normal(-0.08, 0.16))
    zoom = 1 / 1.5
    rows, columns = int((height + 2 * pad) * zoom), int((width + 2 * pad) * zoom * stretch)
    knots = rng.normal(0, 0.05 * height, (3, max(columns // max(rows, 1), 2) * 2, 2)).astype(np.float32)
    bend = cv2.resize(knots, (columns, rows), interpolation=cv2.INTER_CUBIC)
    y = np.arange(rows, dtype=np.float32)[:, np.newaxis] / zoom - pad
    x = np.arange(columns, dtype=np.float32) / np.float32(zoom * stretch) - pad
    source_x = x + np.float32(slant) * (y - height / 2) + bend[..., 0]
    source_y = np.broadcast_to(y, source_x.shape) + bend[..., 1]
    soft = cv2.GaussianBlur(ink, (0, 0), 0.5 + 0.035 * size)
    moved = cv2.remap(soft, source_x.astype(np.float32), source_y.astype(np.float32), cv2.INTER_LINEAR)
    edge = rng.uniform(0.22, 0.58)
    sharp = ((moved.astype(np.float32) / 255 - edge) * 5 + 0.5).clip(0, 1) * (255 * rng.uniform(0.75, 1))
    return roughen(np.asarray(sharp, np.uint8), rng, float(rng.uniform(0, 0.4)))
