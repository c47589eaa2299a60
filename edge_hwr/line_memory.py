"""What the lines of the last frame said, for the ones that look the same in the next: they need not be read again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from edge_hwr.ink import Grey
from edge_hwr.line_look import LineLook, look_at
from edge_hwr.line_reader import ReadLine
from edge_hwr.page_layout import TextLine
from edge_hwr.reading import Box

_READINGS = 3
"""A line is read in so many frames before one is taken for it: the first that shows a page is often blurred."""

_SAME_PLACE = 0.6
"""Boxes of the same line share this part of their union: layouts differ in where a line ends."""

_AROUND = 0.5
"""So many heights of a line are looked at beyond its ends: what is added there is a change."""


@dataclass(frozen=True, slots=True, eq=False)
class _Remembered:
    """A line: `box` where it was last seen, how `window` looked when it was read, of how many `rows` it was, and the
    surest of its readings."""

    box: Box
    window: Box
    look: LineLook
    rows: int
    read: ReadLine
    readings: int


class LineMemory:
    """Remembers the lines of one frame, as pictures of their ink, and nothing older.

    What is compared is the frame where the line was, not the crop that the layout makes of it, as layouts differ from
    frame to frame more than the writing does; and with the moment at which the line was read, not with the frame
    before: small changes, such as a stroke that is being drawn, add up.
    """

    def __init__(self) -> None:
        self._flat: Grey = np.zeros((0, 0), np.uint8)
        self._before: list[_Remembered] = []
        self._now: list[_Remembered] = []

    def begin_frame(self, flat: Grey) -> None:
        """From now on lines are those of this frame, uint8 (H, W), its paper made even."""
        self._before, self._now = self._now if flat.shape == self._flat.shape else [], []
        self._flat = flat

    def read(self, line: TextLine, read: Callable[[Grey], ReadLine]) -> tuple[ReadLine, bool]:
        """What a line of the frame says, and whether that was remembered; else its crop is read by `read`."""
        known = self._recall(line)
        if known is not None and known.readings >= _READINGS:
            self._now.append(replace(known, box=line.box))
            return known.read, True
        fresh = read(line.crop)
        if known is not None and known.read.decoded.confidence > fresh.decoded.confidence:
            self._now.append(replace(known, box=line.box, readings=known.readings + 1))
        else:
            window = _around(line, self._flat.shape)
            readings = 1 if known is None else known.readings + 1
            rows = line.crop.shape[0]
            self._now.append(_Remembered(line.box, window, self._look(window, rows), rows, fresh, readings))
        return fresh, False

    def _recall(self, line: TextLine) -> _Remembered | None:
        """The line of the frame before that this is, taken from what is left of it; None where it is another."""
        nearest = max(self._before, key=lambda known: line.box.overlap(known.box), default=None)
        if nearest is None or line.box.overlap(nearest.box) < _SAME_PLACE:
            return None
        self._before.remove(nearest)
        return nearest if nearest.look.same_as(self._look(nearest.window, nearest.rows)) else None

    def _look(self, window: Box, rows: int) -> LineLook:
        x, y, w, h = window
        return look_at(np.ascontiguousarray(self._flat[y : y + h, x : x + w]), rows)


def _around(line: TextLine, shape: tuple[int, ...]) -> Box:
    """The line's box and what is beyond its ends, within a picture of this shape."""
    margin = round(_AROUND * line.crop.shape[0])
    left, right = max(line.box.x - margin, 0), min(line.box.x + line.box.w + margin, shape[1])
    return Box(left, line.box.y, right - left, line.box.h)
