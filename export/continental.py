"""Ones with long flags, crossed sevens and curled nines, as hands on the continent of Europe write them.

MNIST was written by Americans, and UNIPEN has few of them: a network that has seen none takes such a one for a seven,
and a nine whose tail curls back under its loop for a nought. Ones and sevens are drawn from strokes as people make
them, near the border between them but not up to it, for the hand that writes them bends and turns them yet: the flag
of a one falls away from its head, the bar of a seven lies level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_hwr.errors import RecipeError

from .sources import VALIDATION_SHARE, Picture, labels_of, write

Stroke = npt.NDArray[np.float32]

_TURN = (0, 1, 0, 1, 2)
"""Which of the three figures each drawing is of, in turn."""


@dataclass(frozen=True, slots=True, eq=False)
class Continental:
    """As many drawings as wished: of each five two ones, two sevens and a nine."""

    labels: npt.NDArray[np.int16]
    validation: npt.NDArray[np.bool_]
    name: str = "continental"

    @classmethod
    def load(cls, samples: int, charset: str) -> Continental:
        """`RecipeError` for a charset without 1, 7 and 9."""
        classes = labels_of(["1", "7", "9"], charset)
        if classes.min() < 0:
            raise RecipeError(
                "data: continental draws ones, sevens and nines, and the charset lacks them: leave that source out"
            )
        numbers = np.arange(samples)
        return cls(classes[[_TURN[turn] for turn in numbers % len(_TURN)]], numbers // 5 % VALIDATION_SHARE == 0)

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> Picture:
        strokes = (flagged_one, crossed_seven, curled_nine)[_TURN[index % len(_TURN)]](rng)
        return write(strokes, rng, camera=camera)


def flagged_one(rng: np.random.Generator) -> list[Stroke]:
    """Points (x, y), y down, in heights: up the flag from its tip to the head, and down the stem."""
    length, fall = rng.uniform(0.25, 0.6), np.deg2rad(rng.uniform(30, 62))
    tip = (-length * np.cos(fall), length * np.sin(fall))
    foot = (rng.normal(-0.08, 0.09), 1.0)
    bow = rng.normal(0, 0.05)
    flag = _bowed(tip, (0.0, 0.0), bow)
    stem = _bowed((0.0, 0.0), foot, rng.normal(0, 0.02))
    if rng.random() < 0.2:  # begun at the head: the pen goes down the flag and, nearly on its own trace, up again
        flag = np.concatenate([_bowed((0.0, 0.0), tip, rng.normal(0.02, 0.02) - bow), flag[1:]])
    if rng.random() < 0.25:  # the pen is lifted, and does not come down where it left
        return [flag, stem + rng.normal(0, 0.03, 2).astype(np.float32)]
    return [np.concatenate([flag, stem[1:]])]


def crossed_seven(rng: np.random.Generator) -> list[Stroke]:
    """Points (x, y), y down, in heights: along the bar, down the stem, and mostly a dash across it."""
    length, rise = rng.uniform(0.4, 0.7), np.deg2rad(rng.uniform(-8, 7))
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


def curled_nine(rng: np.random.Generator) -> list[Stroke]:
    """Points (x, y), y down, in heights: round the loop from its upper right, down, and back under it to the left."""
    wide, high = rng.uniform(0.21, 0.31), rng.uniform(0.29, 0.38)
    turn = np.linspace(np.deg2rad(-35), np.deg2rad(-35 - rng.uniform(300, 370)), 24)
    loop = np.stack([wide * np.cos(turn), high + high * np.sin(turn)], axis=1)
    top = (wide * rng.uniform(0.85, 1.1), rng.uniform(0.0, 0.2))
    bend = (wide * rng.uniform(0.8, 1.05), rng.uniform(0.72, 0.88))
    tip = (-wide * rng.uniform(0.6, 2.0), rng.uniform(0.84, 1.06))
    tail = _bowed(bend, tip, -rng.uniform(0.08, 0.2))
    return [np.concatenate([loop, _bowed(top, bend, rng.normal(0, 0.02)), tail[1:]]).astype(np.float32)]


def _bowed(start: tuple[float, float], end: tuple[float, float], bow: float) -> Stroke:
    """Seven points of a slightly bent line; `bow` is how far its middle is off, in heights."""
    along = np.linspace(0, 1, 7)[:, None]
    a, b = np.array(start), np.array(end)
    across = np.array([a[1] - b[1], b[0] - a[0]]) / max(float(np.hypot(*(b - a))), 1e-6)
    return np.asarray(a + along * (b - a) + 4 * along * (1 - along) * bow * across, np.float32)
