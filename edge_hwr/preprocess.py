"""The one preprocessing: crops of a frame become the uint8 batch that a glyph model takes.

Training, calibration, evaluation and the device all come through `preprocess_glyphs`, and a bundle carries the digest
of what it produces, so that a model never meets tensors made in another way than those it learned from. All of it is
integer arithmetic on operations that OpenCV defines to the bit (whole-factor area means, `INTER_LINEAR_EXACT`), so the
digest is the same on every processor and OpenCV version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.errors import UsageError
from edge_hwr.ink import Grey, Ink, reduce_by
from edge_hwr.layout import Layout, isolate_glyph

Batch = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class GlyphPreprocessing:
    """What a glyph's tensor looks like.

    `height` x `width` pixels with at least `margin` bare pixels all round; `dead_zone` is the share (of 256) of the
    ink's strength below which paper grain is taken for paper; strokes thinner than `thinnest` or thicker than
    `thickest` (in 1/16 pixel of the tensor) are thickened or thinned by up to one pixel on each side.
    """

    height: int = 28
    width: int = 28
    margin: int = 2
    dead_zone: int = 30
    thinnest: int = 40
    thickest: int = 80

    def __post_init__(self) -> None:
        if self.margin < 1:
            raise UsageError(f"preprocessing: a margin of {self.margin}: one pixel at least is left bare")
        if self.margin * 2 >= min(self.height, self.width):
            raise UsageError(f"preprocessing: a margin of {self.margin} leaves no room in {self.width}x{self.height}")

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> GlyphPreprocessing:
        """The inverse of `to_json`; `UsageError` for keys or types it does not know."""
        known = {item.name for item in fields(cls)}
        wrong = [key for key, value in values.items() if key not in known or type(value) is not int]
        if wrong:
            raise UsageError(f"preprocessing: cannot use {', '.join(sorted(wrong))}; update edge-hwr")
        return cls(**values)


def preprocess_glyphs(found: Layout, parameters: GlyphPreprocessing) -> Batch:
    """Make the batch of a layout's glyphs: uint8 (N, height, width, 1), ink 255 on paper 0, in the layout's order.

    Each glyph is scaled to fit the tensor less its margin, keeping its proportions, and centred by its box; ink of
    neighbours and of ruling is left out; contrast and stroke width are normalised.
    """
    count = len(found)
    if count == 0:
        return np.zeros((0, parameters.height, parameters.width, 1), np.uint8)
    canvas = _place(found, parameters)
    _stretch(canvas, parameters.dead_zone)
    _normalise_strokes(canvas, parameters)
    return canvas[..., np.newaxis]


def preprocess_glyph(grey: Grey, parameters: GlyphPreprocessing) -> Batch:
    """The tensor (1, height, width, 1) of the one glyph of a crop, uint8 (H, W); (0, ...) where that is bare paper."""
    return preprocess_glyphs(isolate_glyph(grey), parameters)


@cache
def preprocessing_digest(parameters: GlyphPreprocessing) -> str:
    """Sha256, in hexadecimal, of the batch that these parameters make of a fixed drawing."""
    return hashlib.sha256(preprocess_glyphs(_fixed_layout(), parameters).tobytes()).hexdigest()


def _fixed_layout() -> Layout:
    """Eight drawn glyphs of many sizes and pens, boxes given: it tests the preprocessing, whatever layout does."""
    drawing = np.full((160, 640), 214, np.uint8)
    drawing -= (np.arange(640) // 16).astype(np.uint8)  # light that falls off across the sheet
    boxes = np.zeros((8, 4), np.int32)
    for k in range(8):
        x, pen, half = 40 + 80 * k, 1 + k, 8 + 8 * k
        drawing[80 - half : 80 + half, x : x + pen] = 60 + 8 * k
        drawing[80 + half - pen : 80 + half, x - 10 - 3 * k : x + 12] = 90
        drawing[80 - k : 80 + 2 * k, x : x + 12 + k] = 75 + 8 * k
        boxes[k] = x - 10 - 3 * k, 80 - half, 24 + 4 * k, 2 * half
    reduced = reduce_by(drawing, 2)
    labels = (reduced < 140) * (np.arange(320, dtype=np.int32) // 38 + 1)  # the cut at 38 gives some ink to others
    paper = reduce_by(drawing, 16)
    owner = np.arange(-1, 9, dtype=np.int32)
    extents = np.tile(np.array([[0, 0, 320, 80]], np.int32), (9, 1))
    ink = Ink(np.zeros_like(reduced), paper, 2)
    return Layout(drawing, ink, labels.astype(np.int32), owner, extents, boxes, np.zeros(8, np.int32))


def _place(found: Layout, parameters: GlyphPreprocessing) -> Batch:
    """Scale every glyph into its slot of an (N, height, width) canvas: darkness below the paper, neighbours removed."""
    height, width = parameters.height, parameters.width
    canvas = np.zeros((len(found), height, width), np.uint8)
    edges = _crop_edges(found)
    sizes = _fitted(edges[:, 2:] - edges[:, :2], parameters)
    factors = ((edges[:, 2:] - edges[:, :2]) // sizes).min(axis=1)
    corners = (np.array([width, height]) - sizes) // 2
    middle = found.boxes[:, :2] + found.boxes[:, 2:] // 2
    paper = found.ink.paper_at(middle[:, 0], middle[:, 1])
    plan = (edges, sizes, factors, corners, paper, _crowded(found))
    for index, ((left, top, right, bottom), size, factor, (x, y), level, crowded) in enumerate(
        zip(*(column.tolist() for column in plan), strict=True)
    ):
        crop: Grey = cv2.LUT(found.grey[top:bottom, left:right], _BELOW[level])  # type: ignore[assignment]
        if crowded:
            _clear_foreign(crop, found, index, (left, top, right, bottom))
        if factor > 1:
            crop = reduce_by(crop, factor)
        slot = canvas[index, y : y + size[1], x : x + size[0]]
        cv2.resize(crop, size, dst=slot, interpolation=cv2.INTER_LINEAR_EXACT)
    return canvas


def _crop_edges(found: Layout) -> NDArray[np.int32]:
    """Left, top, right, bottom of the crops (N, 4): the boxes, with a rim for the soft edge of the strokes."""
    rim = found.ink.reduction
    rows, columns = found.grey.shape
    low = np.maximum(found.boxes[:, :2] - rim, 0)
    high = np.minimum(found.boxes[:, :2] + found.boxes[:, 2:] + rim, np.array([columns, rows], np.int32))
    return np.concatenate([low, high], axis=1)


def _fitted(crops: NDArray[np.int32], parameters: GlyphPreprocessing) -> NDArray[np.int32]:
    """Widths and heights (N, 2) of crops scaled, in proportion, to fill the tensor less its margin."""
    room_width, room_height = parameters.width - 2 * parameters.margin, parameters.height - 2 * parameters.margin
    width, height = crops[:, 0], crops[:, 1]
    # Whichever side fills its room first sets the scale; integers, rounded to nearest.
    upright = height * room_width >= width * room_height
    fitted_width = np.where(upright, np.maximum((2 * width * room_height + height) // (2 * height), 1), room_width)
    fitted_height = np.where(upright, room_height, np.maximum((2 * height * room_width + width) // (2 * width), 1))
    return np.stack([fitted_width, fitted_height], axis=1)


def _clear_foreign(crop: Grey, found: Layout, index: int, edges: tuple[int, int, int, int]) -> None:
    """Wipe the ink of other glyphs and of ruling out of a crop, in place."""
    left, top, right, bottom = edges
    step = found.ink.reduction
    labels = found.labels[top // step : -(-bottom // step), left // step : -(-right // step)]
    own = found.owner[labels] == index
    foreign = ((labels > 0) & ~own).astype(np.uint8)
    # What lies beside foreign ink is its soft edge, unless it is this glyph's own ink.
    foreign = cv2.dilate(foreign, _RIM_KERNEL) & ~own
    if step > 1:
        foreign = foreign.repeat(step, axis=0).repeat(step, axis=1)
    cut = foreign[top % step :, left % step :][: crop.shape[0], : crop.shape[1]]
    crop[: cut.shape[0], : cut.shape[1]][cut != 0] = 0


_BELOW = np.maximum(np.arange(256)[:, np.newaxis] - np.arange(256), 0).astype(np.uint8)
"""For each brightness of the paper the table that takes a pixel to its darkness below it."""

_RIM_KERNEL = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))


def _crowded(found: Layout) -> NDArray[np.bool_]:
    """Which glyphs may have ink of others within their crop: only there must the crop be masked."""
    glyphs = found.boxes // found.ink.reduction
    own = found.owner[1:]
    low, high = glyphs[:, :2] - 1, glyphs[:, :2] + glyphs[:, 2:] + 1
    other_low, other_high = found.extents[:, :2], found.extents[:, :2] + found.extents[:, 2:]
    meets = (other_low[:, 0] < high[:, :1]) & (other_high[:, 0] > low[:, :1])
    meets &= (other_low[:, 1] < high[:, 1:]) & (other_high[:, 1] > low[:, 1:])
    meets &= own != np.arange(len(glyphs))[:, np.newaxis]
    return np.asarray(meets.any(axis=1), np.bool_)


def _stretch(canvas: Batch, dead_zone: int) -> None:
    """Stretch each slot so that its darkest ink is 255 and grain below the dead zone is 0, in place."""
    strongest = canvas.max(axis=(1, 2)).astype(np.uint32)
    floor = strongest * dead_zone >> 8
    gain = (255 << 8) // np.maximum(strongest - floor, 1)
    values = np.arange(256, dtype=np.uint32)
    above = np.maximum(values, floor[:, None]) - floor[:, None]
    tables = np.minimum(above * gain[:, None] + 128 >> 8, 255).astype(np.uint8)
    for slot, table in zip(canvas, tables, strict=True):
        cv2.LUT(slot, table, dst=slot)


def _normalise_strokes(canvas: Batch, parameters: GlyphPreprocessing) -> None:
    """Thicken thin strokes and thin thick ones, in place.

    A stroke of width t and length l has t * l of ink and an outline that the sum of absolute differences along both
    axes measures as 2 * l * (|cos| + |sin|), which is 8 / pi * l on average over directions: so t is about
    2.55 * ink / outline.
    """
    count, height, width = canvas.shape
    sheet = canvas.reshape(count * height, width)
    ink = np.add.reduce(canvas.reshape(count, -1), axis=1, dtype=np.int64)
    down = cv2.absdiff(canvas[:, 1:].reshape(count, -1), canvas[:, :-1].reshape(count, -1))
    across = cv2.absdiff(sheet[:, 1:], sheet[:, :-1]).reshape(count, -1)
    outline = np.add.reduce(down, axis=1, dtype=np.int64) + np.add.reduce(across, axis=1, dtype=np.int64)
    stroke = 41 * ink // np.maximum(outline, 1)  # 1/16 pixel: 16 * 2.55
    # A 3x3 maximum or minimum moves each edge by one pixel, the width by two (32 sixteenths).
    thicken = np.clip((parameters.thinnest - stroke) * 8, 0, 256)
    thin = np.clip((stroke - parameters.thickest) * 8, 0, 256)
    if thicken.any():
        _blend(canvas, np.asarray(cv2.dilate(sheet, _CROSS_KERNEL), np.uint8).reshape(canvas.shape), thicken)
    if thin.any():
        _blend(canvas, np.asarray(cv2.erode(sheet, _CROSS_KERNEL), np.uint8).reshape(canvas.shape), thin)


_CROSS_KERNEL = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def _blend(canvas: Batch, other: NDArray[np.uint8], share: NDArray[np.int64]) -> None:
    """Move the slots towards `other` by `share` of 256, in place, those that have a share."""
    which = np.flatnonzero(share)
    weight = share[which, None, None].astype(np.int32)
    before = canvas[which].astype(np.int32)
    canvas[which] = (before + ((other[which] - before) * weight + 128 >> 8)).astype(np.uint8)
