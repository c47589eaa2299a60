"""Lines of recorded characters: writers who wrote characters one by one are made to write text.

Most of those who wrote UNIPEN's single characters wrote none of its words, and have other hands. Each text is put
together of one writer's characters, set on a baseline by what is known of the letters; accents and marks, of which the
recordings have none or do not tell the size, are drawn.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_hwr.errors import DatasetError

from .line_sources import DrawnLine
from .line_strokes import to_unit_height, write_strokes
from .line_text import Passages
from .sources import held_out
from .strokes import StrokeSet, load_strokes

Stroke = npt.NDArray[np.float32]

_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz")

_LEAST_LETTERS = 20
"""Writers of fewer of the small letters could write hardly a word."""

_LONGEST_TEXT = 60
_TRIES = 200

_ACCENTS = {
    "\u0300": ([(-0.25, -0.3), (0.1, 0.0)],),
    "\u0301": ([(0.25, -0.35), (-0.1, 0.0)],),
    "\u0302": ([(-0.25, 0.0), (0.0, -0.3), (0.25, 0.0)],),
    "\u0303": ([(-0.3, 0.0), (-0.1, -0.15), (0.1, 0.0), (0.3, -0.15)],),
    "\u0308": ([(-0.22, -0.1), (-0.2, -0.02)], [(0.22, -0.1), (0.24, -0.02)]),
}
"""Above a letter: strokes of points (x, y) about the middle of the letter, y down, in heights of small letters."""

_CEDILLAS = {"\u0327": ([(0.0, 0.0), (0.12, 0.18), (-0.1, 0.35)],)}
"""The same below a letter."""

_MARKS = {
    ".": ([(0.0, -0.06), (0.05, 0.0)],),
    ",": ([(0.1, -0.1), (0.08, 0.08), (-0.06, 0.28)],),
    "'": ([(0.1, -1.9), (0.0, -1.45)],),
    '"': ([(0.0, -1.9), (-0.02, -1.5)], [(0.25, -1.9), (0.22, -1.5)]),
    "-": ([(0.0, -0.5), (0.45, -0.52)],),
    ":": ([(0.0, -0.8), (0.05, -0.74)], [(0.0, -0.06), (0.05, 0.0)]),
    ";": ([(0.05, -0.8), (0.1, -0.74)], [(0.1, -0.1), (0.06, 0.1), (-0.06, 0.28)]),
    "(": ([(0.3, -1.9), (0.02, -1.2), (0.02, -0.4), (0.3, 0.3)],),
    ")": ([(0.0, -1.9), (0.28, -1.2), (0.28, -0.4), (0.0, 0.3)],),
}
"""Strokes about the baseline, which has y = 0."""


@dataclass(frozen=True, slots=True, eq=False)
class UnipenCharacters:
    """Passages in the hands of those who wrote single characters; writers held out, and the set's test writers, write
    none of them."""

    strokes: StrokeSet
    hands: tuple[dict[str, npt.NDArray[np.intp]], ...]
    """Of each writer, where the drawings of each character are."""
    passages: Passages
    validation: npt.NDArray[np.bool_]
    name: str = "unipen-characters"

    @classmethod
    def load(cls, path: Path, passages: Passages, samples: int) -> UnipenCharacters:
        """`DatasetError` for strokes without a writer of enough small letters."""
        strokes = load_strokes(path)
        hands = []
        for writer in np.unique(strokes.writer[~strokes.test]).tolist():
            rows = np.flatnonzero((strokes.writer == writer) & ~strokes.test)
            labels = strokes.label[rows]
            hand = {str(label): rows[labels == label] for label in np.unique(labels) if label.isalnum()}
            if not held_out(f"writer {writer}") and len(_ALPHABET & hand.keys()) >= _LEAST_LETTERS:
                hands.append(hand)
        if not hands:
            raise DatasetError(
                f"{path}: no writer of {_LEAST_LETTERS} small letters, to write texts with: leave `unipen-characters` "
                "out of the recipe"
            )
        return cls(strokes, tuple(hands), passages, np.zeros(samples, bool))

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> DrawnLine:
        hand, wanted, text = self.hands[rng.integers(len(self.hands))], int(rng.integers(3, _LONGEST_TEXT)), ""
        for _ in range(_TRIES):
            for word in self.passages.draw(rng).split(" "):
                if word and len(text) + 1 + len(word) <= _LONGEST_TEXT and all(_writable(c, hand) for c in word):
                    text = f"{text} {word}" if text else word
            if len(text) >= wanted:
                return DrawnLine(write_strokes(self._compose(text, hand, rng), rng, camera=camera), text)
        raise DatasetError("the writers lack characters of nearly all texts: leave `unipen-characters` out")

    def _compose(self, text: str, hand: dict[str, npt.NDArray[np.intp]], rng: np.random.Generator) -> list[Stroke]:
        gap, space, unsteady = rng.uniform(0.05, 0.4), rng.uniform(0.65, 1.4), rng.uniform(0.01, 0.07)
        x, written = 0.0, list[Stroke]()
        for character in text:
            if character == " ":
                x += space * rng.uniform(0.8, 1.3)
                continue
            glyph = self._glyph(character, hand, rng)
            lift = np.array([x, rng.normal(0, unsteady)], np.float32)
            size = np.float32(np.exp(rng.normal(0, unsteady)))
            written += [stroke * size + lift for stroke in glyph]
            x += float(size * max(stroke[:, 0].max() for stroke in glyph)) + gap * rng.uniform(0.6, 1.4)
        return to_unit_height(written)

    def _glyph(self, character: str, hand: dict[str, npt.NDArray[np.intp]], rng: np.random.Generator) -> list[Stroke]:
        """Strokes from x = 0 on, on the baseline y = 0, in heights of small letters."""
        if character in _MARKS:
            return _unsteady(_MARKS[character], (0.0, 0.0), rng)
        letter, *accents = list(unicodedata.normalize("NFD", character))
        above, below = _extent(letter)
        drawn = self.strokes.strokes(int(rng.choice(hand[letter])))
        if letter in "ij" and accents and len(drawn) > 1:
            drawn = drawn[:1]  # the accent stands for the dot
            above = 1.0
        points = np.concatenate(drawn)
        low, high = points.min(axis=0), points.max(axis=0)
        scale = np.float32((above + below) / max(float((high - low)[1]), 0.15))
        width = float(high[0] - low[0]) * float(scale)
        scaled = [(stroke - low) * scale - np.array([0.0, above], np.float32) for stroke in drawn]
        for accent in accents:
            y = 0.05 if accent in _CEDILLAS else -above - rng.uniform(0.15, 0.4)
            scaled += _unsteady((_ACCENTS | _CEDILLAS)[accent], (width / 2, y), rng)
        return [stroke.astype(np.float32) for stroke in scaled]


def _writable(character: str, hand: dict[str, npt.NDArray[np.intp]]) -> bool:
    if character in _MARKS:
        return True
    letter, *accents = list(unicodedata.normalize("NFD", character))
    return letter in hand and _ACCENTS.keys() | _CEDILLAS.keys() >= set(accents)


def _extent(letter: str) -> tuple[float, float]:
    """How far a letter or figure reaches above the baseline and below it, in heights of small letters."""
    if letter.isupper() or letter.isdigit() or letter in "bdfhkl":
        return 1.9, 0.0
    if letter == "j":
        return 1.5, 0.8
    return (1.5 if letter in "ti" else 1.0), (0.8 if letter in "gpqy" else 0.0)


def _unsteady(
    strokes: tuple[list[tuple[float, float]], ...], at: tuple[float, float], rng: np.random.Generator
) -> list[Stroke]:
    size = np.exp(rng.normal(0, 0.25))
    return [
        (np.array(stroke) * size + rng.normal(0, 0.03, (len(stroke), 2)) + at).astype(np.float32) for stroke in strokes
    ]
