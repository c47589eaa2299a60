"""Ones with long flags and crossed sevens, as hands on the continent of Europe write them.

MNIST was written by Americans, and UNIPEN has few of them: a network that has seen neither takes such a one for a
seven. The two are drawn from strokes as people make them, up to the border between them: the flag of a one falls away
from its head, the bar of a seven lies level or rises.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_hwr.errors import RecipeError

from .sources import VALIDATION_SHARE, Picture, labels_of, write

Stroke = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Continental:
    """As many drawings as wished, half of them ones and half sevens."""

    labels: npt.NDArray[np.int16]
    validation: npt.NDArray[np.bool_]
    one: int
    name: str = "continental"

    @classmethod
    def load(cls, samples: int, charset: str) -> Continental:
        """`RecipeError` for a charset without 1 and 7."""
        one, seven = labels_of(["1", "7"], charset).tolist()
        if min(one, seven) < 0:
            raise RecipeError(
                "data: continental draws ones and sevens, and the charset lacks them: leave that source out"
            )
        numbers = np.arange(samples)
        return cls(np.where(numbers % 2, seven, one).astype(np.int16), numbers // 2 % VALIDATION_SHARE == 0, one)

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> Picture:
        strokes = flagged_one(rng) if self.labels[index] == self.one else crossed_seven(rng)
        return write(strokes, rng, camera=camera)


def flagged_one(rng: np.random.Generator) -> list[Stroke]:
    """Points (x, y), y down, in heights: up the flag from its tip to the head, and down the stem."""
    length, fall = rng.uniform(0.25, 0.65), np.deg2rad(rng.uniform(16, 60))
    tip = (-length * np.cos(fall), length * np.sin(fall))
    foot = (rng.normal(-0.08, 0.09), 1.0)
    flag = _bowed(tip, (0.0, 0.0), rng.normal(0, 0.05))
    stem = _bowed((0.0, 0.0), foot, rng.normal(0, 0.02))
    if rng.random() < 0.25:  # the pen is lifted, and does not come down where it left
        return [flag, stem + rng.normal(0, 0.03, 2).astype(np.float32)]
    return [np.concatenate([flag, stem[1:]])]


def crossed_seven(rng: np.random.Generator) -> list[Stroke]:
    """Points (x, y), y down, in heights: along the bar, down the stem, and mostly a dash across it."""
    length, rise = rng.uniform(0.4, 0.7), np.deg2rad(rng.uniform(-6, 12))
    start = (-length * np.cos(rise), length * np.sin(rise))
    foot = (-rng.uniform(0.12, 0.55), 1.0)
    bar = _bowed(start, (0.0, 0.0), rng.normal(0, 0.05))
    stem = _bowed((0.0, 0.0), foot, rng.normal(0.04, 0.04))
    strokes = [np.concatenate([bar, stem[1:]])]
    if rng.random() < 0.3:  # a serif where the bar begins
        strokes[0] = np.concatenate([[[start[0], start[1] + rng.uniform(0.05, 0.2)]], strokes[0]]).astype(np.float32)
    if rng.random() < 0.7:
        across, half = stem[len(stem) // 2] + rng.normal(0, 0.04, 2), rng.uniform(0.12, 0.28)
        tilt = rng.normal(0, 0.06)
        strokes.append(
            np.array([[across[0] - half, across[1] + tilt], [across[0] + half, across[1] - tilt]], np.float32)
        )
    return strokes


def _bowed(start: tuple[float, float], end: tuple[float, float], bow: float) -> Stroke:
    """Seven points of a slightly bent line; `bow` is how far its middle is off, in heights."""
    along = np.linspace(0, 1, 7)[:, None]
    a, b = np.array(start), np.array(end)
    across = np.array([a[1] - b[1], b[0] - a[0]]) / max(float(np.hypot(*(b - a))), 1e-6)
    return np.asarray(a + along * (b - a) + 4 * along * (1 - along) * bow * across, np.float32)
