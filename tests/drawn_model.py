"""A small int8 model that really reads digits, those drawn with OpenCV's fonts; it is trained in seconds."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_hwr.bundle import Metadata
from edge_hwr.layout import isolate_glyph
from edge_hwr.preprocess import GlyphPreprocessing, preprocess_glyphs, preprocessing_digest

DIGITS = "0123456789"


def describe(**changes: object) -> Metadata:
    """Metadata of a digits model with the given fields changed."""
    preprocessing = GlyphPreprocessing()
    fields: dict[str, object] = {
        "name": "drawn",
        "task": "glyph",
        "height": preprocessing.height,
        "width": preprocessing.width,
        "polarity": "white-on-black",
        "preprocessing": preprocessing.to_json(),
        "preprocessing_digest": preprocessing_digest(preprocessing),
        "charset": DIGITS,
        "temperature": 1.0,
        "reject_below": 0.0,
        "precision": "int8",
        "metrics": {"int8": {"drawn": {"samples": 16, "accuracy": 1.0}}},
        "recipe": {},
        "versions": {},
    }
    return Metadata(**{**fields, **changes})  # type: ignore[arg-type]


def draw_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Tensors of digits in OpenCV's fonts, slanted and turned a little, in random order."""
    rng = np.random.default_rng(5)
    parameters = GlyphPreprocessing()
    tensors, classes = [], []
    for _ in range(160):
        for digit in range(10):
            paper = np.full((96, 96), 215, np.uint8)
            font = int(rng.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX]))
            cv2.putText(paper, str(digit), (30, 66), font, 1.7, (50,), int(rng.integers(2, 6)), cv2.LINE_AA)
            turn = cv2.getRotationMatrix2D((48, 48), float(rng.uniform(-10, 10)), float(rng.uniform(0.6, 1.0)))
            turn[0, 1] += rng.uniform(-0.2, 0.2)
            drawn = np.asarray(cv2.warpAffine(paper, turn, (96, 96), borderValue=(215,)), np.uint8)
            tensors.append(preprocess_glyphs(isolate_glyph(drawn), parameters)[0])
            classes.append(digit)
    order = rng.permutation(len(classes))
    return np.stack(tensors)[order], np.asarray(classes)[order]


def network(keras):  # type: ignore[no-untyped-def]
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.Conv2D(16, 3, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )


def train(pictures: NDArray[np.uint8], classes: NDArray[np.int64]) -> bytes:
    keras = pytest.importorskip("keras", reason="models are trained with the extra `export`")
    tf = pytest.importorskip("tensorflow")
    keras.utils.set_random_seed(1)
    model = network(keras)
    samples = pictures.astype(np.float32) / 255
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(samples, classes, batch_size=32, epochs=8, verbose=0)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[np.newaxis]] for sample in samples[:200])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type, converter.inference_output_type = tf.uint8, tf.int8
    flatbuffer: bytes = converter.convert()
    return flatbuffer
