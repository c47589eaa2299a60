"""From a Keras model to TFLite flatbuffers: float32, float16, dynamic-range, and full-integer int8.

The int8 model takes uint8 pictures as the preprocessing makes them (scale 1/255, zero point 0: the device feeds its
bytes as they are), gives int8 logits, has per-channel weights and no float operation anywhere. The batch size stays
free in all of them but the recurrent ones, and so does the width of lines; of int8 line models `column_blocks` then
makes what takes one line at a time.
"""

from __future__ import annotations

import contextlib
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from edge_hwr.errors import TrainingError

from .pool import Pool
from .silence import silenced

Precision = Literal["float32", "float16", "dynamic", "int8"]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

Method = Literal["auto", "ptq", "qat"]
"""How a model becomes int8: by calibration (post-training quantization), by quantization-aware fine-tuning, or by the
first of them that loses little enough."""

Glyphs = npt.NDArray[np.uint8]

_ANY_WIDTH = 512


def convert(model: Any, precision: Precision, calibration: Iterable[Glyphs]) -> bytes:
    """The flatbuffer of a Keras model that takes (N, height, width, 1) in 0..1, the width free or not.

    `calibration`, pictures uint8 (height, width) of one size, shows int8 the range of every activation; the others
    ignore it.
    """
    with silenced():
        import tensorflow as tf

    with _converter(model) as converter:
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if precision == "int8":
            converter.representative_dataset = lambda: _one_by_one(calibration)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.uint8
            converter.inference_output_type = tf.int8
        try:
            with silenced():
                return bytes(converter.convert())
        except Exception as error:  # whatever fails in TensorFlow, a full temporary folder as well, comes out anyhow
            what = str(error).strip().splitlines()[-1:] or [type(error).__name__]
            raise TrainingError(
                f"TensorFlow cannot convert the network to {precision} ({what[0]}): is the temporary folder "
                f"{tempfile.gettempdir()} full? TMPDIR names another"
            ) from error


def choose_calibration(pool: Pool, count: int, seed: int) -> Glyphs:
    """About `count` training glyphs, as many of each label (junk is one) and group as there are, in random order.

    Stratified, since a class that calibration has not seen is the one whose activations are clipped. The result spans
    exactly 0 to 255, without which the scale of the input would not be 1/255.
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.flatnonzero(~pool.validation))
    strata = np.stack([pool.labels[rows].astype(np.int64), pool.group[rows].astype(np.int64)], axis=1)
    chosen = rows[stratify(strata, count)]
    glyphs: Glyphs = pool.glyphs[chosen].copy()
    # A corner is bare in every glyph, so that these two values there are all but invisible to the network.
    glyphs[0, 0, 0], glyphs[0, 0, -1] = 0, 255
    return glyphs


def stratify(strata: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.intp]:
    """The first rows of each stratum (equal rows of (N, K)) in turn, `count` of them or all there are."""
    _, stratum = np.unique(strata, axis=0, return_inverse=True)
    order = np.argsort(stratum, kind="stable")
    starts = np.searchsorted(stratum[order], stratum[order])
    turn = np.empty(len(order), np.intp)
    turn[order] = np.arange(len(order)) - starts
    return np.argsort(turn, kind="stable")[:count]


def load_keras(path: Path) -> Any:
    """The Keras model in a file, to be converted or measured, not trained on."""
    with silenced():
        import keras

    try:
        return keras.models.load_model(path, compile=False)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise TrainingError(
            f"{path}: damaged, Keras cannot load it ({reason}): put it back, or train again in another folder"
        ) from error


@contextlib.contextmanager
def _converter(model: Any) -> Iterator[Any]:
    """A converter of the model, which it may read for as long as it is open."""
    import keras
    import tensorflow as tf

    if not any(isinstance(layer, keras.layers.Bidirectional) for layer in model.layers):
        yield tf.lite.TFLiteConverter.from_keras_model(_sized(model))
        return
    # TFLite loops over the steps of one picture only: what a loop carries must not change its shape.
    one = keras.InputSpec(shape=(1, *model.input_shape[1:]), dtype="float32")
    with tempfile.TemporaryDirectory() as folder:
        with silenced():
            model.export(folder, verbose=False, input_signature=[one])
        yield tf.lite.TFLiteConverter.from_saved_model(folder)


def _sized(model: Any) -> Any:
    """A model that takes pictures of any width, for pictures of one; a runtime resizes its input all the same.

    Of a dilated convolution over a free width the converter makes three operations and twenty that reckon their sizes,
    and leaves the batch norm behind it as two more, each rounded to 8 bits; over a known one it stays one.
    """
    import keras

    if model.input_shape[2] is not None:
        return model
    one = keras.Input(batch_shape=(1, model.input_shape[1], _ANY_WIDTH, 1))
    return keras.Model(one, model(one))


def _one_by_one(glyphs: Iterable[Glyphs]) -> Iterator[list[npt.NDArray[np.float32]]]:
    for glyph in glyphs:
        yield [glyph[np.newaxis, ..., np.newaxis].astype(np.float32) / np.float32(255)]
