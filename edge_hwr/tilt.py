"""Tilt: a frame of single glyphs that was held askew is turned upright before it is looked for glyphs.

Lines of glyphs are told apart by their heights, and glyphs that stand askew are read worse; dark rules and squares are
looked for along the rows and columns of the frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.components import Boxes, connected_components
from edge_hwr.ink import BLOCK, Grey, Ink
from edge_hwr.layout import LEAST_HEIGHT
from edge_hwr.reading import Box
from edge_hwr.skew import MOST_SKEW, measure_skew, sample_ink, turning

LEAST_TILT = 2.5
"""Degrees; lines that climb by less are followed as they are."""

_SURE = 1.2
"""So many times as sharp as it came the profile of the ink must be once it is turned: that of a row of three figures,
or of a picture, is sharpest at any angle."""

_FEWEST = 4
"""Pieces of ink that make a row: what looks sharpest askew of fewer is the shape of a glyph."""

_REACH = 4.0
"""Heights of the writing, across, between glyphs that may be of one line."""
_JITTER = 0.25
"""Of the height: so much up or down, beside what a line climbs, neighbours in it may stand."""

_STRAIGHTER = 0.8
"""What glyphs of one line stand up or down by is to be this part, at most, of what it was before turning: some angle
lines up a few numbers that stand anywhere on the page."""

_MOST_OFF = 0.6
"""Of the height: from there on, one off is as bad as another."""

_MOST_GLYPHS = 400
"""Looked at, all pairs of them."""

_MOST_ROOM = 2.5
"""Times the frame's area, for the turned one: strips, of which that would be more, are never written on askew."""

_LONGEST_SIDE = 32766
"""Pixels: OpenCV 4 turns no larger pictures."""

_SAMPLE = 800
"""Of the ink's pixels, from which the tilt is found."""


@dataclass(frozen=True, slots=True, eq=False)
class TurnedFrame:
    """A frame turned upright, uint8 (H, W), large enough to hold all of it.

    `to_frame` (2, 3) leads back to the frame as it came, of `width` x `height`.
    """

    grey: Grey
    to_frame: NDArray[np.float64]
    width: int
    height: int

    def in_frame(self, box: Box) -> Box:
        """The box of a glyph, as large, about the same place of the frame as it came, and within it."""
        x, y = self.to_frame @ (box.x + (box.w - 1) / 2, box.y + (box.h - 1) / 2, 1.0)
        left, top = round(x - (box.w - 1) / 2), round(y - (box.h - 1) / 2)
        return Box(max(min(left, self.width - box.w), 0), max(min(top, self.height - box.h), 0), box.w, box.h)


def find_tilt(ink: Ink) -> float:
    """The angle in degrees, positive where lines fall to the right, by which the writing of a frame is tilted; 0 where
    it is upright, or cannot be told to be tilted."""
    # Every other column tells as much, in half the time.
    points = sample_ink(np.ascontiguousarray(ink.mask[:, ::2]), _SAMPLE) * (2, 1)
    angle, gain = measure_skew(points, LEAST_TILT)
    if abs(angle) < LEAST_TILT or gain < _SURE:
        return 0.0
    height, width = ink.mask.shape
    _, (wide, high) = turning(angle, width, height)
    if wide * high > _MOST_ROOM * width * height or max(wide, high) * ink.reduction > _LONGEST_SIDE:
        return 0.0
    _, pieces = connected_components(ink.mask)
    glyphs = pieces[pieces[:, 3] >= LEAST_HEIGHT]
    return angle if len(glyphs) >= _FEWEST and _straightens(glyphs, angle) else 0.0


def _straightens(glyphs: Boxes, angle: float) -> bool:
    """Whether neighbours are more level once the page is turned by the angle, as those of a line are."""
    height = float(np.median(glyphs[:, 3]))
    usual = glyphs[(glyphs[:, 3] > 0.5 * height) & (glyphs[:, 3] < 2 * height)][:_MOST_GLYPHS]
    middles = usual[:, :2] + usual[:, 2:4] / 2
    across, down = (middles[None] - middles[:, None]).transpose(2, 0, 1) / height
    steepest = np.tan(np.deg2rad(MOST_SKEW))
    beside = (across > 0.3) & (across < _REACH) & (np.abs(down) < steepest * across + _JITTER)
    across, down = across[beside], down[beside]
    before = np.minimum(np.abs(down), _MOST_OFF).sum()
    after = np.minimum(np.abs(down - across * np.tan(np.deg2rad(angle))), _MOST_OFF).sum()
    return bool(after < _STRAIGHTER * before)


def turn_upright(grey: Grey, ink: Ink, angle: float) -> TurnedFrame:
    """Turn a frame back by its tilt; what comes in at the corners is bare paper, as bright as that beside it."""
    height, width = grey.shape
    homography, (wide, high) = turning(angle, width, height)
    to_frame = homography[:2]
    step = BLOCK * ink.reduction
    paper = cv2.warpAffine(
        ink.paper,
        _in_blocks(to_frame, step),
        (-(-wide // step), -(-high // step)),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    rows, columns = paper.shape
    turned = cv2.resize(paper, (columns * step, rows * step), interpolation=cv2.INTER_LINEAR)[:high, :wide].copy()
    cv2.warpAffine(
        grey,
        to_frame,
        (wide, high),
        dst=turned,
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_TRANSPARENT,
    )
    return TurnedFrame(np.asarray(turned, np.uint8), to_frame, width, height)


def _in_blocks(to_frame: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    """The same mapping between the blocks that pixels are of, `step` by `step` of them."""
    centre = (step - 1) / 2
    moved = to_frame[:, 2] + to_frame[:, :2] @ (centre, centre) - centre
    return np.column_stack([to_frame[:, :2], moved / step])
