"""The batches of an epoch: augmented glyphs and what the network should make of them, prepared beside the training."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_hwr.errors import TrainingError

from .augmentation import Augmenter
from .pool import Pool
from .recipe import DistillationRecipe

Batch = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""Glyphs (B, height, width, 1) in 0..1 and targets (B, classes) that add up to 1."""

_PATIENCE_S = 60.0

_SAMPLED = 20


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What to aim at: `by_label` (classes + 1, classes; the last row is junk's), mixed with what teachers say of the
    very sample: `taught` logits (N, classes) of the training pool, softened by the recipe's temperature."""

    by_label: npt.NDArray[np.float32]
    taught: npt.NDArray[np.float16] | None
    distillation: DistillationRecipe

    @classmethod
    def make(
        cls, classes: int, smoothing: float, taught: npt.NDArray[np.float16] | None, distillation: DistillationRecipe
    ) -> Targets:
        """The right class less the smoothing (C. Szegedy et al., CVPR 2016); nothing in particular for junk."""
        by_label = np.full((classes + 1, classes), smoothing / classes, np.float32)
        by_label[:classes] += (1 - smoothing) * np.eye(classes, dtype=np.float32)
        by_label[-1] = 1 / classes
        return cls(by_label, taught, distillation)

    def of(self, rows: npt.NDArray[np.intp], labels: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
        """Targets (B, classes) of the samples in these rows of the training pool (G. Hinton et al., "Distilling the
        knowledge in a neural network", 2015)."""
        targets = self.by_label[labels]
        return targets if self.taught is None else self.mixed(targets, self.taught[rows].astype(np.float32))

    def mixed(self, targets: npt.NDArray[np.float32], logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Targets and what teachers say, both (B, classes), by the recipe's weight and temperature."""
        logits = logits / self.distillation.temperature
        said = np.exp(logits - logits.max(axis=1, keepdims=True))
        said /= said.sum(axis=1, keepdims=True)
        return np.asarray(targets + self.distillation.weight * (said - targets), np.float32)


def sample_glyphs(pool: Pool, seed: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Some batches (B, height, width, 1) of training glyphs, as they were drawn."""
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(~pool.validation))[: _SAMPLED * 256]
    for start in range(0, len(rows), 256):
        yield pool.glyphs[rows[start : start + 256], ..., np.newaxis]


def prepare(training: Pool, order: npt.NDArray[np.intp], augment: Augmenter, targets: Targets) -> Iterator[Batch]:
    """The batches whose rows of the pool are in `order` (steps, B), a thread keeping a few of them ahead."""
    ready: queue.Queue[Batch | Exception] = queue.Queue(maxsize=4)
    stopped = threading.Event()

    def put(item: Batch | Exception) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=0.5)
                return

    def produce() -> None:
        try:
            for rows in order:
                if stopped.is_set():
                    return
                put((augment(training.glyphs[rows]), targets.of(rows, training.labels[rows])))
        except Exception as error:  # handed to the training, which raises it
            put(error)

    thread = threading.Thread(target=produce, name="augmentation", daemon=True)
    thread.start()
    try:
        for _ in order:
            try:
                item = ready.get(timeout=_PATIENCE_S)
            except queue.Empty as error:
                raise TrainingError(
                    f"no batch was prepared within {_PATIENCE_S:g} s: is the machine out of memory?"
                ) from error
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join(timeout=10)
