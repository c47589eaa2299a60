"""The line network: plain Keras layers, convolutions all the way, so that int8 TFLite takes lines of any width.

It takes (N, height, width, 1) float32 in 0..1, white ink on black, and gives logits (N, 1, steps, classes), one step
for every 4 columns, the last class being CTC's blank. Convolutions with batch norm and ReLU6 shrink the picture to a
sequence; depthwise-separable layers with residual connections and growing dilation then look left and right, as far as
a word or two. All layers are 2-D: of 1-D ones TFLite's converter makes reshapes that fix the width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from .line_recipe import LineNetworkRecipe

Tensor = Any

_SEQUENCE = "sequence"
"""The convolution that makes one row of all that are left."""

CONTEXT_ARRAYS, CONTEXT_GAIN = 10, 6
"""A layer of context has so many arrays of weights: two convolutions with four of a batch norm after each. This one of
them, the second norm's gamma, is what all that it adds is multiplied by."""


def build_line_network(recipe: LineNetworkRecipe, *, height: int, classes: int) -> keras.Model:
    """The network of a recipe, with fresh weights; `classes` counts the blank."""
    inputs = keras.Input((height, None, 1), name="line")
    x, rows = inputs, height
    for number, stage in enumerate(recipe.stages):
        for position, channels in enumerate(stage):
            strides = (1, 1) if position else (2, 2) if number < 2 else (2, 1)
            rows = -(-rows // strides[0])
            y = _norm(layers.Conv2D(channels, 3, strides=strides, padding="same", use_bias=False)(x))
            x = layers.Add()([x, y]) if position and x.shape[-1] == channels else y
    x = _norm(layers.Conv2D(recipe.features, (rows, 1), use_bias=False, name=_SEQUENCE)(x))
    for dilation in recipe.context:
        y = layers.DepthwiseConv2D((1, recipe.kernel), padding="same", dilation_rate=(1, dilation), use_bias=False)(x)
        y = _norm(y)
        y = _batch_norm()(layers.Conv2D(recipe.features, 1, use_bias=False)(y))
        if recipe.dropout:
            y = layers.SpatialDropout2D(recipe.dropout / 2)(y)
        x = layers.Add()([x, y])
    x = layers.ReLU(6.0)(x)
    if recipe.recurrent:
        x = _recurrent(x, recipe.recurrent)
    if recipe.dropout:
        x = layers.Dropout(recipe.dropout)(x)
    logits = layers.Conv2D(classes, 1, name="logits")(x)
    return keras.Model(inputs, layers.Activation("linear", dtype="float32", name="scores")(logits), name="line")


def keep_stages(model: keras.Model, stages: Sequence[Sequence[int]]) -> None:
    """Hold the first stages as they are, these: neither their weights nor their batch norms change in training."""
    left = sum(map(len, stages))
    for layer in model.layers:
        left -= isinstance(layer, layers.Conv2D)
        if left < 0:
            return
        layer.trainable = False


def with_teacher(model: keras.Model, teacher: keras.Model, *, same_stages: bool) -> keras.Model:
    """A network that gives the scores of `model` and, beside them, those of a teacher, which learns nothing.

    With `same_stages` those of the model are the teacher's as well, and look once for both.
    """
    teacher.trainable = False
    if not same_stages:
        named = keras.Model(teacher.input, teacher.output, name="teacher")
        return keras.Model(model.input, [model.output, named(model.input)])
    begin = teacher.get_layer(_SEQUENCE).input
    seen = model.get_layer(_SEQUENCE).input
    return keras.Model(model.input, [model.output, keras.Model(begin, teacher.output)(seen)])


def predict_lines(model: keras.Model, lines: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Logits (B, steps, classes) of lines (B, height, width, 1) of one width."""
    scores = model(lines.astype(np.float32) / 255, training=False)
    return np.asarray(keras.ops.convert_to_numpy(scores), np.float32)[:, 0]


def greedy_texts(logits: npt.NDArray[np.float32], steps: Sequence[int], charset: str) -> list[str]:
    """The best path of each line, equal neighbours merged and blanks dropped (A. Graves et al., ICML 2006)."""
    texts, blank = [], len(charset)
    for path, count in zip(logits.argmax(axis=2), steps, strict=True):
        path = path[:count]
        kept = path[(np.diff(path, prepend=blank) != 0) & (path != blank)]
        texts.append("".join(charset[index] for index in kept.tolist()))
    return texts


def _recurrent(x: Tensor, units: Sequence[int]) -> Tensor:
    x = layers.Reshape((-1, x.shape[-1]))(x)
    for count in units:
        # bfloat16 is too coarse for what is added up over a hundred steps.
        x = layers.Bidirectional(layers.LSTM(count, return_sequences=True, dtype="float32"), dtype="float32")(x)
    return layers.Reshape((1, -1, x.shape[-1]))(x)


def _norm(x: Tensor) -> Tensor:
    return layers.ReLU(6.0)(_batch_norm()(x))


def _batch_norm() -> keras.Layer:
    return layers.BatchNormalization(momentum=0.95)
