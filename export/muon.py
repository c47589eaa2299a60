"""The Muon optimizer for networks of convolutions; Keras' own takes matrices only, and kernels have four axes.

Muon (K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024) makes of every step of a
matrix one that goes as far in all of its directions. A kernel is for it the matrix of what goes in, patch by patch, by
what comes out. Steps are as long as those of AdamW, so that it may have the same learning rate (J. Liu et al., "Muon is
scalable for LLM training", 2025).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from .arithmetic import COARSE

_MOMENTUM = 0.95
_ROOT_MEAN_SQUARE = 0.2
"""Of a step, in learning rates: about what it is with AdamW."""

_ITERATIONS = 5
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the odd polynomial of the fifth degree that brings all singular values to between 0.7 and 1.2 (K. Jordan)."""


class ConvolutionMuon(keras.optimizers.AdamW):  # type: ignore[misc]
    """Muon for the kernels (height, width, channels in, channels out) of convolutions, AdamW for all else.

    Depthwise kernels, and those of a single channel in, are no matrices whose directions are to weigh the same; nor is
    that of the layer called `logits`.
    """

    def build(self, variables: Sequence[Any]) -> None:
        """Make what it remembers of each variable."""
        if self.built:
            return
        super().build(variables)
        self._steady = [
            self.add_variable_from_reference(variable, name="steady") if _is_matrix(variable) else None
            for variable in variables
        ]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step of a variable."""
        steady = self._steady[self._get_variable_index(variable)]
        if steady is None:
            super().update_step(gradient, variable, learning_rate)
            return
        gradient = ops.cast(gradient, variable.dtype)
        self.assign(steady, _MOMENTUM * steady + gradient)
        ahead = ops.reshape(gradient + _MOMENTUM * steady, (-1, variable.shape[-1]))
        pace = ops.cast(learning_rate, variable.dtype) * _ROOT_MEAN_SQUARE * max(ahead.shape) ** 0.5
        self.assign_sub(variable, pace * ops.reshape(_orthogonal(ahead), variable.shape))


def _is_matrix(variable: Any) -> bool:
    shape = variable.shape
    return len(shape) == 4 and shape[2] > 1 and shape[3] > 1 and "logits" not in variable.path


def _orthogonal(matrix: Any) -> Any:
    """Nearly U V of the singular value decomposition U S V of a matrix, by the iterations of Newton and Schulz."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(matrix) if tall else matrix
    # Coarse arithmetic will do: the singular values end anywhere around 1.
    x = ops.cast(x / (ops.norm(x) + 1e-7), COARSE)
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        square = x @ ops.transpose(x)
        x = a * x + (b * square + c * (square @ square)) @ x
    return ops.cast(ops.transpose(x) if tall else x, matrix.dtype)
