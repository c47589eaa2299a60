"""What an exported line model is worth: measured on validation lines through the runtime that the device uses."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from edge_hwr.ctc import decode_sections
from edge_hwr.line_runtime import LineModel

from .candidates import Measurement
from .line_pool import LinePool
from .silence import silenced

_TEMPERATURE_LINES = 150
"""Validation lines that the temperature is fitted to."""

_TEMPERATURES = np.exp(np.linspace(np.log(0.5), np.log(4), 25))


def measure_lines(flatbuffer: bytes, pool: LinePool, charset: str) -> Measurement:
    """Character error rate of a model on the validation lines; `ModelError` where the runtime refuses it."""
    model, times = LineModel(flatbuffer), []
    read: dict[int, str] = {}
    for row in np.flatnonzero(pool.validation).tolist():
        line = pool.line(row)[np.newaxis, ..., np.newaxis]
        started = time.monotonic()
        scores = model.scores(line, 1.0)  # the temperature is fitted to the precision that is chosen, later
        times.append(time.monotonic() - started)
        read[row] = decode_sections(scores, charset).text
    return Measurement(pool.error_rates(read), 1e3 * float(np.median(times)))


def fit_line_temperature(flatbuffer: bytes, pool: LinePool, charset: str) -> float:
    """The temperature at which the texts of validation lines are likeliest (C. Guo et al., "On calibration of modern
    neural networks", ICML 2017), by the probability that CTC gives them over all their paths."""
    rows = np.random.default_rng(0).permutation(np.flatnonzero(pool.validation))[:_TEMPERATURE_LINES].tolist()
    model = LineModel(flatbuffer)
    scores = [model.scores(pool.line(row)[np.newaxis, ..., np.newaxis], 1.0) for row in rows]
    texts = [pool.texts[row] for row in rows]
    losses = [_mean_loss(scores, texts, charset, float(temperature)) for temperature in _TEMPERATURES]
    return round(float(_TEMPERATURES[int(np.argmin(losses))]), 4)


def _mean_loss(scores: list[npt.NDArray[np.float32]], texts: list[str], charset: str, temperature: float) -> float:
    """Mean negative log likelihood of the texts, as training computes it."""
    with silenced():
        import tensorflow as tf

    index = {character: number for number, character in enumerate(charset)}
    steps = [len(row) for row in scores]
    padded = np.zeros((len(scores), max(steps), scores[0].shape[1]), np.float32)
    for row, line in zip(padded, scores, strict=True):
        row[: len(line)] = line / temperature
    labels = tf.ragged.constant([[index[character] for character in text] for text in texts], tf.int32)
    losses = tf.compat.v1.nn.ctc_loss(
        labels.to_sparse(), padded, steps, time_major=False, ignore_longer_outputs_than_inputs=True
    )
    return float(tf.reduce_mean(losses))
