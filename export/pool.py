"""The pool: every glyph that a training sees, drawn once through the one pipeline and kept as uint8 tensors.

Picture -> `isolate_glyph` -> `preprocess_glyphs`, exactly as on the device. Drawing is spread over the processor's
cores in chunks with seeds of their own, so that the same recipe on the same files gives the same pool anywhere.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_hwr.errors import DatasetError, TrainingError
from edge_hwr.layout import isolate_glyph
from edge_hwr.preprocess import GlyphPreprocessing, preprocess_glyphs

from .arrays import check_array, read_arrays
from .data import DrawnSource
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
        return {
            name: {
                "train": int(((self.group == number) & ~self.validation).sum()),
                "validation": int(((self.group == number) & self.validation).sum()),
            }
            for number, name in enumerate(self.groups)
        }

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
        temporary = path.with_name(path.name + ".part")
        try:
            with temporary.open("wb") as file:
                np.savez(
                    file,
                    glyphs=self.glyphs,
                    labels=self.labels,
                    group=self.group,
                    validation=self.validation,
                    groups=np.array(self.groups),
                )
            os.replace(temporary, path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise TrainingError(f"cannot write {path}: {error.strerror or error}") from error

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
    groups, jobs = _plan(sources, seed)
    given = ([drawn.source for drawn in sources], preprocessing)
    parts = draw_in_processes(
        _draw_chunk, jobs, start=_start_worker, given=given, workers=workers, what="drawing glyphs"
    )
    glyphs = np.concatenate([part[0] for part in parts])
    labels = np.concatenate([part[1] for part in parts])
    group = np.concatenate([np.full(len(job.rows), job.group, np.uint8) for job in jobs])
    validation = np.concatenate([np.full(len(job.rows), job.validation, bool) for job in jobs])
    pool = Pool(glyphs, labels, group, validation, tuple(groups))
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


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    source: int
    group: int
    rows: npt.NDArray[np.intp]
    camera: bool
    validation: bool
    seed: tuple[int, ...]


def _plan(sources: Sequence[DrawnSource], seed: int) -> tuple[list[str], list[_Job]]:
    groups: list[str] = []
    jobs: list[_Job] = []
    for number, drawn in enumerate(sources):
        for camera, times in ((False, drawn.wanted.clean), (True, drawn.wanted.camera)):
            if not times:
                continue
            name = drawn.source.name + (" camera" if camera else "")
            if name not in groups:
                groups.append(name)
            for validation in (False, True):
                rows = np.flatnonzero(drawn.source.validation == validation)
                if 0 < drawn.wanted.samples < len(rows) and not validation:
                    rows = np.random.default_rng((seed, number)).permutation(rows)[: drawn.wanted.samples]
                # For validation once, or oftener where there are few, for figures that mean something.
                few = max(1, _VALIDATION // max(len(rows), 1))
                rows = np.tile(rows, min(times, few) if validation else times)
                for chunk, start in enumerate(range(0, len(rows), _CHUNK)):
                    key = (seed, number, camera, validation, chunk)
                    part = rows[start : start + _CHUNK]
                    jobs.append(_Job(number, groups.index(name), part, camera, validation, tuple(map(int, key))))
    return groups, jobs


@dataclass(frozen=True, slots=True, eq=False)
class _Worker:
    sources: Sequence[Source]
    preprocessing: GlyphPreprocessing


_workers: list[_Worker] = []
"""What a drawing process was started with; one, and none in the process that trains."""


def _start_worker(sources: Sequence[Source], preprocessing: GlyphPreprocessing) -> None:
    _workers.append(_Worker(sources, preprocessing))


def _draw_chunk(job: _Job) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int16]]:
    (worker,) = _workers
    source, shape = worker.sources[job.source], (worker.preprocessing.height, worker.preprocessing.width)
    glyphs = np.zeros((len(job.rows), *shape), np.uint8)
    labels = np.full(len(job.rows), _EMPTY, np.int16)
    rng = np.random.default_rng(job.seed)
    for position, row in enumerate(job.rows.tolist()):
        found = isolate_glyph(source.draw(row, rng, camera=job.camera))
        if len(found):
            glyphs[position] = preprocess_glyphs(found, worker.preprocessing)[0, ..., 0]
            labels[position] = source.labels[row]
    return glyphs, labels
