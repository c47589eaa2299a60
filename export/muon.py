"""The Muon optimizer for networks of convolutions: Keras' own takes matrices only, and theirs are kernels of four axes.

Muon (K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024) makes of every step of a
matrix one that goes as far in all of its directions. A kernel is for it the matrix of what goes in, patch by patch, by
what comes out, as in K. Jordan's own convolutions. The rest is AdamW's: norms, biases, depthwise kernels, the first
and the last layer.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

_STEPS = 5
"""Iterations of Newton and Schulz, as Keras and all others have them."""


class ConvolutionMuon(keras.optimizers.Muon):  # type: ignore[misc]
    """Muon over the kernels (height, width, channels in, channels out) of convolutions, but for the last layer, that
    makes logits, and those of a single channel in: neither has directions that are to weigh the same."""

    def __init__(self, learning_rate: float, *, weight_decay: float, **options: Any) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, adam_weight_decay=weight_decay, **options)

    def _should_use_adamw(self, variable: Any) -> bool:
        shape = variable.shape
        return len(shape) != 4 or shape[-1] == 1 or shape[-2] == 1 or "logits" in variable.path

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        self.assign_add(m, ops.add(gradient, m * (self.momentum - 1)))
        ahead = ops.add(gradient, self.momentum * m)
        # Coarse arithmetic is enough: the iterations end anywhere between 0.7 and 1.2.
        matrix = ops.cast(ops.reshape(ahead, (-1, variable.shape[-1])), "bfloat16")
        update = ops.cast(self.zeropower_via_newtonschulz5(matrix, _STEPS), variable.dtype)
        update = self.lr_adjust(ops.cast(lr, variable.dtype) * update)
        self.assign_sub(variable, ops.reshape(update, variable.shape))
