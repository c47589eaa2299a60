"""What is no character: drawn so that models learn to be unsure of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from .paper import photograph
from .sources import JUNK, VALIDATION_SHARE, Picture, on_paper, write
from .strokes import Pen, StrokeSet, draw_strokes


@dataclass(frozen=True, slots=True, eq=False)
class Junk:
    """What is no character of the charset: scribbles, blots, pieces of lines, cut glyphs, other letters."""

    labels: npt.NDArray[np.int16]
    validation: npt.NDArray[np.bool_]
    strokes: StrokeSet | None
    letters: npt.NDArray[np.intp]
    glyphs: npt.NDArray[np.intp]
    name: str = "junk"

    @classmethod
    def load(cls, samples: int, strokes: StrokeSet | None, letters: str, charset: str) -> Junk:
        labels = np.full(samples, JUNK, np.int16)
        validation = np.arange(samples) % VALIDATION_SHARE == 0
        none = np.zeros(0, np.intp)
        if strokes is None:
            return cls(labels, validation, None, none, none)
        writable = ~strokes.test
        return cls(
            labels,
            validation,
            strokes,
            np.flatnonzero(np.isin(strokes.label, list(letters)) & writable) if letters else none,
            np.flatnonzero(np.isin(strokes.label, list(charset)) & writable),
        )

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> Picture:
        kind = rng.random()
        if kind < 0.35 and len(self.letters) and self.strokes is not None:
            return write(self.strokes.strokes(int(rng.choice(self.letters))), rng, camera=camera)
        if kind < 0.55 and len(self.glyphs) and self.strokes is not None:
            return _cut(write(self.strokes.strokes(int(rng.choice(self.glyphs))), rng, camera=camera), rng)
        ink = _blot(rng) if kind < 0.7 else _scribble(rng)
        return photograph(ink, rng) if camera else on_paper(ink)


def _cut(picture: Picture, rng: np.random.Generator) -> Picture:
    """A third to a half of a picture."""
    axis = int(rng.integers(2))
    length = picture.shape[axis]
    keep = max(4, int(length * rng.uniform(0.3, 0.5)))
    start = 0 if rng.random() < 0.5 else length - keep
    return np.ascontiguousarray(np.take(picture, np.arange(start, min(start + keep, length)), axis))


def _blot(rng: np.random.Generator) -> Picture:
    """A filled shape with a ragged edge."""
    size = int(rng.integers(16, 80))
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    radii = size / 2 * rng.uniform(0.45, 0.95, len(angles))
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None] * rng.uniform(0.5, 1.0, 2) + size / 2
    ink = np.zeros((size, size), np.uint8)
    cv2.fillPoly(ink, [np.rint(points).astype(np.int32)], 255, cv2.LINE_AA)
    return ink


def _scribble(rng: np.random.Generator) -> Picture:
    """A pen moved to and fro without meaning, often enough to be no character."""
    turns = int(rng.integers(6, 16))
    knots = rng.uniform(0, 1, (turns, 2)) * rng.uniform(0.4, 1.0, 2)
    along = np.linspace(0, turns - 1, turns * 6)
    path = np.stack([np.interp(along, np.arange(turns), axis) for axis in knots.T], axis=1)
    path[:, 0] = cv2.GaussianBlur(path[:, :1], (0, 0), 2.0).ravel()
    path[:, 1] = cv2.GaussianBlur(path[:, 1:], (0, 0), 2.0).ravel()
    height = float(rng.uniform(30, 90))
    return draw_strokes([path.astype(np.float32)], rng, height_px=height, pen=Pen.random(rng))
