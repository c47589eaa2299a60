"""Twins of a network's layers that learn as a training wants them to: in less time, or with batch norms held.

Only trainings run on them; what is kept and exported is made of Keras' own layers.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from .backend import on_tensorflow


def quickened(model: keras.Model, *, hold_norms: bool = False) -> keras.Model:
    """A network of the same layers, weights and outputs that is trained in less time, where TensorFlow trains it.

    With `hold_norms` its batch norms use their means and variances in training as when they are read with, and keep
    them; their gains and offsets are learned.
    """
    twins = _twins()
    if hold_norms:
        twins = twins | {layers.BatchNormalization: HeldBatchNormalization}

    def twin(layer: Any) -> Any:
        return twins.get(type(layer), type(layer)).from_config(layer.get_config())

    quick = keras.models.clone_model(model, clone_function=twin)
    quick.set_weights(model.get_weights())
    for layer, own in zip(model.layers, quick.layers, strict=True):
        own.trainable = layer.trainable
    return quick


class HeldBatchNormalization(layers.BatchNormalization):  # type: ignore[misc]
    """A batch norm that always uses the means and variances it was given, and goes on learning gain and offset."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        gain = self.gamma * ops.rsqrt(self.moving_variance + self.epsilon)
        offset = self.beta - gain * self.moving_mean
        return inputs * ops.cast(gain, inputs.dtype) + ops.cast(offset, inputs.dtype)


def _twins() -> dict[Any, Any]:
    """By class, the layers that are quicker on the backend of Keras."""
    if not on_tensorflow():
        return {}
    from .tensorflow_layers import FusedBatchNormalization, PointwiseConv2D, RowDepthwiseConv2D

    return {
        layers.BatchNormalization: FusedBatchNormalization,
        layers.Conv2D: PointwiseConv2D,
        layers.DepthwiseConv2D: RowDepthwiseConv2D,
    }
