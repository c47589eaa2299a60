"""The cases of a report: every model, from frame to text and by the invoke alone, over threads and batch sizes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Literal

from edge_hwr.bundle import Bundle
from edge_hwr.reader import Reader
from edge_hwr.runtime import BUCKETS

from .bare import BareModel
from .measure import Run
from .pages import drawn_page
from .subject import Subject

PAGES = 4
"""Frames that take turns, alike but for their grain, so that none is known from the run before."""


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure: "frame" from grey frame to text, "invoke" the runtime alone on `batch` samples.

    `glyphs` is how many glyphs, or samples, one run deals with, and `lines` how many lines a line model reads in it (on
    average, where a source decides it).
    """

    model: str
    kind: Literal["frame", "invoke"]
    threads: int
    batch: int | None
    glyphs: float
    lines: float | None = None


def frame_case(name: str, bundle: Bundle, threads: int) -> tuple[Case, Run]:
    """Reading drawn pages with a bundle, in turns."""
    reader = Reader(bundle, threads=threads)
    pages = [drawn_page(bundle, seed) for seed in range(PAGES)]
    first = reader.read(pages[0])
    lines = len(first.lines) if bundle.metadata.task == "line" else None
    turns = cycle(pages)
    return Case(name, "frame", threads, None, len(first.glyphs), lines), lambda: reader.read(next(turns)).ms


def invoke_case(subject: Subject, threads: int, batch: int | None) -> tuple[Case, Run]:
    """The bare invoke; `batch` None is the model's own batch size, and all that is certain of a plain .tflite."""
    model = BareModel(subject.flatbuffer, threads=threads, batch=batch)
    return Case(subject.name, "invoke", threads, model.batch, model.batch), lambda: {"total": model.run()}


def sweep(
    subjects: Iterable[Subject], threads: Sequence[int], batches: Sequence[int], *, frames: bool
) -> list[tuple[Case, Run]]:
    """All cases and how to run each; without the drawn pages where `frames` is False.

    Beside `batches`, the bare invoke is measured at the batch size that the drawn page makes, so that the two can be
    compared. Not so of line models: they take one line at a time, as wide as it is.
    """
    cases: list[tuple[Case, Run]] = []
    for subject in subjects:
        for count in threads:
            if subject.bundle is None:
                cases.append(invoke_case(subject, count, None))
                continue
            sizes = set(batches)
            if frames:
                case, run = frame_case(subject.name, subject.bundle, count)
                cases.append((case, run))
                sizes.add(planned_batch(case.glyphs))
            if subject.bundle.metadata.task == "glyph":
                cases += [invoke_case(subject, count, size) for size in sorted(sizes)]
    return cases


def planned_batch(glyphs: float) -> int:
    """The batch size that the reader's model runs for so many glyphs, up to the largest that is run at once."""
    return next((size for size in BUCKETS if size >= glyphs), BUCKETS[-1])
