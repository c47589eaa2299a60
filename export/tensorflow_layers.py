"""Layers that Keras computes slowly in training on a processor, written for TensorFlow: the same weights and function.

A batch norm of Keras is a dozen passes over its input, where TensorFlow has one kernel; a convolution of single pixels
has gradients that a product of matrices has in half the time; and one along the only row there is runs on one thread
over columns, and on all of them once columns are called rows.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from keras import activations, layers

_LEAST_CHANNELS = 48
"""With fewer the kernel of bfloat16 is a slow one, and that of float32 is not."""


class FusedBatchNormalization(layers.BatchNormalization):  # type: ignore[misc]
    """A batch norm over all but the last axis of (B, height, width, channels), in one pass while it trains."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not training or not self.trainable or len(inputs.shape) != 4:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs if inputs.shape[-1] >= _LEAST_CHANNELS else tf.cast(inputs, tf.float32),
            scale=tf.cast(self.gamma, tf.float32),
            offset=tf.cast(self.beta, tf.float32),
            mean=tf.zeros(0),
            variance=tf.zeros(0),
            epsilon=self.epsilon,
            is_training=True,
        )
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            # A step that gives no number, which trainings leave out, must not stay in here.
            moving.assign(moving * self.momentum + tf.where(tf.math.is_finite(now), now, moving) * (1 - self.momentum))
        return tf.cast(outputs, inputs.dtype)


class PointwiseConv2D(layers.Conv2D):  # type: ignore[misc]
    """A convolution; one of single pixels is reckoned as a product of matrices."""

    def call(self, inputs: Any) -> Any:
        single = self.kernel_size == self.strides == (1, 1) and self.groups == 1
        if not single or self.activation is not activations.linear:
            return super().call(inputs)
        kernel = tf.cast(self.kernel, inputs.dtype)[0, 0]
        outputs = tf.reshape(inputs, (-1, inputs.shape[-1])) @ kernel
        if self.use_bias:
            outputs += tf.cast(self.bias, outputs.dtype)
        return tf.reshape(outputs, tf.concat([tf.shape(inputs)[:-1], (self.filters,)], 0))


class RowDepthwiseConv2D(layers.DepthwiseConv2D):  # type: ignore[misc]
    """A depthwise convolution along pictures of one row, (B, 1, columns, channels), dilated or not."""

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        height, kernel = self.kernel_size
        plain = self.padding == "same" and self.strides == (1, 1) and not self.use_bias and self.depth_multiplier == 1
        self._is_row = input_shape[1] == height == 1 and kernel % 2 == 1 and plain

    def call(self, inputs: Any) -> Any:
        if not self._is_row:
            return super().call(inputs)
        columns, dilation = tf.shape(inputs)[2], self.dilation_rate[1]
        # Columns a dilation apart come to stand one above the other.
        padded = tf.pad(tf.squeeze(inputs, 1), ((0, 0), (0, -columns % dilation), (0, 0)))
        above = tf.reshape(padded, (tf.shape(inputs)[0], -1, dilation, inputs.shape[-1]))
        weights = tf.transpose(tf.cast(self.kernel, inputs.dtype), (1, 0, 2, 3))
        outputs = tf.reshape(tf.nn.depthwise_conv2d(above, weights, (1, 1, 1, 1), "SAME"), tf.shape(padded))
        return tf.expand_dims(outputs[:, :columns], 1)
