"""The run folder of a line model: the files of `run_folder`, with a line recipe and a line preprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_hwr.errors import TrainingError
from edge_hwr.line_preprocess import LinePreprocessing, line_preprocessing_digest

from .line_recipe import LineRecipe
from .run_folder import RunFiles, check_digest, read_record, start_record


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRun(RunFiles):
    """An existing run folder of a line model."""

    recipe: LineRecipe
    preprocessing: LinePreprocessing


def start_line_run(path: Path, recipe: LineRecipe, preprocessing: LinePreprocessing, data: Sequence[Path]) -> LineRun:
    """Make a folder a run folder, or open it if it is one of the same recipe, data and preprocessing."""
    record = {
        "recipe": recipe.to_json(),
        "preprocessing": preprocessing.to_json(),
        "preprocessing_digest": line_preprocessing_digest(preprocessing),
    }
    start_record(path, record, data)
    return open_line_run(path)


def open_line_run(path: Path) -> LineRun:
    """Open an existing run folder of a line model."""
    record, recipe = read_record(path)
    if not isinstance(recipe, LineRecipe):
        raise TrainingError(f"{path}: a run of a {recipe.task} model, not of a line model")
    preprocessing = LinePreprocessing.from_json(record["preprocessing"])
    check_digest(path, record, line_preprocessing_digest(preprocessing))
    return LineRun(path=path, record=record, recipe=recipe, preprocessing=preprocessing)
