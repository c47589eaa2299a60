"""The mean of trained networks: one network of the same size that often reads better than each of them.

Where one training began with the weights of another, their networks can be averaged weight by weight (M. Wortsman et
al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing inference time",
ICML 2022): what the later training learned stays, and less of what the earlier one knew is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_hwr.errors import TrainingError

from .lending import are_wider, lender_recipe, load_lender, widened
from .run_folder import GlyphRun, LineRun


def check_average(run: GlyphRun | LineRun, others: Sequence[Path]) -> None:
    """`TrainingError` where another lender reads other characters than a run."""
    for path in others:
        recipe = lender_recipe(path)
        if (recipe.task, recipe.charset) != (run.recipe.task, run.recipe.charset):
            raise TrainingError(f"{path}: reads other characters than {run.path}: the two cannot be averaged")


def load_averaged(run: GlyphRun | LineRun, others: Sequence[Path], samples: Iterable[npt.NDArray[np.uint8]]) -> Any:
    """The network of a run, its weights the mean of its own and those of others, run folders or bundles.

    A narrower network counts as the wider one that begins with it. `TrainingError` for networks of other shapes.
    `samples` are for bundles: see `load_lender`.
    """
    model, samples = load_lender(run.path), list(samples) if others else []
    own = model.get_weights()
    weights = [own]
    for path in others:
        arrays = load_lender(path, samples).get_weights()
        if are_wider(own, arrays):
            arrays = widened(arrays, own)
        if [array.shape for array in arrays] != [array.shape for array in own]:
            raise TrainingError(f"{path}: another network than {run.path}: the two cannot be averaged")
        weights.append(arrays)
    if others:
        model.set_weights([sum(arrays) / len(weights) for arrays in zip(*weights, strict=True)])
    return model
