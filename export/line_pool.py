"""The pool of lines: every line that a training sees, drawn once through the one preprocessing and kept as uint8.

Lines are as wide as they are: their pixels stand one after the other in one array.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_hwr.errors import DatasetError, TrainingError
from edge_hwr.line_preprocess import LinePreprocessing, preprocess_line
from edge_hwr.metrics import character_error_rate

from .arrays import check_array, read_arrays, write_arrays
from .drawing_plan import DrawingJob, DrawingPlan, Rows, count_groups, plan_drawing
from .drawing_processes import draw_in_processes
from .line_recipe import LineDataRecipe
from .line_sources import LineSource

log = logging.getLogger(__name__)

STRIDE = 4
"""Columns of pixels to one step of a line network's output."""

_LEAST_PITCH = 8
"""Columns to a character, at least: where a grid or noise was taken for writing, lines come out too small to be read by
anybody."""

_CHUNK = 200
_VALIDATION = 600
"""Validation lines of each group, at most: a validation should take little beside the epoch before it, and of half as
many, chance decides the tenths of a point that models differ by."""

_NO_LINES = (
    "no lines to train on, or none to validate with (about one writer in ten is held out, or one line of few writers, "
    "but none with hold_out = false): give datasets of lines, or strokes"
)


@dataclass(frozen=True, slots=True, eq=False)
class DrawnLines:
    """A source of lines and how the recipe wants it drawn."""

    source: LineSource
    wanted: LineDataRecipe


@dataclass(frozen=True, slots=True, eq=False)
class LinePool:
    """Lines: `pixels` uint8, of line k the `height` x `widths[k]` from `starts[k]` on, with its text.

    A group is a source drawn one way ("banq_lines", "banq_lines camera", ...). `validation` marks what is never
    trained on.
    """

    pixels: npt.NDArray[np.uint8]
    height: int
    widths: npt.NDArray[np.int32]
    texts: tuple[str, ...]
    group: npt.NDArray[np.uint8]
    validation: npt.NDArray[np.bool_]
    groups: tuple[str, ...]
    starts: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.texts)

    def line(self, index: int) -> npt.NDArray[np.uint8]:
        """The tensor of one line, (height, width)."""
        start, width = int(self.starts[index]), int(self.widths[index])
        return self.pixels[start : start + self.height * width].reshape(self.height, width)

    def describe(self) -> dict[str, dict[str, int]]:
        """Numbers of training and validation lines by group."""
        return count_groups(self.groups, self.group, self.validation)

    def error_rates(self, read: Mapping[int, str]) -> dict[str, float]:
        """Character error rates, 0..1, by group, of lines (their indices) that were read so."""
        rates = {}
        for number, name in enumerate(self.groups):
            own = [row for row in read if self.group[row] == number]
            if own:
                rates[name] = character_error_rate([self.texts[row] for row in own], [read[row] for row in own])
        return rates

    def save(self, path: Path) -> None:
        """Write an npz file, whole or not at all."""
        write_arrays(
            path,
            pixels=self.pixels,
            height=np.array(self.height),
            widths=self.widths,
            texts=np.array("\n".join(self.texts)),
            group=self.group,
            validation=self.validation,
            groups=np.array(self.groups),
        )

    @classmethod
    def load(cls, path: Path, charset: str) -> LinePool:
        """What `save` wrote, texts of this charset; `TrainingError` where it is not that."""
        names = ("pixels", "height", "widths", "texts", "group", "validation", "groups")
        try:
            arrays = read_arrays(path, names)
            pixels, height, widths, joined, group, validation, groups = (arrays[name] for name in names)
            texts = str(joined).split("\n")
            check_array(height, "height", np.int64, (), 1, 1024)
            check_array(widths, "widths", np.int32, (len(texts),), 1, 2**24)
            check_array(pixels, "pixels", np.uint8, (int(height) * int(widths.sum(dtype=np.int64)),))
            check_array(group, "group", np.uint8, (len(texts),), 0, len(groups) - 1)
            check_array(validation, "validation", np.bool_, (len(texts),))
            if unknown := set().union(*texts) - set(charset):
                raise ValueError(f"{min(unknown)!r} is none of the charset")
        except ValueError as error:
            raise TrainingError(f"{path}: cannot be read ({error}); delete it and train again to redraw it") from error
        return cls.of(pixels, int(height), widths, texts, group, validation, groups.tolist())

    @classmethod
    def of(
        cls,
        pixels: npt.NDArray[np.uint8],
        height: int,
        widths: npt.NDArray[np.int32],
        texts: Sequence[str],
        group: npt.NDArray[np.uint8],
        validation: npt.NDArray[np.bool_],
        groups: Sequence[str],
    ) -> LinePool:
        starts = np.concatenate([[0], np.cumsum(widths.astype(np.int64)[:-1] * height)]).astype(np.int64)
        return cls(pixels, height, widths, tuple(texts), group, validation, tuple(groups), starts)


def draw_line_pool(
    sources: Sequence[DrawnLines], preprocessing: LinePreprocessing, *, seed: int, workers: int
) -> LinePool:
    """Draw all lines of all sources as their recipe wants them."""
    held_out = np.concatenate([drawn.source.validation for drawn in sources])
    if held_out.all() or not held_out.any():  # said before the drawing, which takes minutes
        raise DatasetError(_NO_LINES)
    for drawn in sources:
        # What is wrong with one is said before the drawing, too; and what it finds out once is so for all processes.
        drawn.source.draw(0, np.random.default_rng(seed), camera=False)
    plan = _plan(sources, seed)
    given = ([drawn.source for drawn in sources], preprocessing)
    parts = draw_in_processes(_draw_chunk, plan.jobs, given=given, workers=workers, what="drawing lines")
    pixels = np.concatenate([part[0] for part in parts])
    widths = np.concatenate([part[1] for part in parts])
    texts = [text for part in parts for text in part[2]]
    counts = [len(part[2]) for part in parts]
    validation = plan.validation_of(counts)
    wanted = sum(len(job.rows) for job in plan.jobs)
    if len(texts) < wanted:
        log.info(
            "%d of %d drawn lines held no writing that could be read and were left out", wanted - len(texts), wanted
        )
    if not (~validation).any() or not validation.any():
        raise DatasetError(_NO_LINES)
    return LinePool.of(pixels, preprocessing.height, widths, texts, plan.group_of(counts), validation, plan.groups)


def _plan(sources: Sequence[DrawnLines], seed: int) -> DrawingPlan:
    def choose_training(_number: int, rows: Rows, times: int) -> Rows:
        return np.tile(rows, times)

    def choose_validation(number: int, rows: Rows, _times: int) -> Rows:
        order = np.random.default_rng(number).permutation(len(rows))
        return rows[np.sort(order[:_VALIDATION])]

    return plan_drawing(
        sources,
        choose_training=choose_training,
        choose_validation=choose_validation,
        chunk=_CHUNK,
        seed=seed,
        validation_seed=0,  # the same lines whatever the seed, so that trainings can be compared
    )


def _draw_chunk(
    job: DrawingJob, sources: Sequence[LineSource], preprocessing: LinePreprocessing
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32], list[str]]:
    """Pixels, widths and texts of the lines of a job in which writing was found, and room enough for its characters."""
    source, rng = sources[job.source], np.random.default_rng(job.seed)
    pixels: list[npt.NDArray[np.uint8]] = []
    texts: list[str] = []
    for row in job.rows.tolist():
        drawn = source.draw(row, rng, camera=job.camera)
        line = preprocess_line(drawn.picture, preprocessing)[0, ..., 0]
        if line.shape[1] >= max(STRIDE * (steps_needed(drawn.text) + 1), _LEAST_PITCH * len(drawn.text)):
            pixels.append(line)
            texts.append(drawn.text)
    flat = np.concatenate([line.ravel() for line in pixels]) if pixels else np.zeros(0, np.uint8)
    return flat, np.array([line.shape[1] for line in pixels], np.int32), texts


def steps_needed(text: str) -> int:
    """Steps of output that CTC needs at least for a text: one a character, and a blank between equal ones."""
    return len(text) + sum(a == b for a, b in pairwise(text))
