"""What is to be drawn, in which order and by which seeds: the same for glyphs and for lines.

The samples of every source are cut into chunks, each with a seed of its own, so that the same recipe on the same files
gives the same pool, on however many cores it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]


class _Source(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def validation(self) -> Flags: ...


class _Wanted(Protocol):
    @property
    def clean(self) -> int: ...
    @property
    def camera(self) -> int: ...


class Drawn(Protocol):
    """A source, whose `validation` (N,) says which samples are held out, and how often a recipe wants it drawn."""

    @property
    def source(self) -> _Source: ...
    @property
    def wanted(self) -> _Wanted: ...


@dataclass(frozen=True, slots=True, eq=False)
class DrawingJob:
    """Samples `rows` of the source of this number, drawn one after the other from one seed, all of one group."""

    source: int
    group: int
    rows: Rows
    camera: bool
    validation: bool
    seed: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class DrawingPlan:
    """The jobs, and the names of the groups: a group is a source drawn one way ("mnist", "mnist camera", ...)."""

    groups: tuple[str, ...]
    jobs: tuple[DrawingJob, ...]

    def group_of(self, counts: Sequence[int]) -> npt.NDArray[np.uint8]:
        """The group (N,) of each sample where every job gave so many."""
        return np.repeat(np.array([job.group for job in self.jobs], np.uint8), counts)

    def validation_of(self, counts: Sequence[int]) -> Flags:
        """Which samples (N,) are for validation where every job gave so many."""
        return np.repeat(np.array([job.validation for job in self.jobs], np.bool_), counts)


def plan_drawing(
    sources: Sequence[Drawn],
    *,
    choose_training: Callable[[int, Rows, int], Rows],
    choose_validation: Callable[[int, Rows, int], Rows],
    chunk: int,
    seed: int,
    validation_seed: int,
) -> DrawingPlan:
    """The jobs, `chunk` samples each at most, that draw all sources as they are wanted.

    Of the rows of a source's number that are trained on or held out, and the times that each of them is wanted, the two
    choices say which are drawn, and how often.
    """
    groups: list[str] = []
    jobs: list[DrawingJob] = []
    for number, drawn in enumerate(sources):
        for camera, times in ((False, drawn.wanted.clean), (True, drawn.wanted.camera)):
            if not times:
                continue
            name = drawn.source.name + (" camera" if camera else "")
            if name not in groups:
                groups.append(name)
            for validation, choose in ((False, choose_training), (True, choose_validation)):
                rows = choose(number, np.flatnonzero(drawn.source.validation == validation), times)
                for part, start in enumerate(range(0, len(rows), chunk)):
                    key = (validation_seed if validation else seed, number, int(camera), int(validation), part)
                    cut = rows[start : start + chunk]
                    jobs.append(DrawingJob(number, groups.index(name), cut, camera, validation, key))
    return DrawingPlan(tuple(groups), tuple(jobs))


def count_groups(groups: Sequence[str], group: npt.NDArray[np.uint8], validation: Flags) -> dict[str, dict[str, int]]:
    """Numbers of training and validation samples by the name of their group."""
    return {
        name: {
            "train": int(((group == number) & ~validation).sum()),
            "validation": int(((group == number) & validation).sum()),
        }
        for number, name in enumerate(groups)
    }
