"""A picture with what was read drawn on it: each glyph boxed, named, and tinted by how sure the model is."""

from __future__ import annotations

import math
import unicodedata
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.picture import Picture
from edge_hwr.reading import Glyph, Reading

Colour = tuple[int, int, int]

_LEAST_SIDE = 900
"""Smaller pictures are enlarged, so that what is drawn on them is sharp."""

# BGR by confidence; what lies between is mixed.
_TINTS: tuple[tuple[float, Colour], ...] = (
    (0.50, (66, 66, 214)),
    (0.80, (24, 142, 240)),
    (0.97, (105, 150, 20)),
)
_REJECTED: Colour = (120, 110, 110)
_INK: Colour = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_DUPLEX
_FONT_HEIGHT = 21.0  # of a capital letter at scale 1, in pixels
_DRAWS_ASCII_ALONE = int(cv2.__version__.partition(".")[0]) < 5
_IN_ASCII = str.maketrans({"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss", "ø": "o", "Ø": "O",
                           "«": "<<", "»": ">>", "€": "EUR"})  # fmt: skip
"""What Unicode does not take apart itself."""


class _Rectangle(NamedTuple):
    left: int
    top: int
    right: int
    bottom: int


def annotate(picture: Picture, reading: Reading) -> Picture:
    """Draw a reading on its picture, grey (H, W) or BGR (H, W, 3): a new BGR picture, enlarged if it was small.

    Boxes run from red over amber to green with the confidence; a rejected glyph has a dashed grey one and a "?".
    OpenCV 4 draws ASCII alone: with it other letters are named without their accents.
    """
    colour = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if picture.ndim == 2 else picture
    scale = max(1, math.ceil(_LEAST_SIDE / max(colour.shape[:2])))
    canvas = np.ascontiguousarray(cv2.resize(colour, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
    if not reading.glyphs:
        return canvas
    pen = max(1, round(max(canvas.shape[:2]) / 700))
    typical = float(np.median([glyph.box.h for glyph in reading.glyphs])) * scale
    frames = [_frame(glyph, scale, 2 * pen, canvas) for glyph in reading.glyphs]
    tint = canvas.copy()
    for glyph, frame in zip(reading.glyphs, frames, strict=True):
        _fill(tint, frame, 3 * pen, _colour(glyph))
    canvas = np.asarray(cv2.addWeighted(tint, 0.2, canvas, 0.8, 0), np.uint8)
    for glyph, frame in zip(reading.glyphs, frames, strict=True):
        if glyph.rejected:
            _dash(canvas, frame, pen, _colour(glyph))
        else:
            _outline(canvas, frame, 3 * pen, pen, _colour(glyph))
    # Names last: they stand on top of the boxes of the line above where lines are close.
    letter = min(max(0.22 * typical, 5.5 * pen), 12.0 * pen)
    for glyph, frame in zip(reading.glyphs, frames, strict=True):
        _name(canvas, frame, "?" if glyph.rejected else _drawable(glyph.text), letter, _colour(glyph))
    return canvas


def _frame(glyph: Glyph, scale: int, rim: int, canvas: NDArray[np.uint8]) -> _Rectangle:
    """The glyph's box on the canvas, a little wider than its ink."""
    x, y, w, h = (scale * value for value in glyph.box)
    height, width = canvas.shape[:2]
    return _Rectangle(max(x - rim, 0), max(y - rim, 0), min(x + w + rim, width - 1), min(y + h + rim, height - 1))


def _colour(glyph: Glyph) -> Colour:
    if glyph.rejected:
        return _REJECTED
    marks = [confidence for confidence, _ in _TINTS]
    blue, green, red = (
        round(float(np.interp(glyph.confidence, marks, [tint[channel] for _, tint in _TINTS]))) for channel in range(3)
    )
    return blue, green, red


def _fill(canvas: NDArray[np.uint8], frame: _Rectangle, radius: int, colour: Colour) -> None:
    """A filled rectangle with round corners."""
    cv2.fillConvexPoly(canvas, _round_corners(frame, radius), colour, cv2.LINE_AA)


def _outline(canvas: NDArray[np.uint8], frame: _Rectangle, radius: int, pen: int, colour: Colour) -> None:
    cv2.polylines(canvas, [_round_corners(frame, radius)], True, colour, pen, cv2.LINE_AA)


def _dash(canvas: NDArray[np.uint8], frame: _Rectangle, pen: int, colour: Colour) -> None:
    left, top, right, bottom = frame
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    for (x0, y0), (x1, y1) in pairwise(corners):
        length = max(abs(x1 - x0), abs(y1 - y0), 1)
        for start in range(0, length, 7 * pen):
            end = min(start + 4 * pen, length)
            first = (x0 + (x1 - x0) * start // length, y0 + (y1 - y0) * start // length)
            last = (x0 + (x1 - x0) * end // length, y0 + (y1 - y0) * end // length)
            cv2.line(canvas, first, last, colour, pen, cv2.LINE_AA)


def _round_corners(frame: _Rectangle, radius: int) -> NDArray[np.int32]:
    """Outline of a rectangle with quarter circles for corners, int32 (N, 2)."""
    left, top, right, bottom = frame
    radius = min(radius, (right - left) // 2, (bottom - top) // 2)
    centres = ((right, bottom, 0), (left, bottom, 90), (left, top, 180), (right, top, 270))
    points = []
    for x, y, first in centres:
        centre = (x - radius if first in (0, 270) else x + radius, y - radius if first in (0, 90) else y + radius)
        points.append(cv2.ellipse2Poly(centre, (radius, radius), 0, first, first + 90, 15))
    return np.concatenate(points).astype(np.int32)


def _drawable(text: str) -> str:
    """What OpenCV can draw of a text: a "?", which it would draw in place of the rest, stands for rejected glyphs."""
    if _DRAWS_ASCII_ALONE and not text.isascii():
        bare = unicodedata.normalize("NFKD", text.translate(_IN_ASCII))
        return "".join(character for character in bare if character.isascii()) or "*"
    return text


def _name(canvas: NDArray[np.uint8], frame: _Rectangle, text: str, letter: float, colour: Colour) -> None:
    """The glyph's name in a small plate on the top edge of its frame.

    `letter` is the height of a capital letter in pixels.
    """
    scale = letter / _FONT_HEIGHT
    thickness = max(1, round(letter / 9))
    (width, height), _ = cv2.getTextSize(text, _FONT, scale, thickness)
    pad = round(0.35 * letter)
    half = width // 2 + pad
    middle = min(max((frame.left + frame.right) // 2, half), canvas.shape[1] - 1 - half)
    tall = height + 2 * pad
    bottom = max(frame.top + pad // 2, tall)
    plate = _Rectangle(middle - half, bottom - tall, middle + half, bottom)
    _fill(canvas, plate, pad, colour)
    cv2.putText(canvas, text, (middle - width // 2, bottom - pad), _FONT, scale, _INK, thickness, cv2.LINE_AA)
