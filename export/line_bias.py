"""How readily a line network says its blank and the space between words, fitted on validation lines.

CTC's blank is what most steps of training are, and a network says it too readily: characters and, above all, spaces are
left out more often than added. Two numbers in the bias of the last layer mend what that costs, and cost nothing on the
device.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from .line_batches import validation_batches
from .line_pool import LinePool
from .silence import silenced

_BLANK = (0.0, -0.25, -0.5, -0.75, -1.0)
_SPACE = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)


def fit_bias(model: Any, pool: LinePool, charset: str) -> tuple[float, float]:
    """Change a network's bias for the blank and for the space; gives what was added to either.

    Those numbers are taken that make the mean character error rate over the groups of validation lines least, read
    greedily.
    """
    with silenced():
        from .line_network import greedy_texts, predict_lines

    space = charset.index(" ")
    read = {offsets: dict[int, str]() for offsets in product(_BLANK, _SPACE)}
    for rows, batch in validation_batches(pool):
        scores = predict_lines(model, batch.lines)
        for (blank_more, space_more), texts in read.items():
            moved = scores.copy()
            moved[..., -1] += blank_more
            moved[..., space] += space_more
            texts |= dict(zip(rows, greedy_texts(moved, batch.steps.tolist(), charset), strict=True))
    best = min(read, key=lambda offsets: sum(pool.error_rates(read[offsets]).values()))
    logits = model.get_layer("logits")
    kernel, bias = logits.get_weights()
    bias[-1] += best[0]
    bias[space] += best[1]
    logits.set_weights([kernel, bias])
    return best
