"""A run folder records a training: recipe, data, versions, log, checkpoints, and the best model so far.

    run.json      recipe, versions, data with sizes and sha256, digest of the preprocessing
    pool.npz      the glyphs, drawn once
    log.jsonl     one object per epoch
    best.keras    the best model so far (averaged weights), replaced whole
    best.json     its epoch and validation figures
    teachers.npz  what the teachers say of the pool, with distillation; teachers.json: their weights and accuracy
    checkpoint-N/ everything needed to go on after epoch N
    export-*      what was measured when a bundle of that name was exported, and its noise by tensor

Each file is written beside its final name and renamed, so an interrupted training leaves nothing half written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_hwr.errors import TrainingError
from edge_hwr.line_preprocess import LinePreprocessing, line_preprocessing_digest
from edge_hwr.preprocess import GlyphPreprocessing, preprocessing_digest

from .line_recipe import LineRecipe
from .recipe import Recipe
from .run_files import RunFiles
from .run_record import check_digest, read_record, start_record


@dataclass(frozen=True, slots=True, kw_only=True)
class GlyphRun(RunFiles):
    """An existing run folder of a glyph model."""

    recipe: Recipe
    preprocessing: GlyphPreprocessing


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRun(RunFiles):
    """An existing run folder of a line model."""

    recipe: LineRecipe
    preprocessing: LinePreprocessing


def start_run(path: Path, recipe: Recipe, preprocessing: GlyphPreprocessing, data: Sequence[Path]) -> GlyphRun:
    """Make a folder a run folder, or open it if it is one of the same recipe, data and preprocessing."""
    start_record(path, recipe, preprocessing, preprocessing_digest(preprocessing), data)
    return open_run(path)


def start_line_run(path: Path, recipe: LineRecipe, preprocessing: LinePreprocessing, data: Sequence[Path]) -> LineRun:
    """As `start_run`, of a line model."""
    start_record(path, recipe, preprocessing, line_preprocessing_digest(preprocessing), data)
    return open_line_run(path)


def open_run(path: Path) -> GlyphRun:
    """Open an existing run folder of a glyph model."""
    record, recipe = read_record(path)
    if not isinstance(recipe, Recipe):
        raise TrainingError(f"{path}: a run of a {recipe.task} model, not of a glyph model")
    preprocessing = GlyphPreprocessing.from_json(record["preprocessing"])
    check_digest(path, record, preprocessing_digest(preprocessing))
    return GlyphRun(path=path, record=record, recipe=recipe, preprocessing=preprocessing)


def open_line_run(path: Path) -> LineRun:
    """Open an existing run folder of a line model."""
    record, recipe = read_record(path)
    if not isinstance(recipe, LineRecipe):
        raise TrainingError(f"{path}: a run of a {recipe.task} model, not of a line model")
    preprocessing = LinePreprocessing.from_json(record["preprocessing"])
    check_digest(path, record, line_preprocessing_digest(preprocessing))
    return LineRun(path=path, record=record, recipe=recipe, preprocessing=preprocessing)
