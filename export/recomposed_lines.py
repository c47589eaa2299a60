"""New texts in the hands of scanned lines: pieces of what a writer wrote, put together to what nobody wrote yet.

A few thousand scanned lines hold little text, and a network that sees no other learns it by heart. So a line model that
reads them already says where each character stands; the lines are cut between characters, upright, and pieces of one
writer, as long as can be found, are joined to a passage. (Joining recorded pieces is as old as I. Guyon, "Handwriting
synthesis from handwritten glyphs", IWFHR 1996.)
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from edge_hwr.bundle import Bundle
from edge_hwr.datasets import from_table
from edge_hwr.errors import DatasetError
from edge_hwr.label_table import open_table
from edge_hwr.line_preprocess import LinePreprocessing, preprocess_line
from edge_hwr.line_reader import LineReader
from edge_hwr.metrics import align
from edge_hwr.picture import decode_picture

from .line_paper import photograph_line, scan_line
from .line_sources import DrawnLine, name_of
from .line_text import Passages, as_written
from .paper import Picture
from .sources import held_out_of
from .strokes import Coverage

log = logging.getLogger(__name__)

Strip = npt.NDArray[np.uint8]

_HEIGHT = 96
"""Rows of the strips: twice those of the tensors, so that what is prepared twice does not blur."""

_STRIPS = LinePreprocessing(height=_HEIGHT, margin=0, dead_zone=0, pitch=0)
"""With all that is faint: what is composed of them is prepared again."""

_LEAST_CHARACTERS = 150
"""A hand of which less could be read is left out: it could write little but what it wrote."""

_LONGEST_PIECE = 10
"""Characters of one piece, at most: longer ones would be the old text again."""

_SHORTEST_LINE = 8
_LATE = 3
_REACH = 7
"""CTC is sure of a character a little before its middle: it ends so many columns after what the alignment says, and the
cut with the least ink within so many columns to either side of that is taken."""

_LIFT = 3
"""Rows by which a piece is raised or lowered, at most, so that its strokes meet those of the piece before it."""

_UNICASE_SHARE = 0.15
"""Of the lines: so many people write some of the small letters as small capitals."""

_UNICASE_LETTERS = "abdefghlmnpqrstu"
"""Small letters that do not look like their capitals."""

_BASELINE = 60
"""The row of a strip that letters stand on, more or less."""

_TRIES = 60
_SLANTS = np.linspace(-0.9, 0.9, 19)
_END = "\0"
"""Stands between characters that were not written one after the other, or not read."""


class _Place(NamedTuple):
    """Where a character stands: on which strip, and its first and last column (exclusive)."""

    strip: int
    left: int
    right: int


_NOWHERE = _Place(0, 0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class WrittenHand:
    """All lines of a writer: `text`, and where each of its characters stands on the `strips`, which are PNG files,
    uint8 (96, W), ink 255, sheared upright; `slant` is how many columns a row they leaned to the right, mostly."""

    text: str
    places: tuple[_Place, ...]
    strips: tuple[bytes, ...]
    slant: float

    def compose(
        self, text: str, rng: np.random.Generator, capitals: Mapping[str, float] = MappingProxyType({})
    ) -> Coverage | None:
        """The text in this hand, uint8 (96, W), ink 255; None where a character of it is missing.

        Each small letter of `capitals` is written as its capital, so many times as large, where the hand has that.
        """
        capitals = {letter: size for letter, size in capitals.items() if letter.upper() in self.text}
        pieces = []
        at = 0
        while at < len(text):
            size = capitals.get(text[at])
            plain = next((place for place in range(at, len(text)) if text[place] in capitals), len(text))
            found = self._find(text[at:plain] if size is None else text[at].upper(), rng)
            if found is None:
                return None
            begin, count = found
            piece = self._cut(begin, count)
            pieces.append(piece if size is None else _smaller(piece, size))
            at += count
        return _sheared(_joined(pieces), self.slant)

    def known(self, text: str) -> str:
        """The words of a text for which this hand has all characters."""
        return " ".join(word for word in text.split(" ") if word and set(word) <= set(self.text))

    def _find(self, text: str, rng: np.random.Generator) -> tuple[int, int] | None:
        """Where the longest piece that the text begins with was written, one of them by chance, and its length."""
        for count in range(min(_LONGEST_PIECE, len(text)), 0, -1):
            piece = text[:count]
            start = int(rng.integers(len(self.text)))
            begin = self.text.find(piece, start)
            if begin < 0:
                begin = self.text.find(piece)
            if begin >= 0:
                return begin, count
        return None

    def _cut(self, begin: int, count: int) -> Strip:
        first, last = self.places[begin], self.places[begin + count - 1]
        strip = cv2.imdecode(np.frombuffer(self.strips[first.strip], np.uint8), cv2.IMREAD_GRAYSCALE)
        return np.asarray(strip, np.uint8)[:, first.left : max(last.right, first.left + 1)]


@dataclass(frozen=True, eq=False)
class RecomposedLines:
    """Passages in the hands of a dataset of scanned lines; what is held out for validation, if anything, lends none.

    `reader` is a line model that reads the dataset's lines well; what it reads wrongly is not used.
    """

    path: Path
    passages: Passages
    samples: int
    reader: Bundle
    hold_out: bool = True

    @property
    def name(self) -> str:
        return f"{name_of(self.path)} recomposed"

    @property
    def validation(self) -> npt.NDArray[np.bool_]:
        return np.zeros(self.samples, bool)

    @cached_property
    def hands(self) -> tuple[WrittenHand, ...]:
        """The writers with enough of their writing; found when they are first wanted, as it takes a while."""
        table, crops = open_table(self.path), LineReader(self.reader)
        writer_of = attrgetter("writer")
        held = held_out_of(from_table(table)) & self.hold_out
        rows = [row for row, apart in zip(table.rows, held.tolist(), strict=True) if not apart]
        log.info("%s: looking where the characters of %d lines stand", self.path, len(rows))
        hands = []
        for _, own in groupby(sorted(rows, key=writer_of), key=writer_of):
            lines = [
                (decode_picture(table.encoded(row), f"{self.path}: {row.file}"), as_written(row.text)) for row in own
            ]
            hand = _hand(lines, crops)
            if len(hand.text) - hand.text.count(_END) >= _LEAST_CHARACTERS:
                hands.append(hand)
        if not hands:
            raise DatasetError(
                f"{self.path}: no writer (column writer) of whom {_LEAST_CHARACTERS} characters could be read, to "
                "write other texts with: leave `recomposed` out of the recipe, or give more lines of each writer"
            )
        return tuple(hands)

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> DrawnLine:
        for _ in range(_TRIES):
            hand = self.hands[rng.integers(len(self.hands))]
            text = hand.known(self.passages.draw(rng))
            capitals = _some_capitals(rng) if rng.random() < _UNICASE_SHARE else {}
            ink = hand.compose(text, rng, capitals) if len(text) >= _SHORTEST_LINE else None
            if ink is not None and ink.any():
                return DrawnLine(photograph_line(ink, rng) if camera else scan_line(ink, rng), text)
        raise DatasetError("the writers lack characters of nearly all texts: leave `recomposed` out of the recipe")


def _hand(lines: Iterable[tuple[Picture, str]], crops: LineReader) -> WrittenHand:
    characters: list[str] = []
    places: list[_Place] = []
    strips: list[bytes] = []
    slants: list[float] = []
    for picture, truth in lines:
        strip = preprocess_line(picture, _STRIPS)[0, ..., 0]
        if not strip.shape[1]:
            continue
        slant = _slant(strip)
        upright = _sheared(strip, -slant)
        read = crops.read(picture)
        # Spans are shares of the writing at the middle of its height, which shearing leaves in place.
        ends = _cuts(upright, _LATE + (upright.shape[1] - strip.shape[1]) / 2 + read.spans * strip.shape[1])
        for first, second in align(truth, read.decoded.text):
            if first is not None and second is not None and truth[first] == read.decoded.text[second]:
                characters.append(truth[first])
                places.append(_Place(len(strips), ends[second], ends[second + 1]))
            else:
                characters.append(_END)
                places.append(_NOWHERE)
        characters.append(_END)
        places.append(_NOWHERE)
        strips.append(cv2.imencode(".png", upright)[1].tobytes())
        slants.append(slant)
    slant = float(np.median(slants)) if slants else 0.0
    return WrittenHand("".join(characters), tuple(places), tuple(strips), slant)


def _slant(strip: Strip) -> float:
    """The shear that leaves the columns of ink most uneven once undone (A. Vinciarelli and J. Luettin, "A new
    normalization technique for cursive handwritten words", Pattern Recognition Letters 22, 2001, in short)."""
    small = cv2.resize(strip, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    columns = [_sheared(np.asarray(small, np.uint8), -slant).sum(axis=0, dtype=np.float64) for slant in _SLANTS]
    return float(_SLANTS[int(np.argmax([(column**2).sum() for column in columns]))])


def _sheared(strip: Strip, slant: float) -> Strip:
    """Leaning to the right by so many columns a row, about its middle row; wider on both sides by what that takes."""
    height, width = strip.shape
    pad = round(abs(slant) * height / 2) + 1
    move = np.array([[1, -slant, pad + slant * (height - 1) / 2], [0, 1, 0]], np.float32)
    return np.asarray(cv2.warpAffine(strip, move, (width + 2 * pad, height), flags=cv2.INTER_LINEAR), np.uint8)


def _cuts(upright: Strip, ends: Sequence[float] | npt.NDArray[np.float64]) -> list[int]:
    """Columns with little ink near the ends of characters, in order."""
    ink = upright.sum(axis=0, dtype=np.float64) / 255
    cuts: list[int] = []
    for end in ends:
        low = max(round(end) - _REACH, cuts[-1] + 1 if cuts else 0)
        near = np.arange(min(low, len(ink)), min(max(round(end) + _REACH, low) + 1, len(ink) + 1))
        cost = [(ink[at] if at < len(ink) else 0.0) + 0.3 * abs(at - end) for at in near.tolist()]
        cuts.append(int(near[int(np.argmin(cost))]) if len(near) else len(ink))
    return cuts


def _some_capitals(rng: np.random.Generator) -> dict[str, float]:
    """Some small letters and how large their capitals are written for them."""
    size = rng.uniform(0.6, 0.85)
    chosen = rng.choice(list(_UNICASE_LETTERS), int(rng.integers(1, 9)), replace=False)
    return dict.fromkeys(chosen.tolist(), float(size))


def _smaller(piece: Strip, size: float) -> Strip:
    """So many times as large, on the same baseline."""
    height, width = piece.shape
    small = cv2.resize(piece, (max(round(width * size), 1), round(height * size)), interpolation=cv2.INTER_AREA)
    top = round(_BASELINE * (1 - size))
    return np.asarray(cv2.copyMakeBorder(small, top, height - top - len(small), 0, 0, cv2.BORDER_CONSTANT), np.uint8)


def _joined(pieces: Sequence[Strip]) -> Strip:
    """One after the other, each raised or lowered a little so that its strokes go on where those before it end."""
    levelled = [pieces[0]]
    for piece in pieces[1:]:
        before, after = levelled[-1][:, -3:].max(axis=1).astype(np.float32), piece[:, :3].max(axis=1).astype(np.float32)
        fits = [float(before @ _lifted(after[:, np.newaxis], lift)[:, 0]) for lift in range(-_LIFT, _LIFT + 1)]
        lift = int(np.argmax(fits)) - _LIFT if max(fits) > 1.2 * fits[_LIFT] else 0
        levelled.append(np.asarray(_lifted(piece, lift), np.uint8))
    return np.concatenate(levelled, axis=1)


def _lifted(piece: npt.NDArray[np.generic], rows: int) -> npt.NDArray[np.generic]:
    moved = np.zeros_like(piece)
    if rows >= 0:
        moved[: len(piece) - rows] = piece[rows:]
    else:
        moved[-rows:] = piece[:rows]
    return moved
