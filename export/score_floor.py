"""A floor under the scores of a line network, so that eight bits are spent on what is likely.

Training drives the scores of impossible characters down without end: hundreds below the best one, where the few that
are in question lie within ten. Rounded to 256 steps over all that, neighbours would look the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .silence import silenced

DEPTH = 12.0
"""How far, in natural logarithms of probability, scores are told apart below the faintest best one."""

_LINES = 40


def with_floor(model: Any, calibration: Sequence[npt.NDArray[np.uint8]]) -> Any:
    """The same network with scores counted from a floor `DEPTH` below the least best score of any step of the lines
    (height, width); what is under it becomes 0.

    Only differences between the scores of a step count, and the ReLU costs nothing: TFLite merges it with the
    convolution.
    """
    with silenced():
        import keras

        from .line_network import predict_lines

    best = [predict_lines(model, line[np.newaxis, ..., np.newaxis]).max(axis=2).min() for line in calibration[:_LINES]]
    floor = float(min(best)) - DEPTH
    logits = model.get_layer("logits")
    floored = keras.layers.Conv2D.from_config(logits.get_config() | {"activation": "relu"})
    scores = model.get_layer("scores")
    output = scores.__class__.from_config(scores.get_config())(floored(logits.input))
    kernel, bias = logits.get_weights()
    floored.set_weights([kernel, bias - np.float32(floor)])
    return keras.Model(model.input, output, name=model.name)
