"""Where glyphs to learn from come from: labelled pictures of single characters, dark ink on light paper.

A source is a list of samples that it can draw as often as wanted, each time differently.
"""

from __future__ import annotations

import hashlib
import logging
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from edge_hwr.datasets import Dataset, check_mnist, open_crops
from edge_hwr.errors import DatasetError

from .arrays import read_arrays
from .fonts import draw_text, has_characters
from .paper import photograph
from .strokes import Pen, StrokeSet, distort_strokes, draw_strokes, load_strokes

log = logging.getLogger(__name__)

Picture = npt.NDArray[np.uint8]

JUNK = -1
"""The label of what is no character of the charset; models learn to be unsure of it."""

VALIDATION_SHARE = 10
"""One writer, font or sample in so many is kept for validation."""


class Source(Protocol):
    """Samples with labels (int16 (N,): index in the charset, or JUNK) of which some (bool (N,)) are for validation."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> npt.NDArray[np.int16]: ...

    @property
    def validation(self) -> npt.NDArray[np.bool_]: ...

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> Picture:
        """A picture of one sample, uint8 (H, W): plain, or on paper as a camera sees it."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Mnist:
    """The training half of MNIST; its last 5,000 samples are for validation, its test half is never touched."""

    ink: Picture
    labels: npt.NDArray[np.int16]
    validation: npt.NDArray[np.bool_]
    name: str = "mnist"

    @classmethod
    def load(cls, path: Path | None, charset: str) -> Mnist:
        """From Keras' npz file, or downloaded by Keras when `path` is None."""
        if path is None:
            import keras  # only here: drawing must not wait for TensorFlow

            log.info("no MNIST among the data: downloading it with Keras")
            try:
                (ink, digits), _ = keras.datasets.mnist.load_data()
            except Exception as error:  # Keras lets whatever urllib raises through
                raise DatasetError(f"MNIST cannot be downloaded ({error}): give its mnist.npz with --data") from error
        else:
            try:
                arrays = read_arrays(path, ("x_train", "y_train"))
            except ValueError as error:
                raise DatasetError(f"{path}: cannot be read as Keras' mnist.npz ({error}); fetch it again") from error
            ink, digits = arrays["x_train"], arrays["y_train"]
            check_mnist(path, "train", ink, digits)
        labels = labels_of([str(digit) for digit in digits], charset)
        kept = labels != JUNK
        validation = np.arange(len(ink)) >= len(ink) - len(ink) // 12
        return cls(ink[kept], labels[kept], validation[kept])

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> Picture:
        ink = self.ink[index]
        if not camera:
            return np.asarray(255 - ink, np.uint8)
        size = int(rng.integers(32, 96))
        return photograph(_enlarge(_trim(ink), size / 20), rng)


@dataclass(frozen=True, slots=True, eq=False)
class Unipen:
    """Recorded pen strokes, written with random pens; the set's own test writers are left out altogether."""

    strokes: StrokeSet
    rows: npt.NDArray[np.intp]
    labels: npt.NDArray[np.int16]
    validation: npt.NDArray[np.bool_]
    name: str = "unipen"

    @classmethod
    def load(cls, path: Path, charset: str) -> Unipen:
        strokes = load_strokes(path)
        labels = labels_of(strokes.label.tolist(), charset)
        rows = np.flatnonzero((labels != JUNK) & ~strokes.test)
        apart = {writer: held_out(f"writer {writer}") for writer in np.unique(strokes.writer).tolist()}
        validation = np.array([apart[writer] for writer in strokes.writer[rows].tolist()], bool)
        return cls(strokes, rows, labels[rows], validation)

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> Picture:
        return write(self.strokes.strokes(int(self.rows[index])), rng, camera=camera)


@dataclass(frozen=True, slots=True, eq=False)
class Fonts:
    """The characters of the charset in every font that has them; whole fonts are held out for validation."""

    samples: tuple[tuple[Path, str], ...]
    labels: npt.NDArray[np.int16]
    validation: npt.NDArray[np.bool_]
    name: str = "fonts"

    @classmethod
    def load(cls, fonts: Sequence[Path], charset: str) -> Fonts:
        samples = tuple((font, character) for font in fonts for character in charset if has_characters(font, character))
        labels = labels_of([character for _, character in samples], charset)
        return cls(samples, labels, np.array([held_out(font.name) for font, _ in samples], bool))

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> Picture:
        font, character = self.samples[index]
        ink = draw_text(font, character, float(np.exp(rng.uniform(np.log(20), np.log(90)))))
        return photograph(_shear(ink, rng), rng) if camera else on_paper(ink)


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPictures:
    """A dataset on disk: its pictures are taken as they are; writers, where many are told, are held out whole."""

    pictures: tuple[Picture, ...]
    labels: npt.NDArray[np.int16]
    validation: npt.NDArray[np.bool_]
    name: str

    @classmethod
    def load(cls, path: Path, charset: str) -> LabelledPictures:
        dataset = open_crops(path)
        samples = list(dataset)
        labels = labels_of([sample.text for sample in samples], charset)
        outside = sorted({sample.text for sample, label in zip(samples, labels, strict=True) if label == JUNK})
        if outside:
            raise DatasetError(
                f"{path}: the charset of the recipe has no {outside[0]!r}: add it there or drop those rows "
                f"({len(outside)} such texts)"
            )
        validation = held_out_of(dataset)
        return cls(tuple(sample.picture for sample in samples), labels, validation, path.stem)

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> Picture:
        return self.pictures[index]


def labels_of(texts: Sequence[str], charset: str) -> npt.NDArray[np.int16]:
    """Index of each text in the charset, JUNK for what is not in it; accents may be composed or not."""
    index = {character: position for position, character in enumerate(charset)}
    return np.array([index.get(unicodedata.normalize("NFC", text), JUNK) for text in texts], np.int16)


def held_out(name: str) -> bool:
    """Whether a writer, font or sample is for validation: decided by its name, so that it never changes."""
    return hashlib.sha256(name.encode()).digest()[0] % VALIDATION_SHARE == 0


def held_out_of(dataset: Dataset) -> npt.NDArray[np.bool_]:
    """Which samples of a dataset are for validation: those of whole writers or, if it has few, samples of any.

    One at least of ten writers, or samples, or more: somebody's own writing is seldom much.
    """
    owners = dataset.writers if len(set(dataset.writers)) >= VALIDATION_SHARE else dataset.names
    apart = {owner for owner in owners if held_out(f"writer {owner}")}
    if not apart and len(owners) >= VALIDATION_SHARE:
        apart = {min(owners, key=lambda owner: hashlib.sha256(f"writer {owner}".encode()).digest())}
    return np.array([owner in apart for owner in owners], bool)


def on_paper(ink: Picture) -> Picture:
    """Ink uint8 (H, W), 255 where it covers, as black on white with a little free paper around."""
    border = max(2, max(ink.shape) // 8)
    return np.asarray(255 - cv2.copyMakeBorder(ink, border, border, border, border, cv2.BORDER_CONSTANT), np.uint8)


def write(strokes: Sequence[npt.NDArray[np.float32]], rng: np.random.Generator, *, camera: bool) -> Picture:
    """Recorded strokes, written with a random pen at a random size."""
    height = float(np.exp(rng.uniform(np.log(22), np.log(90))))
    ink = draw_strokes(distort_strokes(strokes, rng), rng, height_px=height, pen=Pen.random(rng))
    return photograph(ink, rng) if camera else on_paper(ink)


def _trim(ink: Picture) -> Picture:
    x, y, w, h = cv2.boundingRect(ink)
    return ink[y : y + h, x : x + w] if w else ink


def _enlarge(ink: Picture, factor: float) -> Picture:
    """Scaled up without the staircase: smoothed, then its edge drawn sharp again."""
    large = cv2.resize(ink, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    large = cv2.GaussianBlur(large, (0, 0), 0.35 * factor)
    return np.asarray(cv2.convertScaleAbs(np.maximum(large, 70) - 70, alpha=255 / 110), np.uint8)


def _shear(ink: Picture, rng: np.random.Generator) -> Picture:
    """Slanted and stretched a little, as print is by italics, width and the way a page lies."""
    height, width = ink.shape
    slant, stretch = rng.normal(0, 0.08), np.exp(rng.normal(0, 0.1))
    room = int(abs(slant) * height) + 2
    matrix = np.array([[stretch, -slant, max(slant, 0) * height + 1], [0, 1, 1]])
    size = (int(width * stretch) + room + 1, height + 2)
    return np.asarray(cv2.warpAffine(ink, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)
