"""The part of the frame that is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_hwr.errors import SourceError, UsageError
from edge_hwr.reading import Box, Reading


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle in pixels of the frame: left, top, width, height."""

    x: int
    y: int
    w: int
    h: int

    @classmethod
    def parse(cls, text: str) -> Region:
        """From "X,Y,WIDTH,HEIGHT". Raises UsageError."""
        if not (match := re.fullmatch(r"(\d+),(\d+),([1-9]\d*),([1-9]\d*)", text.replace(" ", ""))):
            raise UsageError(
                f"{text!r} is no region: give X,Y,WIDTH,HEIGHT in pixels of the frame, as in 100,50,400,300"
            )
        x, y, w, h = map(int, match.groups())
        return cls(x, y, w, h)

    def read(self, read: Callable[[NDArray[np.uint8]], Reading], grey: NDArray[np.uint8]) -> Reading:
        """Read the region of a frame, uint8 (H, W); boxes are those of the whole frame."""
        reading = read(np.ascontiguousarray(self.crop(grey)))
        height, width = grey.shape
        lines = tuple(
            replace(
                line,
                box=self._moved(line.box),
                glyphs=tuple(replace(glyph, box=self._moved(glyph.box)) for glyph in line.glyphs),
            )
            for line in reading.lines
        )
        return replace(reading, width=width, height=height, lines=lines)

    def crop(self, grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The region's pixels. Raises SourceError where the frame does not hold all of it."""
        height, width = grey.shape
        if self.x + self.w > width or self.y + self.h > height:
            raise SourceError(
                f"the region {self.x},{self.y},{self.w},{self.h} is not within the frame of {width} x {height} pixels"
            )
        return grey[self.y : self.y + self.h, self.x : self.x + self.w]

    def _moved(self, box: Box) -> Box:
        return Box(box.x + self.x, box.y + self.y, box.w, box.h)
