"""The pool: every glyph that a training sees, drawn once, preprocessed exactly as on the device, and kept as uint8."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_hwr.errors import DatasetError, TrainingError
from edge_hwr.preprocess import GlyphPreprocessing, preprocess_glyph

from .arrays import check_array, read_arrays, write_arrays
from .data import DrawnSource
from .drawing_plan import DrawingJob, DrawingPlan, Rows, count_groups, plan_drawing
from .drawing_processes import draw_in_processes
from .sources import JUNK, Source

log = logging.getLogger(__name__)

_CHUNK = 2000
_VALIDATION = 2000
"""Validation samples wished for in each group."""

_EMPTY = np.iinfo(np.int16).min
"""Label of drawings in which no ink was found; they are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Glyphs uint8 (N, height, width), labels int16 (N,) (JUNK: none of the charset), and which group each belongs to.

    A group is a source drawn one way ("mnist", "mnist camera", ...). `validation` marks what is never trained on.
    """

    glyphs: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int16]
    group: npt.NDArray[np.uint8]
    validation: npt.NDArray[np.bool_]
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, mask: npt.NDArray[np.bool_]) -> Pool:
        """The samples under a mask (bool (N,))."""
        return Pool(self.glyphs[mask], self.labels[mask], self.group[mask], self.validation[mask], self.groups)

    def describe(self) -> dict[str, dict[str, int]]:
        """Numbers of training and validation samples by group."""
        return count_groups(self.groups, self.group, self.validation)

    def accuracies(self, classes: npt.NDArray[np.intp]) -> dict[str, float]:
        """Share of right classes (N,), 0..1, by group; junk has no right class and is left out."""
        right, known = classes == self.labels, self.labels != JUNK
        shares = {}
        for number, name in enumerate(self.groups):
            counted = known & (self.group == number)
            if counted.any():
                shares[name] = float(right[counted].mean())
        return shares

    def save(self, path: Path) -> None:
        """Write an npz file, whole or not at all."""
        write_arrays(
            path,
            glyphs=self.glyphs,
            labels=self.labels,
            group=self.group,
            validation=self.validation,
            groups=np.array(self.groups),
        )

    @classmethod
    def load(cls, path: Path, classes: int) -> Pool:
        """What `save` wrote, of a charset of so many classes; `TrainingError` where it is not that."""
        names = ("glyphs", "labels", "group", "validation", "groups")
        try:
            arrays = read_arrays(path, names)
            glyphs, labels, group, validation, groups = (arrays[name] for name in names)
            check_array(glyphs, "glyphs", np.uint8, (len(labels), None, None))
            check_array(labels, "labels", np.int16, (None,), JUNK, classes - 1)
            check_array(group, "group", np.uint8, (len(labels),), 0, len(groups) - 1)
            check_array(validation, "validation", np.bool_, (len(labels),))
        except ValueError as error:
            raise TrainingError(f"{path}: cannot be read ({error}); delete it and train again to redraw it") from error
        return cls(glyphs, labels, group, validation, tuple(groups.tolist()))


def draw_pool(sources: Sequence[DrawnSource], preprocessing: GlyphPreprocessing, *, seed: int, workers: int) -> Pool:
    """Draw all samples of all sources as their recipe wants them."""
    plan = _plan(sources, seed)
    given = ([drawn.source for drawn in sources], preprocessing)
    parts = draw_in_processes(_draw_chunk, plan.jobs, given=given, workers=workers, what="drawing glyphs")
    counts = [len(job.rows) for job in plan.jobs]
    glyphs = np.concatenate([part[0] for part in parts])
    labels = np.concatenate([part[1] for part in parts])
    pool = Pool(glyphs, labels, plan.group_of(counts), plan.validation_of(counts), plan.groups)
    empty = labels == _EMPTY
    if empty.any():
        log.info("%d of %d drawings held no ink that could be found and were left out", empty.sum(), len(empty))
        pool = pool.select(~empty)
    if len(np.unique(pool.labels[~pool.validation & (pool.labels != JUNK)])) < 2:
        raise DatasetError(
            "the data hold fewer than two different characters to train on: there is nothing to tell apart"
        )
    return pool


def check_validation(pool: Pool) -> None:
    """`DatasetError` where nothing that was drawn can tell how good a training is."""
    if not (pool.validation & (pool.labels != JUNK)).any():
        raise DatasetError(
            "none of the samples held out for validation shows any ink: look at the pictures, give more data"
        )


def _plan(sources: Sequence[DrawnSource], seed: int) -> DrawingPlan:
    def choose_training(number: int, rows: Rows, times: int) -> Rows:
        if 0 < (samples := sources[number].wanted.samples) < len(rows):
            rows = np.random.default_rng((seed, number)).permutation(rows)[:samples]
        return np.tile(rows, times)

    def choose_validation(_number: int, rows: Rows, times: int) -> Rows:
        # Once, or oftener where there are few, for figures that mean something.
        return np.tile(rows, min(times, max(1, _VALIDATION // max(len(rows), 1))))

    return plan_drawing(
        sources,
        choose_training=choose_training,
        choose_validation=choose_validation,
        chunk=_CHUNK,
        seed=seed,
        validation_seed=seed,
    )


def _draw_chunk(
    job: DrawingJob, sources: Sequence[Source], preprocessing: GlyphPreprocessing
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int16]]:
    source, shape = sources[job.source], (preprocessing.height, preprocessing.width)
    glyphs = np.zeros((len(job.rows), *shape), np.uint8)
    labels = np.full(len(job.rows), _EMPTY, np.int16)
    rng = np.random.default_rng(job.seed)
    for position, row in enumerate(job.rows.tolist()):
        tensor = preprocess_glyph(source.draw(row, rng, camera=job.camera), preprocessing)
        if len(tensor):
            glyphs[position] = tensor[0, ..., 0]
            labels[position] = source.labels[row]
    return glyphs, labels
