"""The quick twins of layers compute, learn and remember what Keras' own do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="training needs the extra `export`")

import keras
import tensorflow as tf
from keras import layers

from edge_hwr.export.line_network import build_line_network
from edge_hwr.export.line_recipe import LineNetworkRecipe
from edge_hwr.export.networks import build_network
from edge_hwr.export.quick_training import quickened
from edge_hwr.export.recipe import NetworkRecipe

LINE = LineNetworkRecipe(((8,), (12,), (16,)), features=64, context=(1, 2, 4), dropout=0.0)


def lines() -> Any:
    keras.utils.set_random_seed(3)
    model = build_line_network(LINE, height=16, classes=7)
    for weight in model.weights:  # layers of context do nothing at first
        if weight.path.endswith("gamma"):
            weight.assign(np.random.default_rng(1).uniform(0.5, 1.5, weight.shape))
    return model


def glyphs() -> Any:
    keras.utils.set_random_seed(3)
    return build_network(NetworkRecipe("separable", ((8, 60), (64,))), height=16, width=16, classes=7)


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        pytest.param(lines, (3, 16, 64, 1), id="lines"),
        pytest.param(lines, (3, 16, 52, 1), id="lines of columns that no dilation divides"),
        pytest.param(glyphs, (9, 16, 16, 1), id="glyphs"),
    ],
)
def test_a_step_of_training_is_the_same(build: Any, shape: tuple[int, ...]):
    model = build()
    quick = quickened(model)
    batch = np.random.default_rng(2).random(shape, np.float32)

    # Of any height and width, as batches are in training.
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 1))])
    def step(inputs: Any) -> Any:
        taught = []
        for network in (model, quick):
            with tf.GradientTape() as tape:
                scores = network(inputs, training=True)
                loss = tf.reduce_sum(tf.nn.log_softmax(scores)[..., 0])
            taught.append((scores, tape.gradient(loss, network.trainable_variables)))
        return taught

    (own, gradients), (quick_own, quick_gradients) = step(batch)
    assert np.allclose(own, quick_own, atol=1e-3)
    for variable, expected, found in zip(model.trainable_variables, gradients, quick_gradients, strict=True):
        size = float(np.abs(expected).max()) + 1e-2
        assert np.abs(expected - found).max() < 5e-3 * size, variable.path
    for before, after in zip(model.get_weights(), quick.get_weights(), strict=True):
        # TensorFlow counts variances over one sample less.
        assert np.allclose(before, after, rtol=2e-2, atol=1e-4)
    assert np.allclose(model(batch, training=False), quick(batch, training=False), rtol=1e-2, atol=1e-2)


def test_layers_that_rest_go_on_resting():
    model = lines()
    model.layers[2].trainable = False
    quick = quickened(model)
    assert [layer.trainable for layer in quick.layers] == [layer.trainable for layer in model.layers]
    before = quick.layers[2].get_weights()
    quick(np.random.default_rng(2).random((3, 16, 64, 1), np.float32), training=True)
    assert all(np.array_equal(one, other) for one, other in zip(before, quick.layers[2].get_weights(), strict=True))


def test_convolutions_of_single_pixels_are_products_of_matrices():
    inputs = keras.Input((1, None, 6))
    quick = quickened(keras.Model(inputs, layers.Conv2D(5, 1)(layers.Conv2D(8, 1, use_bias=False)(inputs))))
    graph = tf.function(quick).get_concrete_function(tf.TensorSpec((None, 1, None, 6))).graph
    kinds = [operation.type for operation in graph.get_operations()]
    assert kinds.count("MatMul") == 2
    assert "Conv2D" not in kinds


def test_other_depthwise_convolutions_stay_what_they_are():
    inputs = keras.Input((1, None, 5))
    strided = layers.DepthwiseConv2D((1, 3), strides=2, padding="same")(inputs)
    model = keras.Model(inputs, layers.DepthwiseConv2D((1, 3), depth_multiplier=2)(strided))
    row = np.random.default_rng(2).random((2, 1, 20, 5), np.float32)
    assert np.array_equal(model(row), quickened(model)(row))


def test_other_convolutions_stay_what_they_are():
    inputs = keras.Input((4, None, 6))
    first = layers.Conv2D(8, 1, strides=2)(inputs)
    second = layers.Conv2D(8, 1, groups=2, activation="relu")(first)
    model = keras.Model(inputs, layers.Conv2D(5, (2, 1))(second))
    picture = np.random.default_rng(2).random((2, 4, 20, 6), np.float32)
    assert np.array_equal(model(picture), quickened(model)(picture))


def test_a_batch_without_numbers_is_not_remembered():
    quick = quickened(lines())
    before = quick.get_weights()
    quick(np.full((2, 16, 64, 1), np.nan, np.float32), training=True)
    for kept, weight in zip(before, quick.get_weights(), strict=True):
        assert np.allclose(kept, weight)


def test_norms_that_are_held_are_those_of_reading_and_learn_their_gains():
    model = lines()
    held = quickened(model, hold_norms=True)
    batch = np.random.default_rng(2).random((3, 16, 64, 1), np.float32)
    with tf.GradientTape() as tape:
        scores = held(batch, training=True)
        loss = tf.reduce_sum(tf.nn.log_softmax(scores)[..., 0])
    gradients = tape.gradient(loss, held.trainable_variables)
    assert np.allclose(scores, model(batch, training=False), rtol=1e-4, atol=1e-4)
    assert all(np.array_equal(*pair) for pair in zip(held.get_weights(), model.get_weights(), strict=True))
    learned = dict(zip((variable.path for variable in held.trainable_variables), gradients, strict=True))
    gains = [np.abs(gradient).max() for path, gradient in learned.items() if path.endswith("gamma")]
    assert len(gains) == 10
    assert min(gains) > 0
