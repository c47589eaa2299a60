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

from .line_run import LineRun
from .quantize import load_keras
from .run_folder import RunFiles, RunFolder, read_record


def find_networks(run: RunFolder | LineRun, others: Sequence[Path]) -> list[Path]:
    """The best models of a run and of others; `TrainingError` where one has none, or reads other characters."""
    networks = [run.trained_model()]
    for path in others:
        record, recipe = read_record(path)
        if (recipe.task, recipe.charset) != (run.recipe.task, run.recipe.charset):
            raise TrainingError(f"{path}: reads other characters than {run.path}: the two cannot be averaged")
        networks.append(RunFiles(path=path, record=record).trained_model())
    return networks


def load_averaged(networks: Sequence[Path]) -> Any:
    """The first network, its weights the mean of all of them; `TrainingError` for networks of different shapes."""
    model, *others = [load_keras(path) for path in networks]
    weights = [model.get_weights(), *(other.get_weights() for other in others)]
    for path, arrays in zip(networks, weights, strict=True):
        if [array.shape for array in arrays] != [array.shape for array in weights[0]]:
            raise TrainingError(f"{path}: another network than {networks[0]}: the two cannot be averaged")
    if others:
        model.set_weights([sum(arrays) / len(weights) for arrays in zip(*weights, strict=True)])
    return model
