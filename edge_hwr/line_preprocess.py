"""The preprocessing of whole lines: a crop with one line of writing becomes the uint8 tensor that a line model takes.

Training, calibration, evaluation and the device all come through `prepare_line`, and a bundle carries the digest of
what it produces, as for glyphs (`edge_hwr.preprocess`). All of it is integer arithmetic on operations that OpenCV
defines to the bit, so the digest is the same on every processor and OpenCV version.

The paper is taken away and the ink brought to one strength; printed rules, which are longer than any stroke, are taken
out; then the writing is brought to one position, slope and size (`edge_hwr.writing_zone`). Narrow hands are widened and
wide ones narrowed, by half of what they differ by: how far their strokes stand apart is counted along the busiest rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from math import isqrt
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.errors import PictureError, UsageError
from edge_hwr.ink import Grey, above_print, open_rows, reduce_by
from edge_hwr.writing_zone import cut_zone, measure_zone

_WORKING_HEIGHT = 64
"""Crops are reduced by the whole factor that leaves at least so many rows."""

_LEAST_HEIGHT = 8
"""In fewer rows nobody can write."""

_BLOCK = 8
"""Side of the blocks whose brightness tells where the paper is, in pixels of the reduced crop."""

_PAPER_KERNEL = cv2.getStructuringElement(cv2.MORPH_RECT, (5, 5))
_RULE_KERNEL = cv2.getStructuringElement(cv2.MORPH_RECT, (5, 1))

_LEAST_CONTRAST = 26
"""A crop whose darkest pixels are nearer to its paper than this (of 255) holds no writing."""

_NOISE = 8
"""What is fainter than so many times the mean depth of the bare paper is its grain."""

_LEAST_DEAD_ZONE = 20
"""On the cleanest paper, what is fainter than this share (of 256) of the ink is none: smears and what shows through."""

_SHARE_OF = (255 * 256 // np.maximum(np.arange(256), 1)).astype(np.uint16)
"""What a pixel that is darker than paper of some brightness is multiplied by, in 1/256: its share, counted in 1/255."""

_STROKE = 110
"""Pixels of at least so much ink (of 255) belong to a stroke where strokes are counted."""

_BUSY = 10
"""One in so many rows is counted in, those that cross the most strokes."""


@dataclass(frozen=True, slots=True)
class LinePreprocessing:
    """What a line's tensor looks like.

    The writing is scaled so that `reach` sixteenths of the standard deviation of its ink's rows, above and below their
    mean, fill the `height` pixels, with `margin` bare columns at either end, and squeezed if it were wider than
    `widest`. The width in proportion is brought half the way (the geometric mean) to where the strokes stand `pitch`
    columns apart, by a quarter less or a third more at most; 0 leaves it. What is no stronger than the paper's grain is
    taken for paper, up to a share of `dead_zone` (of 256) of the ink's strength.
    """

    height: int = 48
    reach: int = 62
    margin: int = 8
    widest: int = 8192
    dead_zone: int = 72
    pitch: int = 12

    def __post_init__(self) -> None:
        sound = {
            "height": self.height >= 8,
            "reach": self.reach >= 16,
            "margin": 0 <= self.margin < self.widest // 2,
            "pitch": self.pitch >= 0,
        }
        wrong = [f"{name} = {getattr(self, name)}" for name, fine in sound.items() if not fine]
        if wrong:
            raise UsageError(f"line preprocessing: cannot be made with {', '.join(wrong)}")

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> LinePreprocessing:
        """The inverse of `to_json`; `UsageError` for keys or types it does not know."""
        known = {item.name for item in fields(cls)}
        wrong = [key for key, value in values.items() if key not in known or type(value) is not int]
        if wrong:
            raise UsageError(f"line preprocessing: cannot use {', '.join(sorted(wrong))}; update edge-hwr")
        # Models of before there was a pitch take lines in proportion.
        return cls(**{"pitch": 0, **values})


@dataclass(frozen=True, slots=True, eq=False)
class PreparedLine:
    """A line's tensor and where its pixels come from.

    `tensor` is uint8 (1, height, width, 1), ink 255 on paper 0; its columns show the crop's from `left`, `scale` of
    them each, and its rows the crop's `top` to `bottom` (at the middle of a line that climbs or falls). The width is 0
    where no writing was found.
    """

    tensor: NDArray[np.uint8]
    left: float = 0.0
    scale: float = 1.0
    top: float = 0.0
    bottom: float = 0.0

    @property
    def width(self) -> int:
        return int(self.tensor.shape[2])


def preprocess_line(grey: Grey, parameters: LinePreprocessing) -> NDArray[np.uint8]:
    """The tensor uint8 (1, height, width, 1) of a crop, uint8 (H, W), of one line: dark ink on lighter paper."""
    return prepare_line(grey, parameters).tensor


def prepare_line(grey: Grey, parameters: LinePreprocessing) -> PreparedLine:
    """The tensor of a crop as `preprocess_line` makes it, and the way back to pixels of the crop."""
    if grey.ndim != 2 or grey.dtype != np.uint8:
        raise PictureError(f"a line must be uint8 of shape (height, width), not {grey.dtype} of {grey.shape}")
    empty = PreparedLine(np.zeros((1, parameters.height, 0, 1), np.uint8))
    factor = max(grey.shape[0] // _WORKING_HEIGHT, 1)
    if grey.shape[0] < _LEAST_HEIGHT or grey.shape[1] < factor * _LEAST_HEIGHT // 2:
        return empty
    ink = _find_ink(reduce_by(np.ascontiguousarray(grey), factor), parameters.dead_zone)
    if ink is None:
        return empty
    zone = measure_zone(ink, parameters.reach)
    level = cut_zone(ink, zone)
    written = np.flatnonzero(cv2.reduce(level, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[0] > 255)
    if not len(written):
        return empty
    first, last = int(written[0]), int(written[-1]) + 1
    tensor = _scale(level[:, first:last], parameters)
    top = int(zone.tops(np.array([ink.shape[1] // 2]))[0])
    scale = factor * (last - first) / (tensor.shape[2] - 2 * parameters.margin)
    return PreparedLine(
        tensor,
        left=factor * first - parameters.margin * scale,
        scale=scale,
        top=factor * top,
        bottom=factor * (top + zone.rows),
    )


@cache
def line_preprocessing_digest(parameters: LinePreprocessing) -> str:
    """Sha256, in hexadecimal, of the tensors that these parameters make of fixed drawings on smooth and rough paper."""
    drawings = [_fixed_line(70), _fixed_line(150), _roughened(_fixed_line(70))]
    tensors = [preprocess_line(drawing, parameters) for drawing in drawings]
    return hashlib.sha256(b"".join(tensor.tobytes() for tensor in tensors)).hexdigest()


def _find_ink(grey: Grey, dead_zone: int) -> Grey | None:
    """Ink 255 on paper 0, whatever the light, without rules; None where there is none."""
    # Relative to the paper: in the shade ink is darker by less.
    paper = _paper(grey)
    darker = np.asarray(cv2.subtract(paper, grey), np.uint8)
    # No pixel is darker by more than all of the paper's brightness: 16 bits hold the product.
    shares = np.asarray(cv2.LUT(paper, _SHARE_OF), np.uint16)
    shares *= darker
    shares >>= 8
    depth = _without_rules(shares.astype(np.uint8))
    counts = cv2.calcHist([depth], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    # As many of the darkest pixels as the barest line has, however much paper there is around.
    darkest = int(256 - np.searchsorted(counts[::-1].cumsum(), grey.shape[0] ** 2 // 32 + 1))
    if darkest < _LEAST_CONTRAST:
        return None
    values = np.arange(256, dtype=np.int64)
    inked = counts * (values >= darkest // 2)
    strength = int((inked * values).sum() // inked.sum())
    bare = counts * (values < strength // 3)
    grain = _NOISE * int((bare * values).sum()) // max(int(bare.sum()), 1)
    floor = min(max(grain, strength * _LEAST_DEAD_ZONE >> 8), strength * dead_zone >> 8)
    table = (np.maximum(values - floor, 0) * 255 // max(strength - floor, 1)).clip(0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(depth, table), np.uint8)


def _paper(grey: Grey) -> Grey:
    """The brightness of the bare sheet, uint8 (H, W): block means, from which closing takes the strokes."""
    height, width = grey.shape
    padded = cv2.copyMakeBorder(grey, 0, -height % _BLOCK, 0, -width % _BLOCK, cv2.BORDER_REPLICATE)
    blocks = cv2.morphologyEx(reduce_by(np.asarray(padded, np.uint8), _BLOCK), cv2.MORPH_CLOSE, _PAPER_KERNEL)
    size = (blocks.shape[1] * _BLOCK, blocks.shape[0] * _BLOCK)
    return np.asarray(cv2.resize(blocks, size, interpolation=cv2.INTER_LINEAR_EXACT)[:height, :width], np.uint8)


def _without_rules(depth: Grey) -> Grey:
    """Less what is as dark all along a run half as long again as the crop is high: printed rules, no strokes."""
    # Gaps of four columns are bridged, for dotted ones. Each row stands alone: with several at once, for rules that
    # climb and ripple, a word written without lifting the pen would have one in its middle.
    bridged = cv2.morphologyEx(depth, cv2.MORPH_CLOSE, _RULE_KERNEL)
    rules = open_rows(np.asarray(bridged, np.uint8), min(depth.shape[0] * 3 // 2, depth.shape[1]))
    # Ink that is clearly darker than the rule under it loses nothing.
    return above_print(depth, rules, times=2)


def _scale(level: Grey, parameters: LinePreprocessing) -> NDArray[np.uint8]:
    """Scaled to the tensor's height, to a width up to its greatest, with bare columns at the ends."""
    rows, columns = level.shape
    height, room = parameters.height, parameters.widest - 2 * parameters.margin
    width = min(max(_width(level, height, parameters.pitch), 1), room)
    factor = max(min(rows // height, columns // width), 1)
    scaled = cv2.resize(reduce_by(level, factor), (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
    tensor = np.zeros((1, height, width + 2 * parameters.margin, 1), np.uint8)
    tensor[0, :, parameters.margin : parameters.margin + width, 0] = scaled
    return tensor


def _width(level: Grey, height: int, pitch: int) -> int:
    """Columns for a line of so many rows: in proportion, or half the way to its strokes standing `pitch` apart."""
    rows, columns = int(level.shape[0]), int(level.shape[1])
    width = (2 * columns * height + rows) // (2 * rows)
    if not pitch:
        return width
    inked = level >= _STROKE
    gaps = np.diff(np.flatnonzero(level.max(axis=0) >= _STROKE))
    # Words may stand as far apart as they like.
    written = int(np.minimum(gaps, rows // 2).sum())
    if not written:
        return width
    begun = (inked[:, 1:] > inked[:, :-1]).view(np.uint8)
    strokes = np.sort(cv2.reduce(begun, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel())[-max(rows // _BUSY, 1) :]
    wanted = isqrt(pitch * int(strokes.sum()) * width * columns // (len(strokes) * written))
    return min(max(wanted, width * 3 // 4), width * 4 // 3)


def _fixed_line(height: int) -> Grey:
    """A drawn line: strokes of several pens on shaded, ruled paper, climbing, with a piece of a neighbour above."""
    drawing = np.full((height, 12 * height), 220, np.uint8)
    drawing -= (np.arange(12 * height) * 60 // (12 * height)).astype(np.uint8)
    drawing[height * 3 // 4, :] -= 40
    drawing[height * 7 // 8, np.arange(12 * height) // 3 % 2 == 0] -= 35
    unit = height // 10
    for k in range(30):
        x, y = height // 2 + k * height // 3, height // 2 + height // 8 - k * height // 240
        pen = 1 + (k + height // 40) % (unit // 2 + 2)
        drawing[y - (3 + k % 3) * unit : y + unit, x : x + pen] = 60 + 2 * k
        drawing[y : y + pen, x : x + 2 * unit] = 80
    drawing[: unit // 2, 3 * height : 3 * height + unit] = 70
    return drawing


def _roughened(drawing: Grey) -> Grey:
    rows, columns = np.indices(drawing.shape)
    return np.asarray(drawing - (37 * rows + 59 * columns) % 41, np.uint8)
