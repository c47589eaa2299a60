"""Whether anything has changed in front of the camera: a look that costs a small part of a reading."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

CELL = 8
"""Side of the squares, in pixels, whose mean brightness is compared: a pen stroke fills a good part of one."""

CHANGE = 6.0
"""Grey levels by which a square has to change. A sensor's noise of 4 levels is 0.7 in the mean of the 32 pixels that
are looked at, and 3 in the worst of ten thousand squares; a pencil stroke two pixels wide is 10."""


class Scene:
    """Remembers how the scene looked when it last changed.

    The comparison is with that moment, not with the frame before, so that slow changes add up; light that changes
    everywhere alike is no change.
    """

    def __init__(self) -> None:
        self._shape: tuple[int, ...] = ()
        self._cells = np.empty((0, 0), np.uint8)

    def changed(self, grey: NDArray[np.uint8]) -> bool:
        """Look at a frame, uint8 (H, W), and remember it if it differs from the one remembered."""
        height, width = grey.shape
        size = (max(width // CELL, 1), max(height // CELL, 1))
        # Every other row is enough: it halves the time, and no stroke is thinner.
        cells = np.asarray(cv2.resize(grey[::2], size, interpolation=cv2.INTER_AREA), np.uint8)
        if self._shape == grey.shape:
            difference = np.asarray(cv2.subtract(cells, self._cells, dtype=cv2.CV_16S), np.int16)
            mean = cv2.mean(difference)[0]
            least, most, _, _ = cv2.minMaxLoc(difference)
            if max(most - mean, mean - least) < CHANGE:
                return False
        self._shape, self._cells = grey.shape, cells
        return True
