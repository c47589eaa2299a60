"""Quantization-aware fine-tuning: a trained network learns to live with 8 bits before it is converted.

Batch norms are folded into their convolutions; then weights (per channel, symmetric) and activations (per tensor) are
rounded in the forward pass just as TFLite rounds them, while gradients pass straight through (B. Jacob et al.,
"Quantization and training of neural networks for efficient integer-arithmetic-only inference", CVPR 2018). The result
is an ordinary float network that loses little when it is converted as any other.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from edge_hwr.errors import TrainingError

from .augmentation import Augmenter
from .folding import WEIGHTED, call_on_inputs, fold_batch_norms
from .pool import Pool
from .quantize import Glyphs
from .recipe import Recipe

_STEPS = 800
_LEARNING_RATE = 3e-4


def finetune(model: keras.Model, recipe: Recipe, pool: Pool, calibration: Glyphs) -> keras.Model:
    """A float network of folded layers, the weights of which have been fine-tuned to be rounded.

    It learns from `model` alone, on augmented glyphs: what quantization must keep is what that says, right or wrong.
    With the labels it would go on training, and drift from the best epoch.
    """
    keras.utils.set_random_seed(recipe.seed)
    folded = fold_batch_norms(model)
    rounding = with_rounding(folded, calibration)
    optimizer = keras.optimizers.Adam(_LEARNING_RATE)
    rounding.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True), jit_compile=False)
    training = pool.select(~pool.validation)
    batch = min(recipe.training.batch, len(training))
    order = np.random.default_rng(recipe.seed).choice(len(training), (_STEPS, batch))
    height, width = training.glyphs.shape[1:]
    augment = Augmenter(recipe.augmentation, height=height, width=width, seed=recipe.seed)
    for step, rows in enumerate(order):
        optimizer.learning_rate.assign(_LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * step / _STEPS)))
        glyphs = augment(training.glyphs[rows])
        said = keras.ops.softmax(model.predict_on_batch(glyphs))
        loss = float(rounding.train_on_batch(glyphs, said))
        if not math.isfinite(loss):
            raise TrainingError(f"quantization-aware fine-tuning: the loss is {loss}; export with --method ptq")
    take_weights(folded, rounding)
    return folded


def with_rounding(folded: keras.Model, calibration: Glyphs) -> keras.Model:
    """A folded network whose weights, and activations over their range on calibration glyphs, are rounded to 8 bits."""
    ranges = _find_ranges(folded, calibration)

    def rounded(layer: keras.Layer) -> keras.Layer:
        if not isinstance(layer, WEIGHTED) and layer.name not in ranges:
            return type(layer).from_config(layer.get_config())
        return _Rounded(type(layer).from_config(layer.get_config()), ranges.get(layer.name))

    rounding = keras.models.clone_model(folded, clone_function=rounded, call_function=call_on_inputs)
    for layer in rounding.layers:
        if isinstance(layer, _Rounded):
            layer.inner.set_weights(folded.get_layer(layer.name).get_weights())
    return rounding


def take_weights(folded: keras.Model, rounding: keras.Model) -> None:
    """Give a folded network the weights that its rounding twin has learned."""
    for layer in rounding.layers:
        if isinstance(layer, _Rounded):
            folded.get_layer(layer.name).set_weights(layer.inner.get_weights())


class _Rounded(layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A layer whose kernel, if it has one, is rounded by channel, and its output over a range, if one is given."""

    def __init__(self, inner: keras.Layer, output_range: tuple[float, float] | None) -> None:
        super().__init__(name=inner.name)
        self.inner = inner
        self._output_range = output_range

    def build(self, input_shape: Any) -> None:
        self.inner.build(input_shape)
        self.built = True

    def call(self, inputs: Any) -> Any:
        values = [_round_weights(v) if v.path.endswith("kernel") else v for v in self.inner.trainable_variables]
        outputs, _ = self.inner.stateless_call(values, [], inputs)
        if self._output_range is None:
            return outputs
        low, high = self._output_range
        return tf.quantization.fake_quant_with_min_max_args(outputs, low, high, num_bits=8)


def _round_weights(kernel: Any) -> Any:
    """Round a kernel to -127..127 steps of its largest weight, for each output channel of its own."""
    kernel = tf.convert_to_tensor(kernel)
    # A depthwise kernel (height, width, channels, multiplier) has an output for each of its channels.
    depthwise = len(kernel.shape) == 4 and kernel.shape[-1] == 1
    flat = tf.reshape(kernel, kernel.shape[:-1] if depthwise else kernel.shape)
    largest = tf.stop_gradient(tf.reduce_max(tf.abs(flat), axis=list(range(len(flat.shape) - 1))))
    largest = tf.maximum(largest, 1e-6)
    rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(
        flat, -largest, largest, num_bits=8, narrow_range=True
    )
    return tf.reshape(rounded, kernel.shape)


def _find_ranges(folded: keras.Model, calibration: Glyphs) -> dict[str, tuple[float, float]]:
    """The ranges of those activations that TFLite keeps as int8 tensors, by layer.

    Not of what is merged with the layer that follows, and not of pooling by maximum, which has the range of its input.
    """
    merged = {
        id(layer.input)
        for layer in folded.layers
        if isinstance(layer, layers.ReLU | layers.Identity) and layer.input is not folded.inputs[0]
    }
    kept = [
        layer
        for layer in folded.layers
        if not isinstance(layer, layers.InputLayer | layers.MaxPooling2D) and id(layer.output) not in merged
    ]
    outputs = keras.Model(folded.inputs, [layer.output for layer in kept]).predict(
        calibration[..., np.newaxis].astype(np.float32) / 255, verbose=0
    )
    # Zero must be among the values: TFLite can say it exactly, as padding needs.
    return {
        layer.name: (min(float(values.min()), 0.0), max(float(values.max()), 1e-3))
        for layer, values in zip(kept, outputs, strict=True)
    }
