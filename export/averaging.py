"""The mean of trained networks: one network of the same size that often reads better than each of them.

Where one training began with the weights of another, their networks can be averaged weight by weight (M. Wortsman et
al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing inference time",
ICML 2022): what the later training learned stays, and less of what the earlier one knew is lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_hwr.errors import TrainingError, UsageError

from .lending import are_wider, lender_recipe, load_lender, widened
from .run_folder import GlyphRun, LineRun


@dataclass(frozen=True, slots=True)
class Part:
    """A lender in a mean, a run folder or a bundle, and what it counts for where the run that is exported counts 1."""

    lender: Path
    weight: float = 1.0

    @classmethod
    def parse(cls, written: str) -> Part:
        """Of "LENDER" or "LENDER=WEIGHT"; `UsageError` for a weight that is not above 0."""
        lender, sign, weight = written.rpartition("=")
        if not sign or Path(written).exists():
            return cls(Path(written))
        try:
            part = cls(Path(lender), float(weight))
        except ValueError:
            return cls(Path(written))
        if not (lender and math.isfinite(part.weight) and part.weight > 0):
            raise UsageError(f"{written}: a part of a mean is RUN=WEIGHT, and the weight a number above 0")
        return part

    def __str__(self) -> str:
        return self.lender.name if self.weight == 1 else f"{self.lender.name}={self.weight:g}"


def check_average(run: GlyphRun | LineRun, others: Sequence[Part]) -> None:
    """`TrainingError` where another lender reads other characters than a run."""
    for part in others:
        recipe = lender_recipe(part.lender)
        if (recipe.task, recipe.charset) != (run.recipe.task, run.recipe.charset):
            raise TrainingError(f"{part.lender}: reads other characters than {run.path}: the two cannot be averaged")


def load_averaged(run: GlyphRun | LineRun, others: Sequence[Part], samples: Iterable[npt.NDArray[np.uint8]]) -> Any:
    """The network of a run, its weights the mean of its own and those of others.

    A narrower network counts as the wider one that begins with it. `TrainingError` for networks of other shapes.
    `samples` are for bundles: see `load_lender`.
    """
    model = load_lender(run.path)
    if not others:
        return model
    samples, own = list(samples), model.get_weights()
    total = 1 + sum(part.weight for part in others)
    mean = [array / total for array in own]
    for part in others:
        arrays = load_lender(part.lender, samples).get_weights()
        if are_wider(own, arrays):
            arrays = widened(arrays, own)
        if [array.shape for array in arrays] != [array.shape for array in own]:
            raise TrainingError(f"{part.lender}: another network than {run.path}: the two cannot be averaged")
        mean = [sofar + array * (part.weight / total) for sofar, array in zip(mean, arrays, strict=True)]
    model.set_weights(mean)
    return model
