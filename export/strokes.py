"""Pen strokes: recorded handwriting drawn again with any pen, at any size, in a slightly different hand.

A drawing is a list of strokes, each a float32 array (n, 2) of points x (right), y (down), in units of its nominal
height: the box of a character (its longer side) or the height of a line of text is 1.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge_hwr.errors import DatasetError
from edge_hwr.files import read_file

Strokes = Sequence[npt.NDArray[np.float32]]
Coverage = npt.NDArray[np.uint8]
"""How much of each pixel is under ink: 0 none, 255 all of it; (height, width)."""

SPACING = 0.05
"""Between two points of a stroke after resampling: short enough for width and ink to change without a visible step."""


@dataclass(frozen=True, slots=True, eq=False)
class StrokeSet:
    """Recorded drawings with their labels; `len()` of them, `strokes(i)` is one.

    `label`, `writer`, `test` (of a held-out writer) and `source` (who contributed it) are arrays of that length.
    """

    label: npt.NDArray[np.str_]
    writer: npt.NDArray[np.int32]
    test: npt.NDArray[np.bool_]
    source: npt.NDArray[np.str_]
    _points: npt.NDArray[np.float32]
    _stroke_ends: npt.NDArray[np.int64]
    _drawing_ends: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label)

    def strokes(self, index: int) -> list[npt.NDArray[np.float32]]:
        """The strokes of one drawing, in units of its nominal height."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        first = self._drawing_ends[index - 1] if index else 0
        ends = self._stroke_ends[first : self._drawing_ends[index]]
        start = self._stroke_ends[first - 1] if first else 0
        return np.split(self._points[start : ends[-1]], ends[:-1] - start)


@dataclass(frozen=True, slots=True)
class Pen:
    """What is written with. Lengths are in units of the nominal height, the rest are shares between 0 and 1."""

    width: float = 0.08
    pressure: float = 0.2
    """How much the width swells and shrinks along a stroke."""
    nib: float = 0.0
    """0 is a round nib; 1 a flat one, whose strokes along `nib_angle` (radians) are hairlines."""
    nib_angle: float = -0.6
    faintness: float = 0.0
    """How much ink is missing where the pen runs lightest."""
    skips: float = 0.0
    """Share of the way on which no ink flows at all."""
    grain: float = 0.0
    """How much of the tooth of the paper stays free of ink: pencils and dry felt pens."""

    @classmethod
    def random(cls, rng: np.random.Generator) -> Pen:
        """A ball pen, pencil, felt pen or fineliner, in about the shares in which people reach for them."""
        kind, size, pressure, faintness, grain, angle = rng.random(6)
        if kind < 0.45:  # ball pen
            skips = 0.06 * rng.random() if kind < 0.04 else 0.0
            return cls(
                0.045 + 0.065 * size, 0.35 * pressure, faintness=0.35 * faintness, skips=skips, grain=0.2 * grain
            )
        if kind < 0.65:  # pencil
            return cls(0.045 + 0.085 * size, 0.5 * pressure, faintness=0.6 * faintness, grain=0.15 + 0.55 * grain)
        if kind < 0.87:  # felt pen or marker
            nib = 0.7 * size if kind < 0.70 else 0.0
            return cls(0.09 + 0.08 * size, 0.25 * pressure, nib=nib, nib_angle=-1.2 * angle, grain=0.15 * grain)
        return cls(0.033 + 0.035 * size, 0.25 * pressure, faintness=0.3 * faintness)  # fineliner, hard pencil


def load_strokes(path: str | Path) -> StrokeSet:
    """Read a packed UNIPEN file: int16 points, delta-coded within each stroke, beside stroke and drawing lengths.

    Raises `DatasetError` for a file that is missing or packed otherwise.
    """
    try:
        with np.load(io.BytesIO(read_file(path)), allow_pickle=False) as packed:
            return _unpack(packed)
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file of strokes") from error
    except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(f"{path}: not a file of packed strokes, or a damaged one; fetch it again") from error


def distort_strokes(strokes: Strokes, rng: np.random.Generator, amount: float = 1.0) -> list[npt.NDArray[np.float32]]:
    """The same text in a slightly different hand: slanted, turned, stretched, bent, its strokes joined less exactly."""
    rotation, slant, aspect, grow, wave = amount * rng.normal(0.0, (0.055, 0.13, 0.11, 0.05, 0.018)).clip(-0.35, 0.35)
    cos, sin = np.cos(rotation), np.sin(rotation)
    stretch = np.exp([[grow + aspect], [grow - aspect]])
    matrix = (np.array([[cos, -sin], [sin, cos]]) @ np.array([[1.0, slant], [0.0, 1.0]]) * stretch).astype(np.float32)
    # One slow wave per axis across the sheet bends letters differently from place to place, but never folds them.
    direction = rng.normal(0.0, 5.0, (2, 2)).astype(np.float32)
    phase = rng.uniform(0.0, 2.0 * np.pi, 2).astype(np.float32)
    centre = np.float32(0.5)
    bent = []
    for stroke in strokes:
        points = _resample(stroke, SPACING * 2) - centre
        points = points + (0.6 * wave + 0.02 * amount) * np.sin(points @ direction + phase)
        loose = amount * rng.normal(0.0, 0.012, 2).clip(-0.03, 0.03)
        bent.append((points @ matrix.T + centre + loose).astype(np.float32))
    return bent


def draw_strokes(strokes: Strokes, rng: np.random.Generator, *, height_px: float, pen: Pen) -> Coverage:
    """Draw with a pen, a nominal height of 1 being `height_px` pixels; cropped to the ink, anti-aliased."""
    # Drawn larger and averaged down: lines of OpenCV have whole widths, and 1.7 px must not become 1 or 2.
    zoom = int(np.clip(np.ceil(160.0 / height_px), 2, 8))
    scale = height_px * zoom
    thickness = max(pen.width * scale, 0.7 * zoom)
    everything = np.concatenate(strokes) * scale
    low = np.floor((everything.min(axis=0) - thickness) / zoom) * zoom
    width, height = (np.ceil((everything.max(axis=0) + thickness - low) / zoom).astype(int) * zoom).tolist()
    canvas = np.zeros((height, width), np.uint8)
    for stroke in strokes:
        _draw_stroke(canvas, stroke * scale - low, rng, pen, thickness, SPACING * scale)
    ink = cv2.resize(canvas, (width // zoom, height // zoom), interpolation=cv2.INTER_AREA)
    if pen.grain > 0:
        ink = roughen(ink, rng, pen.grain)
    return _crop(ink.astype(np.uint8, copy=False))


def _unpack(packed: Any) -> StrokeSet:
    # Each is read once: an npz unpacks what it is asked for every time.
    strokes, drawings, points = packed["stroke_len"], packed["n_strokes"], packed["delta"]
    labels, scale = packed["label"], np.float32(packed["unit"] * packed["height"])
    if strokes.min(initial=1) < 1 or drawings.min(initial=1) < 1 or labels.dtype.kind != "U":
        raise ValueError("drawings without strokes, strokes without points, or labels that are no texts")
    if strokes.sum(dtype=np.int64) != len(points) or drawings.sum(dtype=np.int64) != len(strokes):
        raise ValueError("strokes of other lengths than there are points, or drawings of more strokes than there are")
    if not 0 < scale < np.inf:
        raise ValueError("drawings without a size")
    stroke_ends = np.cumsum(strokes, dtype=np.int64)
    drawing_ends = np.cumsum(drawings, dtype=np.int64)
    walk = np.cumsum(points, axis=0, dtype=np.int32)
    # The running sum goes on across strokes: take away what it was before each one.
    before = np.concatenate([np.zeros((1, 2), np.int32), walk[stroke_ends[:-1] - 1]])
    walk -= np.repeat(before, strokes, axis=0)
    if not len(labels) == len(packed["writer"]) == len(packed["test"]) == len(drawing_ends):
        raise ValueError("columns of different lengths")
    return StrokeSet(
        label=labels,
        writer=packed["writer"],
        test=packed["test"],
        source=packed["source_names"][packed["source"]],
        _points=walk.astype(np.float32) / scale,
        _stroke_ends=stroke_ends,
        _drawing_ends=drawing_ends,
    )


def _resample(stroke: npt.NDArray[np.float32], spacing: float) -> npt.NDArray[np.float32]:
    """Add points so that none are further apart than about `spacing`; the corners of the recording stay."""
    if len(stroke) < 2:
        return stroke
    pieces = np.maximum(np.ceil(np.hypot(*np.diff(stroke, axis=0).T) / spacing), 1).astype(np.intp)
    corners = np.concatenate([[0], np.cumsum(pieces)])
    at = np.arange(corners[-1] + 1)
    return np.stack([np.interp(at, corners, axis) for axis in stroke.T], axis=1).astype(np.float32)


def _draw_stroke(
    canvas: Coverage,
    stroke: npt.NDArray[np.float32],
    rng: np.random.Generator,
    pen: Pen,
    thickness: float,
    spacing: float,
) -> None:
    fixed = np.rint(stroke * 16).astype(np.int32)
    if len(stroke) == 1 or np.ptp(stroke, axis=0).max() < 0.3 * thickness:
        x, y = fixed.mean(axis=0).astype(int).tolist()
        cv2.circle(canvas, (x, y), round(thickness * 0.62 * 16), 255, -1, cv2.LINE_AA, 4)
        return
    if max(pen.pressure, pen.nib, pen.faintness, pen.skips) < 0.05:
        cv2.polylines(canvas, [fixed[:, None]], False, 255, max(round(thickness), 1), cv2.LINE_AA, 4)
        return
    points = _resample(stroke, spacing)
    steps = np.diff(points, axis=0)
    widths = thickness * (1.0 + pen.pressure * _wander(len(steps), rng))
    if pen.nib > 0:
        along = np.abs(np.cos(np.arctan2(steps[:, 1], steps[:, 0]) - pen.nib_angle))
        widths *= 1.0 - 0.75 * pen.nib * along
    ink = 255.0 * (1.0 - pen.faintness * (0.5 + 0.5 * _wander(len(steps), rng)))
    if pen.skips > 0:
        ink[_wander(len(steps), rng) > 1.0 - 2.0 * pen.skips] = 0.0
    fixed = np.rint(points * 16).astype(np.int32)
    # Faint first: where a line crosses itself or its own round caps overlap, the darker ink must stay on top.
    order = np.argsort(ink, kind="stable") if pen.faintness > 0 else np.arange(len(steps))
    ends = fixed.tolist()
    for step, value, width in zip(order.tolist(), ink[order].tolist(), widths[order].tolist(), strict=True):
        if value > 0:
            cv2.line(canvas, ends[step], ends[step + 1], value, max(round(width), 1), cv2.LINE_AA, 4)


def _wander(count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A smooth random course between -1 and 1, with a turn every eight steps or so."""
    knots = rng.uniform(-1.0, 1.0, 2 + count // 8)
    return np.interp(np.linspace(0.0, len(knots) - 1.0, count), np.arange(len(knots)), knots)


def roughen(ink: npt.NDArray[Any], rng: np.random.Generator, grain: float) -> Coverage:
    tooth = _tooth()
    height, width = ink.shape
    if height >= tooth.shape[0] or width >= tooth.shape[1]:
        tooth = np.tile(tooth, (height // tooth.shape[0] + 1, width // tooth.shape[1] + 1))
    y = int(rng.integers(tooth.shape[0] - height))
    x = int(rng.integers(tooth.shape[1] - width))
    free = cv2.multiply(ink, tooth[y : y + height, x : x + width], scale=grain / 255.0)
    return np.asarray(cv2.subtract(ink, free), np.uint8)


@cache
def _tooth() -> Coverage:
    """The roughness of paper: noise of one to three pixels, the same in every run."""
    noise = np.random.default_rng(7).random((512, 512), np.float32)
    rough = cv2.GaussianBlur(noise, (0, 0), 0.7) - 0.6 * cv2.GaussianBlur(noise, (0, 0), 2.5)
    return np.asarray((375.0 * (rough - rough.min()) / np.ptp(rough) - 60.0).clip(0, 255), np.uint8)


def _crop(ink: Coverage) -> Coverage:
    left, top, width, height = cv2.boundingRect((ink > 8).view(np.uint8))
    if width == 0:
        return ink
    return np.ascontiguousarray(ink[top : top + height, left : left + width])
