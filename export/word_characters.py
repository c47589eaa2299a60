"""Characters out of recorded words: written as people write them, by hands that wrote no single ones.

Most of those who wrote UNIPEN's words wrote none of its single characters. Where a word falls apart into as many
pieces, side by side, as it has characters, each piece is one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .sources import JUNK, Picture, held_out, labels_of, write
from .strokes import StrokeSet, load_strokes

Stroke = npt.NDArray[np.float32]

_REACH = 0.25
"""Of the narrower of two pieces: strokes that overlap by more belong together, as the bar of a t and its stem do."""

_DOT = 0.05
"""In heights of a word: what is narrower has no width to overlap by, and belongs to what it is as near to."""

_LEAST_SIZE = 1e-3
"""In heights of a word, the box of a point that was recorded once."""


@dataclass(frozen=True, slots=True, eq=False)
class WordCharacters:
    """The characters of those words that fall apart into them; the set's own test writers are left out altogether."""

    strokes: StrokeSet
    words: npt.NDArray[np.intp]
    """Of each character, the drawing of its word."""
    pieces: tuple[npt.NDArray[np.intp], ...]
    """Of each character, which strokes of the word it is."""
    labels: npt.NDArray[np.int16]
    validation: npt.NDArray[np.bool_]
    name: str = "unipen-words"

    @classmethod
    def load(cls, path: Path, charset: str) -> WordCharacters:
        strokes = load_strokes(path)
        words, pieces, texts, validation = [], [], [], []
        for row in np.flatnonzero(~strokes.test).tolist():
            text = str(strokes.label[row])
            found = split_word(strokes.strokes(row))
            if len(found) == len(text):
                words += [row] * len(text)
                pieces += found
                texts += list(text)
                validation += [held_out(f"writer {strokes.writer[row]}")] * len(text)
        labels = labels_of(texts, charset)
        kept = np.flatnonzero(labels != JUNK)
        return cls(
            strokes,
            np.array(words, np.intp)[kept],
            tuple(pieces[index] for index in kept.tolist()),
            labels[kept],
            np.array(validation, bool)[kept],
        )

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> Picture:
        strokes = self.strokes.strokes(int(self.words[index]))
        return write(_to_unit_box([strokes[number] for number in self.pieces[index].tolist()]), rng, camera=camera)


def split_word(strokes: Sequence[Stroke]) -> list[npt.NDArray[np.intp]]:
    """Which strokes, points (n, 2), stand one above the other: the pieces of a word from left to right."""
    left = np.array([stroke[:, 0].min() for stroke in strokes])
    right = np.array([stroke[:, 0].max() for stroke in strokes])
    pieces: list[list[int]] = []
    begin = end = -np.inf
    for number in np.argsort(left, kind="stable").tolist():
        width = right[number] - left[number]
        overlap = min(right[number], end) - left[number]
        needed = -_DOT if width < _DOT else _REACH * min(width, end - begin)
        if pieces and overlap > needed:
            pieces[-1].append(number)
            end = max(end, right[number])
        else:
            pieces.append([number])
            begin, end = left[number], right[number]
    return [np.array(piece, np.intp) for piece in pieces]


def _to_unit_box(strokes: Sequence[Stroke]) -> list[Stroke]:
    """Moved and scaled so that the longer side of the box is 1, as that of recorded characters is."""
    points = np.concatenate(strokes)
    low = points.min(axis=0)
    size = np.float32(max(float((points.max(axis=0) - low).max()), _LEAST_SIZE))
    return [(stroke - low) / size for stroke in strokes]
