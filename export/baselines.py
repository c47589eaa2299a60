"""Classical models on the glyphs that a network learns from: SVM, random forest, decision tree, plain network."""

from __future__ import annotations

import dataclasses
import os
import pickle
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from edge_hwr.errors import DatasetError
from edge_hwr.preprocess import GlyphPreprocessing

from .data import DrawnSource
from .pool import draw_pool
from .sources import JUNK, Picture, Source


@dataclass(frozen=True, slots=True)
class Baseline:
    """A classical model: its name, what of it is not scikit-learn's default, and what makes one from a seed."""

    name: str
    settings: str
    build: Callable[[int], Any]


BASELINES = (
    Baseline("SVM", "RBF kernel, C = 10", lambda seed: SVC(C=10, random_state=seed)),
    Baseline("random forest", "200 trees", lambda seed: RandomForestClassifier(200, random_state=seed)),
    Baseline("decision tree", "grown to the end", lambda seed: DecisionTreeClassifier(random_state=seed)),
    Baseline(
        "plain network",
        "one hidden layer of 256, 40 epochs of Adam",
        lambda seed: MLPClassifier((256,), max_iter=40, random_state=seed),
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSample:
    """Glyphs uint8 (N, height, width) and their labels int16 (N,), drawn out of `available` that a recipe asks for."""

    glyphs: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int16]
    available: int


@dataclass(frozen=True, slots=True, eq=False)
class FittedBaseline:
    """A trained model: `size` is that of its pickle in bytes, `seconds` of one core that the training took."""

    model: Any
    size: int
    seconds: float

    def predict(self, glyphs: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
        """Classes intp (N,) of glyphs uint8 (N, height, width)."""
        return np.asarray(self.model.predict(_features(glyphs)), np.intp)


def draw_sample(sources: Sequence[DrawnSource], samples: int, *, seed: int) -> TrainingSample:
    """Draw at random about so many of the training glyphs that a recipe asks for, each source having its share.

    They come through the one pipeline, as those of a training. Junk, which has no class, is left out. `DatasetError`
    when the data hold one character only.
    """
    labelled = [drawn for drawn in sources if (drawn.source.labels != JUNK).any()]
    available = sum(_size(drawn) * (drawn.wanted.clean + drawn.wanted.camera) for drawn in labelled)
    if not available:
        raise DatasetError("all samples of the data are held out for validation: none is left to learn from")
    thinned = list(_thin(labelled, min(samples / max(available, 1), 1.0), np.random.default_rng(seed)))
    pool = draw_pool(thinned, GlyphPreprocessing(), seed=seed, workers=os.cpu_count() or 1)
    return TrainingSample(pool.glyphs, pool.labels, available)


def fit(baseline: Baseline, sample: TrainingSample, *, seed: int) -> FittedBaseline:
    """Train a classical model."""
    model = baseline.build(seed)
    started = time.process_time()  # not by the clock: others' work, on a busy machine, is none of this model's cost
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is what it is
        model.fit(_features(sample.glyphs), sample.labels)
    seconds = time.process_time() - started
    return FittedBaseline(model, len(pickle.dumps(model)), seconds)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Some samples of a source, all to be trained on."""

    source: Source
    rows: npt.NDArray[np.intp]

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def labels(self) -> npt.NDArray[np.int16]:
        return self.source.labels[self.rows]

    @property
    def validation(self) -> npt.NDArray[np.bool_]:
        return np.zeros(len(self.rows), bool)

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> Picture:
        return self.source.draw(int(self.rows[index]), rng, camera=camera)


def _thin(sources: Sequence[DrawnSource], share: float, rng: np.random.Generator) -> Iterator[DrawnSource]:
    for drawn in sources:
        rows = np.flatnonzero(_trained(drawn))
        clean = dataclasses.replace(drawn.wanted, clean=1, camera=0, samples=0)
        camera = dataclasses.replace(drawn.wanted, clean=0, camera=1, samples=0)
        for once, times in ((clean, drawn.wanted.clean), (camera, drawn.wanted.camera)):
            count = ceil(share * _size(drawn) * times)
            if count:
                yield DrawnSource(_Rows(drawn.source, rng.choice(rows, count, replace=count > len(rows))), once)


def _size(drawn: DrawnSource) -> int:
    """How many samples of a source the recipe trains on."""
    count = int(_trained(drawn).sum())
    return min(count, drawn.wanted.samples or count)


def _trained(drawn: DrawnSource) -> npt.NDArray[np.bool_]:
    return np.asarray(~drawn.source.validation & (drawn.source.labels != JUNK), np.bool_)


def _features(glyphs: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return glyphs.reshape(len(glyphs), -1).astype(np.float32) / np.float32(255)
