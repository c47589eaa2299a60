"""The step of `line_step` as a graph of TensorFlow, whose classic CTC kernel is the quickest there is on processors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from .line_loss import divergence, inconsistency
from .line_recipe import LineTrainingRecipe


def graph_step(model: Any, optimizer: Any, *, both: Any | None, pace: LineTrainingRecipe) -> Callable[..., Any]:
    """One step of training for lines of any number and width; gives the loss per character.

    `both`, if there is a teacher, gives the scores of the model and of it. A step whose loss or gradient is no number
    trains no weights, and gives no number.
    """

    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[
            tf.TensorSpec((None, None, None, 1), tf.uint8),
            tf.TensorSpec((None,), tf.int32),
            tf.TensorSpec((None,), tf.int32),
            tf.TensorSpec((None,), tf.int32),
        ]
    )
    def step(lines: Any, steps: Any, labels: Any, lengths: Any) -> Any:
        with tf.GradientTape() as tape:
            outputs = (both or model)(tf.cast(lines, tf.float32) / 255.0, training=True)
            scores = tf.cast((outputs[0] if both else outputs)[:, 0], tf.float32)
            # The classic kernel over sparse labels: Keras' own loss takes ten times as long on a processor.
            losses = tf.compat.v1.nn.ctc_loss(
                tf.RaggedTensor.from_row_lengths(labels, lengths).to_sparse(),
                scores,
                steps,
                time_major=False,
                ignore_longer_outputs_than_inputs=True,
            )
            loss = tf.reduce_sum(losses)
            if both:
                apart = tf.reduce_sum(divergence(tf.cast(outputs[1][:, 0], tf.float32), scores, steps))
                loss = (1 - pace.teacher_share) * loss + pace.teacher_share * apart
            if pace.consistency:
                loss += pace.consistency * tf.reduce_sum(inconsistency(scores, steps))
            loss = loss / tf.cast(tf.reduce_sum(lengths), tf.float32)
        gradients = tape.gradient(loss, model.trainable_variables)
        sound = tf.math.is_finite(loss) & tf.math.is_finite(tf.linalg.global_norm(gradients))

        def learn() -> Any:
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            return loss

        return tf.cond(sound, learn, lambda: tf.constant(math.nan))

    return step  # type: ignore[no-any-return]
