"""The mean of trained networks: one network of the same size that often reads better than each of them.

Where one training began with the weights of another, their networks can be averaged weight by weight (M. Wortsman et
al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing inference time",
ICML 2022): what the later training learned stays, and less of what the earlier one knew is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_hwr.errors import TrainingError

from .quantize import load_keras
from .run_folder import RunFiles, read_record


def check_averaging(run: RunFiles, others: Sequence[Path]) -> None:
    """`TrainingError` unless each of the other run folders has a best model that reads the same characters."""
    recipe = read_record(run.path)[1]
    for other in others:
        theirs = read_record(other)[1]
        if (theirs.task, theirs.charset) != (recipe.task, recipe.charset):
            raise TrainingError(f"{other}: reads other characters than {run.path}: the two cannot be averaged")
        if not (other / run.best_model.name).is_file():
            raise TrainingError(f"{other}: no best.keras in it yet: train it for an epoch at least")


def load_averaged(run: RunFiles, others: Sequence[Path]) -> Any:
    """The best model of a run, its weights the mean of its own and those of the best models of other run folders.

    `TrainingError` for networks of another shape.
    """
    model = load_keras(run.best_model)
    sums = model.get_weights()
    for other in others:
        weights = load_keras(other / run.best_model.name).get_weights()
        if [array.shape for array in weights] != [array.shape for array in sums]:
            raise TrainingError(f"{other}: another network than that of {run.path}: the two cannot be averaged")
        sums = [total + array for total, array in zip(sums, weights, strict=True)]
    if others:
        model.set_weights([total / (1 + len(others)) for total in sums])
    return model
