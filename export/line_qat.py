"""Quantization-aware fine-tuning of line models, with the rounding of `qat`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from edge_hwr.errors import TrainingError

from .folding import fold_batch_norms
from .line_batches import plan_epoch, prepare_lines
from .line_pool import LinePool
from .line_recipe import LineRecipe
from .qat import take_weights, with_rounding

_STEPS = 700
_LEARNING_RATE = 2e-4
_COLUMNS = 16384
"""Columns of pixels to a batch: in float32, with its teacher beside it."""

_RANGED, _RANGE_WIDTH = 60, 768
"""Lines, and columns of each, that show the ranges of activations: all of these are held at once."""


def finetune_lines(
    model: keras.Model, recipe: LineRecipe, pool: LinePool, calibration: Sequence[npt.NDArray[np.uint8]]
) -> keras.Model:
    """A float network of folded layers, the weights of which have been fine-tuned to be rounded.

    As for glyphs it learns from `model` alone: at each step of each line, what that says is what is to be kept.
    `TrainingError` when the loss is no number any more.
    """
    keras.utils.set_random_seed(recipe.seed)
    folded = fold_batch_norms(model)
    rounding = with_rounding(folded, _ranged(calibration, recipe.seed))
    optimizer = keras.optimizers.Adam(_LEARNING_RATE, global_clipnorm=1.0)
    optimizer.build(rounding.trainable_variables)
    learn = _step_function(model, rounding, optimizer)
    rng = np.random.default_rng(recipe.seed)
    batches, stretches = plan_epoch(pool, _COLUMNS, recipe.augmentation.stretch, rng)
    while len(batches) < _STEPS:
        batches += batches
    prepared = prepare_lines(pool, batches[:_STEPS], stretches, recipe.charset, recipe.augmentation, recipe.seed)
    for step, batch in enumerate(prepared):
        optimizer.learning_rate.assign(_LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * step / _STEPS)))
        loss = float(learn(batch.lines, batch.steps))
        if not math.isfinite(loss):
            raise TrainingError(f"quantization-aware fine-tuning: the loss is {loss}; export with --method ptq")
    take_weights(folded, rounding)
    return folded


def _ranged(calibration: Sequence[npt.NDArray[np.uint8]], seed: int) -> npt.NDArray[np.uint8]:
    """Some of the calibration lines, cut or padded to one width: (N, height, width)."""
    chosen = np.random.default_rng(seed).permutation(len(calibration))[:_RANGED]
    lines = np.zeros((len(chosen), calibration[0].shape[0], _RANGE_WIDTH), np.uint8)
    for row, index in zip(lines, chosen.tolist(), strict=True):
        line = calibration[index][:, :_RANGE_WIDTH]
        row[:, : line.shape[1]] = line
    return lines


def _step_function(model: keras.Model, rounding: keras.Model, optimizer: Any) -> Any:
    """One step of training as a graph for lines of any number and width; gives the cross entropy per step of output."""

    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[tf.TensorSpec((None, None, None, 1), tf.uint8), tf.TensorSpec((None,), tf.int32)]
    )
    def learn(lines: Any, steps: Any) -> Any:
        inputs = tf.cast(lines, tf.float32) / 255.0
        said = tf.nn.softmax(model(inputs, training=False)[:, 0])
        own = tf.cast(tf.sequence_mask(steps, tf.shape(said)[1]), tf.float32)
        with tf.GradientTape() as tape:
            scores = rounding(inputs, training=True)[:, 0]
            losses = tf.nn.softmax_cross_entropy_with_logits(said, scores)
            loss = tf.reduce_sum(losses * own) / tf.reduce_sum(own)
        gradients = tape.gradient(loss, rounding.trainable_variables)
        optimizer.apply_gradients(zip(gradients, rounding.trainable_variables, strict=True))
        return loss

    return learn
