"""How readily a line network says nothing: an offset of its blank, fitted on validation.

A network trained with CTC leaves out characters far more often than it makes some up: the blank is the safe thing to
say, between characters and wherever one is in doubt. Lowering its score by a constant evens that out and costs nothing,
being part of the last convolution's bias. (Decoders of speech know it as blank penalty: icefall's `blank_penalty`.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_hwr.ctc import decode_sections

from .line_batches import validation_batches
from .line_pool import LinePool
from .silence import silenced

_OFFSETS = (0.0, -0.1, -0.2, -0.3, -0.4, -0.5, -0.6, -0.7, -0.8, -0.9, -1.0)
"""In natural logarithms of odds, the smallest change first."""

_INDIFFERENT = 2e-4
"""The smallest change is taken that is no more than so far from the best, in character error rate: between such chance
decides, and a language model has a bonus of its own against texts that are too short."""

_LEAST_LINES = 40
"""Of each group that counts: of fewer, chance would choose."""


def fit_blank_offset(model: Any, pool: LinePool, charset: str) -> float:
    """What to add to the blank's scores so that the validation lines of the pool are read best: with the least mean of
    their groups' character error rates, or nearly. 0 where no group has lines enough to tell."""
    scores = _scores_of_validation(model, pool)
    rates = [_mean_rate(scores, offset, pool, charset) for offset in _OFFSETS] if scores else [0.0]
    return next(offset for offset, rate in zip(_OFFSETS, rates, strict=False) if rate <= min(rates) + _INDIFFERENT)


def add_to_blank(model: Any, offset: float) -> None:
    """Move the blank's bias of a network in place."""
    logits = model.get_layer("logits")
    kernel, bias = logits.get_weights()
    bias[-1] += np.float32(offset)
    logits.set_weights([kernel, bias])


def _scores_of_validation(model: Any, pool: LinePool) -> dict[int, npt.NDArray[np.float32]]:
    """Logits (steps, classes) of the validation lines of each group that counts, by their rows in the pool."""
    with silenced():
        from .line_network import predict_lines

    counted = np.flatnonzero(np.bincount(pool.group[pool.validation]) >= _LEAST_LINES)
    if not len(counted):
        return {}
    scores: dict[int, npt.NDArray[np.float32]] = {}
    for rows, batch in validation_batches(pool):
        predicted = zip(rows, predict_lines(model, batch.lines), batch.steps.tolist(), strict=True)
        scores |= {row: one[:count] for row, one, count in predicted if pool.group[row] in counted}
    return scores


def _mean_rate(
    scores: dict[int, npt.NDArray[np.float32]], offset: float, pool: LinePool, labels: Sequence[str]
) -> float:
    moved = np.zeros(len(labels) + 1, np.float32)
    moved[-1] = offset
    rates = pool.error_rates({row: decode_sections(one + moved, labels).text for row, one in scores.items()})
    return float(np.mean(list(rates.values())))
