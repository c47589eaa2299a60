"""How readily a line network says its blank and the space between words, fitted on validation lines.

CTC's blank is what most steps of training are, and a network says it too readily: characters and, above all, spaces are
left out more often than added. Two numbers in the bias of the last layer mend what that costs, and cost nothing on the
device.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from edge_hwr.metrics import character_error_rate

from .line_batches import pack, plan_batches
from .line_pool import LinePool
from .silence import silenced

_BLANK = (0.0, -0.25, -0.5, -0.75, -1.0)
_SPACE = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
_COLUMNS = 32768


def with_fitted_bias(model: Any, pool: LinePool, charset: str) -> tuple[Any, tuple[float, float]]:
    """The same network with what was added to the scores of the blank and of the space, and both numbers.

    Those are taken that make the mean character error rate over the groups of validation lines least, read greedily.
    """
    with silenced():
        import keras

        from .line_network import greedy_texts, predict_lines

    rows, space = np.flatnonzero(pool.validation), charset.index(" ")
    read = {offsets: dict[int, str]() for offsets in product(_BLANK, _SPACE)}
    for part in plan_batches(pool.widths[rows], _COLUMNS):
        chosen = rows[part].tolist()
        batch = pack([pool.line(row) for row in chosen], [""] * len(chosen), {})
        scores = predict_lines(model, batch.lines)
        for (blank_more, space_more), texts in read.items():
            moved = scores.copy()
            moved[..., -1] += blank_more
            moved[..., space] += space_more
            texts |= dict(zip(chosen, greedy_texts(moved, batch.steps.tolist(), charset), strict=True))
    best = min(read, key=lambda offsets: _mean_rate(read[offsets], pool))
    fitted = keras.models.clone_model(model)
    fitted.set_weights(model.get_weights())
    logits = fitted.get_layer("logits")
    kernel, bias = logits.get_weights()
    bias[-1] += best[0]
    bias[space] += best[1]
    logits.set_weights([kernel, bias])
    return fitted, best


def _mean_rate(read: dict[int, str], pool: LinePool) -> float:
    groups = {int(number) for number in pool.group[list(read)]}
    rates = []
    for number in groups:
        own = [row for row in read if pool.group[row] == number]
        rates.append(character_error_rate([pool.texts[row] for row in own], [read[row] for row in own]))
    return float(np.mean(rates))
