"""The networks: backbones of plain Keras layers, built from the numbers of a recipe.

All take (N, 28, 28, 1) float32 in 0..1, white ink on black, and give (N, classes) logits. Activations are ReLU6, whose
fixed range quantizes well, and every convolution has a batch norm that the converter folds away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from .recipe import NetworkRecipe

Tensor = Any


def build_network(recipe: NetworkRecipe, *, height: int, width: int, classes: int) -> keras.Model:
    """The network of a recipe, with fresh weights (seed Keras before, for reproducible ones)."""
    inputs = keras.Input((height, width, 1), name="glyph")
    x = BACKBONES[recipe.backbone](inputs, recipe.stages)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    if recipe.dropout:
        x = layers.Dropout(recipe.dropout)(x)
    # What the loss is made of, in float32 whatever the rest reckons in.
    return keras.Model(inputs, layers.Dense(classes, dtype="float32", name="logits")(x), name=recipe.backbone)


def predict(model: keras.Model, glyphs: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Logits (N, classes) of glyphs (N, height, width)."""
    parts = [
        np.asarray(model.predict_on_batch(glyphs[at : at + 1000, ..., np.newaxis].astype(np.float32) / 255))
        for at in range(0, len(glyphs), 1000)
    ]
    return np.concatenate(parts)


def plain(x: Tensor, stages: tuple[tuple[int, ...], ...]) -> Tensor:
    """3x3 convolutions, max pooling between the stages."""
    for number, stage in enumerate(stages, start=1):
        if number > 1:
            x = layers.MaxPooling2D(2, name=f"pool{number - 1}")(x)
        for position, channels in enumerate(stage, start=1):
            x = _convolution(x, channels, f"conv{number}_{position}")
    return x


def vgg(x: Tensor, stages: tuple[tuple[int, ...], ...]) -> Tensor:
    """Like VGG: 3x3 convolutions and pooling after every stage, then a wide 1x1 convolution in place of its dense
    layers (which would hold most of the weights)."""
    for number, stage in enumerate(stages, start=1):
        for position, channels in enumerate(stage, start=1):
            x = _convolution(x, channels, f"conv{number}_{position}")
        x = layers.MaxPooling2D(2, padding="same", name=f"pool{number}")(x)
    return _convolution(x, 2 * stages[-1][-1], "wide", kernel=1)


def separable(x: Tensor, stages: tuple[tuple[int, ...], ...]) -> Tensor:
    """Like MobileNet: a full convolution, then depthwise and pointwise ones; the first of each stage has stride 2."""
    x = _convolution(x, stages[0][0], "conv1_1")
    for number, stage in enumerate(stages, start=1):
        for position, channels in enumerate(stage, start=1):
            if number == position == 1:
                continue
            stride, place = 2 if number > 1 and position == 1 else 1, f"{number}_{position}"
            x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False, name=f"depthwise{place}")(x)
            x = _norm(x)
            x = _convolution(x, channels, f"pointwise{place}", kernel=1)
    return x


def residual(x: Tensor, stages: tuple[tuple[int, ...], ...]) -> Tensor:
    """Like ResNet: blocks of two 3x3 convolutions around a shortcut; the first block of each stage has stride 2."""
    x = _convolution(x, stages[0][0], "conv0")
    for number, stage in enumerate(stages, start=1):
        for position, channels in enumerate(stage, start=1):
            stride, place = 2 if number > 1 and position == 1 else 1, f"{number}_{position}"
            shortcut = x
            if stride > 1 or x.shape[-1] != channels:
                shortcut = layers.Conv2D(channels, 1, strides=stride, use_bias=False, name=f"shortcut{place}")(x)
                shortcut = _batch_norm()(shortcut)
            y = _convolution(x, channels, f"conv{place}a", stride=stride)
            y = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"conv{place}b")(y)
            y = _batch_norm()(y)
            x = layers.ReLU(6.0)(layers.Add(name=f"add{place}")([shortcut, y]))
    return x


BACKBONES: dict[str, Callable[[Tensor, tuple[tuple[int, ...], ...]], Tensor]] = {
    "plain": plain,
    "vgg": vgg,
    "separable": separable,
    "residual": residual,
}


def _convolution(x: Tensor, channels: int, name: str, *, kernel: int = 3, stride: int = 1) -> Tensor:
    # Layers have names that say where they stand: the export tells by them which are noisy.
    x = layers.Conv2D(channels, kernel, strides=stride, padding="same", use_bias=False, name=name)(x)
    return _norm(x)


def _norm(x: Tensor) -> Tensor:
    return layers.ReLU(6.0)(_batch_norm()(x))


def _batch_norm() -> keras.Layer:
    # Statistics that follow quickly: the averaging of the weights during training smooths them, too.
    return layers.BatchNormalization(momentum=0.9)
