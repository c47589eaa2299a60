"""From many timings to few numbers, and how sure they are.

Timings come in blocks: runs that were made one directly after the other. Runs of a block resemble each other more than
those of different blocks (the clock, the caches, the neighbours are the same), so a block counts as one observation
where it matters: in the bootstrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_hwr.metrics import percentiles

HISTOGRAM_BINS = 40
LEAST_BLOCKS = 5
"""Fewer blocks than this say nothing about the noise."""

_RESAMPLES = 4000


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times longer the second of two measurements takes than the first, and its 95 % interval."""

    value: float
    low: float
    high: float


def summarise(blocks: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Percentiles, maximum, mean, block medians and histogram of the timings of all blocks, in their own unit.

    The histogram has equal bins from its `low` to its `high` (the 99th percentile); `beyond` counts what is above.
    """
    values = np.concatenate([np.asarray(block, np.float64) for block in blocks])
    low, high = float(values.min()), float(np.percentile(values, 99))
    counts, _ = np.histogram(values, HISTOGRAM_BINS, (low, high if high > low else low + 1e-9))
    return {
        "runs": len(values),
        **percentiles(values),
        "max": float(values.max()),
        "mean": float(values.mean()),
        "blocks": [float(np.median(block)) for block in blocks],
        "histogram": {"low": low, "high": high, "counts": counts.tolist(), "beyond": int((values > high).sum())},
    }


def bootstrap_ratio(before: Sequence[float], after: Sequence[float], rng: np.random.Generator) -> Ratio:
    """Ratio of the medians of two sets of block medians, with its percentile bootstrap interval.

    B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979. ValueError for none.
    """
    if not (len(before) and len(after)):
        raise ValueError("no blocks of runs")
    resampled = _medians(after, rng) / _medians(before, rng)
    low, high = np.percentile(resampled, (2.5, 97.5))
    return Ratio(float(np.median(after) / np.median(before)), float(low), float(high))


def _medians(blocks: Sequence[float], rng: np.random.Generator) -> NDArray[np.float64]:
    values = np.asarray(blocks, np.float64)
    return np.asarray(np.median(rng.choice(values, (_RESAMPLES, len(values))), axis=1), np.float64)
