"""From raw scores to text and confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Decoder:
    """Turns the raw outputs of a glyph model into class indices and confidences.

    Scores are logits; the confidence is the softmax at the bundle's `temperature` (C. Guo et al., "On calibration of
    modern neural networks", ICML 2017). Quantized scores are real = scale * (raw - zero point): the zero point cancels
    in the softmax, and only `scale` is needed. Float models have a scale of 1.
    """

    scale: float
    temperature: float

    def decode(self, raw: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Best class and its confidence for raw scores (N, C); both (N,)."""
        best = raw.argmax(axis=1)
        shifted = raw.astype(np.float32)
        shifted -= shifted[np.arange(len(raw)), best][:, np.newaxis]
        shifted *= self.scale / self.temperature
        return best, 1.0 / np.exp(shifted, out=shifted).sum(axis=1)

    def probabilities(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Softmax at the bundle's temperature, (N, C)."""
        scaled = raw.astype(np.float32) * (self.scale / self.temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        np.exp(scaled, out=scaled)
        return np.asarray(scaled / scaled.sum(axis=1, keepdims=True), np.float32)
