"""Hands: text in an open font, written so that no two characters are alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from .fonts import set_text
from .paper import Light
from .sheets import Colour
from .strokes import Coverage, roughen

FINER = 3
"""Glyphs are bent and thickened this much larger than they are written, so that no edge is stepped."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Who writes: a font made personal by size (height of a figure, pixels), slant, weight and unsteadiness."""

    font: Path
    size: float
    slant: float = 0.0
    weight: float = 0.12
    grain: float = 0.15
    wobble: float = 1.0


class Mark(NamedTuple):
    """One character on a sheet: its ink, where its upper left corner is, its colour and the index of its line."""

    text: str
    coverage: Coverage
    left: int
    top: int
    colour: Colour
    line: int


def write_line(
    text: str, hand: Hand, start: tuple[float, float], colour: Colour, rng: np.random.Generator, line: int = 0
) -> Iterator[Mark]:
    """Write from a start on the baseline to the right, no two characters alike."""
    x, baseline = start
    climb = 0.01 * hand.wobble * rng.standard_normal()
    for character in text:
        if character.isspace():
            x += hand.size * 0.6
            continue
        y = baseline + climb * (x - start[0]) + 0.025 * hand.wobble * hand.size * rng.standard_normal()
        mark, advance = write_glyph(character, hand, (x, y), colour, rng, line)
        yield mark
        x += advance + hand.size * (0.13 + 0.03 * hand.wobble * rng.standard_normal())


def write_glyph(
    character: str, hand: Hand, start: tuple[float, float], colour: Colour, rng: np.random.Generator, line: int
) -> tuple[Mark, float]:
    """One character as this hand writes it this time, and how far the pen moves on (pixels)."""
    unsteady = hand.wobble * rng.normal(0.0, (0.035, 0.05, 0.035, 0.04, 0.04))
    size = hand.size * FINER * (1.0 + unsteady[0])
    inked = set_text(hand.font, character, size)
    pad = int(0.3 * size) + FINER
    high, wide = (-(-(length + 2 * pad) // FINER) * FINER for length in inked.coverage.shape)
    left, top = start[0] * FINER + inked.left - pad, start[1] * FINER + inked.top - pad
    corner = (int(left // FINER), int(top // FINER))
    # Down the columns: sample where each pixel of the written glyph was in the font's, some way off on a smooth course.
    down, across = np.mgrid[0:high, 0:wide].astype(np.float32)
    down -= np.float32(top - corner[1] * FINER + high / 2)
    across -= np.float32(left - corner[0] * FINER + wide / 2)
    knots = rng.normal(0.0, 0.03 * hand.wobble * size, (3, 3, 2)).astype(np.float32)
    bend = cv2.resize(knots, (wide, high), interpolation=cv2.INTER_CUBIC)
    sheared = across * np.float32(1.0 + unsteady[3]) + down * np.float32(hand.slant + unsteady[1])
    turned = down * np.float32(1.0 + unsteady[4]) + across * np.float32(unsteady[2])
    middle = (inked.coverage.shape[1] / 2, inked.coverage.shape[0] / 2)
    bent = cv2.remap(
        inked.coverage, sheared + bend[..., 0] + middle[0], turned + bend[..., 1] + middle[1], cv2.INTER_LINEAR
    )
    ink = cv2.resize(_thicken(bent, hand.weight, size), (wide // FINER, high // FINER), interpolation=cv2.INTER_AREA)
    flow = cv2.resize(
        rng.uniform(0.78, 1.0, (3, 3)).astype(np.float32), ink.shape[::-1], interpolation=cv2.INTER_LINEAR
    )
    coverage = roughen(np.asarray(ink * flow, np.uint8), rng, hand.grain)
    return Mark(character, coverage, corner[0], corner[1], colour, line), inked.advance / FINER


def _thicken(ink: npt.NDArray[Any], weight: float, size: float) -> Light:
    """Round the corners as a pen does, and let the stroke grow by the weight."""
    soft = cv2.GaussianBlur(ink, (0, 0), 0.012 * size + 0.03 * size * weight + 0.5)
    edge = max(0.5 - 1.3 * weight, 0.17)
    return np.asarray((soft * np.float32(3.5 / 255.0) - 3.5 * edge + 0.5).clip(0, 1) * 255, np.float32)
