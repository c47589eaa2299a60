"""Batch norms, folded into the convolutions before them as every export does, and taken out again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

WEIGHTED = (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)

_KERNEL_SIZE = 0.2
"""Root mean square of a channel's kernel: about where AdamW at the recipes' pace keeps it, sqrt(rate / 2 / decay)."""

FoldedWeights = Mapping[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]
"""Kernel and bias of each layer that has weights, by the layer's name."""


def fold_batch_norms(model: keras.Model) -> keras.Model:
    """The same function without batch norms, each of which becomes weights and bias of the convolution before it."""
    norm_of = _norms(model)

    def bare(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, layers.BatchNormalization | layers.Dropout):
            return layers.Identity(name=layer.name)
        config = layer.get_config()
        if layer.name in norm_of:
            config["use_bias"] = True
        return type(layer).from_config(config)

    folded = keras.models.clone_model(model, clone_function=bare, call_function=call_on_inputs)
    for layer in model.layers:
        if layer.name in norm_of:
            folded.get_layer(layer.name).set_weights(_fold(layer, norm_of[layer.name]))
        elif isinstance(layer, WEIGHTED):
            folded.get_layer(layer.name).set_weights(layer.get_weights())
    return folded


def unfold_batch_norms(model: keras.Model, weights: FoldedWeights, samples: Iterable[npt.NDArray[np.uint8]]) -> None:
    """Give a network the weights of its folded twin, so that it computes the same and can be trained on.

    Mean and variance of each norm become those that its input has over `samples`, batches uint8 (B, height, width, 1).
    Trained with others, the network would change at once: in training a norm goes by what is in the batch.

    A norm undoes the scale of the kernel before it, and so all kernels are given one of `_KERNEL_SIZE`. The steps of
    AdamW are of one size: the small kernels that folding leaves would be thrown about.
    """
    norm_of = _norms(model)
    for name, (kernel, bias) in weights.items():
        layer = model.get_layer(name)
        if name not in norm_of:
            layer.set_weights([kernel, bias])
            continue
        inputs = (0, 1, 3) if isinstance(layer, layers.DepthwiseConv2D) else tuple(range(kernel.ndim - 1))
        gain = np.maximum(np.sqrt(np.square(kernel).mean(axis=inputs, keepdims=True)), 1e-6) / _KERNEL_SIZE
        layer.set_weights([kernel / gain])
        still, norm, gain = np.ones_like(bias), norm_of[name], gain.ravel()
        norm.set_weights([gain * np.sqrt(still + norm.epsilon), bias, 0 * still, still])
    names = list(norm_of)
    inner = keras.Model(model.input, [model.get_layer(name).output for name in names])
    count, sums = 0, [np.zeros((2, weights[name][1].size)) for name in names]
    for batch in samples:
        outputs = inner(batch.astype(np.float32) / 255, training=False)
        for moments, output in zip(sums, outputs if len(names) > 1 else [outputs], strict=True):
            values = np.asarray(keras.ops.convert_to_numpy(output), np.float64).reshape(-1, moments.shape[1])
            moments += values.mean(axis=0), np.square(values).mean(axis=0)
        count += 1
    if count == 0:
        return
    for name, (mean, square) in zip(names, (moments / count for moments in sums), strict=True):
        norm, variance = norm_of[name], np.maximum(square - mean**2, 0)
        gain = norm.get_weights()[0] / np.sqrt(1 + norm.epsilon)
        norm.set_weights([gain * np.sqrt(variance + norm.epsilon), weights[name][1] + gain * mean, mean, variance])


def call_on_inputs(layer: keras.Layer, *inputs: Any, **_: Any) -> Any:
    """Call a cloned layer on inputs alone: what replaces it knows nothing of a batch norm's `mask` or `training`."""
    return layer(*inputs)


def _norms(model: keras.Model) -> dict[str, keras.Layer]:
    """The batch norm behind each layer that has one, by that layer's name."""
    return {
        layer.name: norm
        for norm in model.layers
        if isinstance(norm, layers.BatchNormalization)
        for layer in model.layers
        if isinstance(layer, WEIGHTED) and layer.output is norm.input
    }


def _fold(layer: keras.Layer, norm: keras.Layer) -> list[npt.NDArray[np.float32]]:
    """Kernel and bias of a convolution with the batch norm behind it: y = gamma (x - mean) / deviation + beta."""
    kernel, *bias = layer.get_weights()
    gamma, beta, mean, variance = norm.get_weights()
    gain = gamma / np.sqrt(variance + norm.epsilon)
    shift = beta + gain * ((bias[0] if bias else 0) - mean)
    by_channel = gain.reshape(kernel.shape[2:]) if isinstance(layer, layers.DepthwiseConv2D) else gain
    return [kernel * by_channel, shift]
