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
from edge_hwr.layout import Layout

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
        if not 1 <= self.margin * 2 < min(self.height, self.width):
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
    height, width, margin = parameters.height, parameters.width, parameters.margin
    canvas = np.zeros((len(found), height, width), np.uint8)
    boxes = found.boxes
    paper = found.ink.paper_at(boxes[:, 0] + boxes[:, 2] // 2, boxes[:, 1] + boxes[:, 3] // 2).tolist()
    crowded = _crowded(found).tolist()
    for index, (x, y, w, h) in enumerate(boxes.tolist()):
        crop = _darkness(found, index, (x, y, w, h), paper[index], crowded[index])
        crop_height, crop_width = crop.shape
        room_height, room_width = height - 2 * margin, width - 2 * margin
        # Whichever side fills its room first sets the scale; integers, rounded to nearest.
        if crop_height * room_width >= crop_width * room_height:
            new_height = room_height
            new_width = max(1, (2 * crop_width * room_height + crop_height) // (2 * crop_height))
        else:
            new_width = room_width
            new_height = max(1, (2 * crop_height * room_width + crop_width) // (2 * crop_width))
        factor = max(1, min(crop_height // new_height, crop_width // new_width))
        if factor > 1:
            crop = reduce_by(crop, factor)
        top, left = (height - new_height) // 2, (width - new_width) // 2
        canvas[index, top : top + new_height, left : left + new_width] = cv2.resize(
            crop, (new_width, new_height), interpolation=cv2.INTER_LINEAR_EXACT
        )
    return canvas


def _darkness(found: Layout, index: int, box: tuple[int, int, int, int], paper: int, crowded: bool) -> Grey:
    """The glyph's crop as darkness below the paper (uint8), with a rim for the soft edge of its strokes."""
    x, y, w, h = box
    rim = found.ink.reduction
    rows, columns = found.grey.shape
    top, bottom = max(y - rim, 0), min(y + h + rim, rows)
    left, right = max(x - rim, 0), min(x + w + rim, columns)
    crop = found.grey[top:bottom, left:right]
    dark = np.asarray(cv2.subtract(np.full_like(crop, paper), crop), np.uint8)
    if crowded:
        step = found.ink.reduction
        labels = found.labels[top // step : -(-bottom // step), left // step : -(-right // step)]
        own = found.owner[labels] == index
        foreign = ((labels > 0) & ~own).astype(np.uint8)
        # What lies beside foreign ink is its soft edge, unless it is this glyph's own ink.
        foreign = cv2.dilate(foreign, _RIM_KERNEL) & ~own
        if step > 1:
            foreign = foreign.repeat(step, axis=0).repeat(step, axis=1)
        dy, dx = top % step, left % step
        cut = foreign[dy : dy + dark.shape[0], dx : dx + dark.shape[1]]
        dark[: cut.shape[0], : cut.shape[1]][cut != 0] = 0
    return dark


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
