"""The pace of a training: its learning rate over time, and the averaged weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Weights = list[npt.NDArray[np.float32]]


def learning_rate_at(done: float, *, peak: float, warmup: float) -> float:
    """The learning rate when the share `done` of the training (0..1) is behind: linear warm-up over the share `warmup`,
    then half a cosine down to nearly nothing (I. Loshchilov & F. Hutter, "SGDR", ICLR 2017)."""
    if done < warmup:
        return peak * (0.05 + 0.95 * done / warmup)
    along = min((done - warmup) / (1 - warmup), 1.0)
    return peak * (0.002 + 0.998 * 0.5 * (1 + math.cos(math.pi * along)))


def update_average(average: Weights, weights: Sequence[npt.NDArray[np.float32]], keep: float) -> None:
    """Bring the average nearer to the weights, in place; it keeps the share `keep` of what it was."""
    for mean, weight in zip(average, weights, strict=True):
        mean += (1 - keep) * (weight - mean)
