"""What an exported model is worth: measured on the validation glyphs through the runtime that the device uses."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_hwr.runtime import TfliteModel

from .candidates import Measurement
from .pool import Pool
from .quantize import stratify
from .sources import JUNK

_TIMED = 300
"""Single glyphs whose times are taken."""

_GOLDEN_TRIES = 8
"""Glyphs that are looked at for each golden one."""


def measure(flatbuffer: bytes, validation: Pool) -> Measurement:
    """Accuracy of a model on the validation glyphs; `ModelError` where the runtime refuses it."""
    model, times = TfliteModel(flatbuffer), []
    glyphs = validation.glyphs[..., np.newaxis]
    for glyph in glyphs[:_TIMED]:
        started = time.monotonic()
        model.invoke(glyph[np.newaxis])
        times.append(time.monotonic() - started)
    return Measurement(validation.accuracies(model.invoke(glyphs).argmax(axis=1)), 1e3 * float(np.median(times)))


def real_scores(flatbuffer: bytes, validation: Pool) -> npt.NDArray[np.float32]:
    """The logits (N, classes) that a model gives the validation glyphs."""
    model = TfliteModel(flatbuffer)
    raw = model.invoke(validation.glyphs[..., np.newaxis])
    return (raw.astype(np.float32) - model.output_zero_point) * np.float32(model.output_scale)


@dataclass(frozen=True, slots=True)
class Confidence:
    """What makes scores into confidences that mean something.

    `kept` is the share of rightly read glyphs at or above the threshold `reject_below`, `rejected_errors` and
    `rejected_junk` the shares of wrong and of meaningless ones below it (None where there are none).
    """

    temperature: float
    reject_below: float
    kept: float
    rejected_errors: float | None
    rejected_junk: float | None


def fit_confidence(scores: npt.NDArray[np.float32], labels: npt.NDArray[np.int16], *, keep: float) -> Confidence:
    """Fit temperature and threshold to logits (N, classes) of glyphs with labels (N,), some of them JUNK.

    The temperature has the least negative log likelihood on the characters (C. Guo et al., "On calibration of modern
    neural networks", ICML 2017); at the threshold the share `keep` of the rightly read ones is kept.
    """
    known = labels != JUNK
    temperature = fit_temperature(scores[known], labels[known])
    confidence = _softmax(scores / temperature).max(axis=1)
    right = known & (scores.argmax(axis=1) == labels)
    # Rounded down, so that quantized confidences that are equal to the threshold stay above it.
    threshold = float(np.quantile(confidence[right], 1 - keep, method="lower")) if right.any() else 0.0
    reject_below = round(math.floor(1e4 * threshold) / 1e4, 4)

    def rejected(which: npt.NDArray[np.bool_]) -> float | None:
        return float((confidence[which] < reject_below).mean()) if which.any() else None

    kept = float((confidence[right] >= reject_below).mean()) if right.any() else 0.0
    return Confidence(temperature, reject_below, kept, rejected(known & ~right), rejected(~known))


def fit_temperature(scores: npt.NDArray[np.float32], labels: npt.NDArray[np.int16]) -> float:
    """The temperature at which the softmax of logits (N, classes) is likeliest to give the labels (N,).

    One glyph in N is counted as of any label: otherwise a network that reads all N rightly would be quite certain.
    """
    low, high = np.log(0.05), np.log(20.0)
    # Golden-section search: the likelihood has one peak over the temperature's logarithm.
    ratio = (np.sqrt(5) - 1) / 2
    doubt = 1 / len(labels)
    while high - low > 1e-3:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if mean_nll(scores / np.exp(left), labels, doubt) < mean_nll(scores / np.exp(right), labels, doubt):
            high = right
        else:
            low = left
    return round(float(np.exp((low + high) / 2)), 4)


def mean_nll(scores: npt.NDArray[np.floating], labels: npt.NDArray[np.int16], doubt: float = 0.0) -> float:
    """Mean negative log likelihood of labels (N,) under the softmax of scores (N, classes); a share `doubt` of them is
    counted as of any label."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    aimed = (1 - doubt) * shifted[np.arange(len(labels)), labels] + doubt * shifted.mean(axis=1)
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - aimed))


def choose_golden(validation: Pool, model: TfliteModel, count: int) -> npt.NDArray[np.uint8]:
    """Golden inputs uint8 (K, height, width, 1): validation glyphs of each label in turn.

    Of some tries the surer half is taken: scores differ by a step or two between runtimes and processors, and what they
    decide must not.
    """
    known = np.flatnonzero(validation.labels != JUNK)
    tries = known[stratify(validation.labels[known].astype(np.int64)[:, np.newaxis], _GOLDEN_TRIES * count)]
    ranked = np.sort(model.invoke(validation.glyphs[tries][..., np.newaxis]).astype(np.float64), axis=1)
    margins = ranked[:, -1] - ranked[:, -2]
    sure = tries[margins >= np.median(margins)]
    chosen = sure[stratify(validation.labels[sure].astype(np.int64)[:, np.newaxis], count)]
    return validation.glyphs[chosen][..., np.newaxis]


def _softmax(scores: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
