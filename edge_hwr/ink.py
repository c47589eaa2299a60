"""Ink finding: which pixels of a photographed sheet are pen, whatever the light.

The idea is Bernsen's local contrast threshold (J. Bernsen, "Dynamic thresholding of grey-level images", ICPR 1986)
with both levels taken from a coarse grid of blocks, so that the frame itself is touched by nothing dearer than one
erosion and one comparison: the paper is what the brightest blocks nearby agree on, the ink is the darkest pixel
nearby, and a pixel is ink where it lies a fixed share of the way from the one to the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

BLOCK = 8
"""Side of a block of the coarse grid, in pixels of the reduced picture."""

INK_SHARE = 90
"""A pixel is ink when it is darker than the paper by this share (of 256) of the local contrast."""

LEAST_CONTRAST = 34
"""Below this share (of 256) of the paper's brightness a difference is shading or grain, not ink."""

_BLOCK_KERNEL = cv2.getStructuringElement(cv2.MORPH_RECT, (BLOCK, BLOCK))
_NEAR_KERNEL = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
_PAPER_KERNEL = cv2.getStructuringElement(cv2.MORPH_RECT, (5, 5))


@dataclass(frozen=True, slots=True)
class Ink:
    """Where the ink of a frame is, at `reduction` times fewer pixels each way.

    `mask` is uint8 (h, w), 255 on ink; `paper` is uint8 (h / BLOCK, w / BLOCK), the brightness of the bare sheet.
    """

    mask: Grey
    paper: Grey
    reduction: int

    def paper_at(self, x: NDArray[Any], y: NDArray[Any]) -> Grey:
        """Brightness of the paper at points given in pixels of the frame; uint8, the shape of `x` and `y`."""
        step = BLOCK * self.reduction
        rows, columns = self.paper.shape
        found: Grey = self.paper[np.minimum(y // step, rows - 1), np.minimum(x // step, columns - 1)]
        return found


def find_ink(grey: Grey, reduction: int) -> Ink:
    """Find the ink of `grey`, uint8 (H, W), on a picture `reduction` times smaller each way.

    The sides are cut to whole multiples of `reduction`: up to `reduction - 1` pixels at the right and lower edge are
    not looked at.
    """
    small = reduce_by(grey, reduction)
    height, width = small.shape
    rows, columns = -(-height // BLOCK), -(-width // BLOCK)
    mean = cv2.resize(small, (columns, rows), interpolation=cv2.INTER_AREA)
    # Closing takes the strokes out of the block means and keeps shadows, which are wider than any stroke.
    paper = cv2.morphologyEx(mean, cv2.MORPH_CLOSE, _PAPER_KERNEL)
    paper = cv2.blur(cv2.dilate(paper, _NEAR_KERNEL), (3, 3))
    darkest = cv2.erode(small, _BLOCK_KERNEL)[BLOCK // 2 :: BLOCK, BLOCK // 2 :: BLOCK]
    if darkest.shape != paper.shape:  # the last, partial row or column of blocks has no centre of its own
        missing = (0, rows - darkest.shape[0], 0, columns - darkest.shape[1])
        darkest = cv2.copyMakeBorder(np.ascontiguousarray(darkest), *missing, cv2.BORDER_REPLICATE)
    darkest = cv2.blur(cv2.erode(darkest, _NEAR_KERNEL), (3, 3))
    contrast = cv2.subtract(paper, darkest)
    step = cv2.max(
        cv2.convertScaleAbs(contrast, alpha=INK_SHARE / 256), cv2.convertScaleAbs(paper, alpha=LEAST_CONTRAST / 256)
    )
    # Black paper has no room for ink: a threshold of 0 finds none there.
    threshold = cv2.subtract(paper, cv2.max(step, np.full_like(step, 6)))
    threshold = cv2.resize(threshold, (columns * BLOCK, rows * BLOCK), interpolation=cv2.INTER_LINEAR)
    mask = cv2.compare(small, threshold[:height, :width], cv2.CMP_LT)
    return Ink(np.asarray(mask, np.uint8), np.asarray(paper, np.uint8), reduction)


def reduce_by(grey: Grey, factor: int) -> Grey:
    """Shrink a picture by a whole factor, each pixel the rounded mean of a block: exact on every processor."""
    if factor == 1:
        return grey
    height, width = grey.shape[0] // factor, grey.shape[1] // factor
    cut = grey[: height * factor, : width * factor]
    return np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def darkest_by(grey: Grey, factor: int) -> Grey:
    """Shrink a picture by a whole factor, each pixel the darkest of a block: a mean would tell fine lines that run
    between two blocks as half as dark."""
    height, width = grey.shape[0] // factor, grey.shape[1] // factor
    cut = grey[: height * factor, : width * factor]
    kernel = np.ones((factor, factor), np.uint8)
    return np.ascontiguousarray(cv2.erode(cut, kernel, anchor=(0, 0))[::factor, ::factor], np.uint8)


def above_print(depth: Grey, printed: Grey, times: int) -> Grey:
    """How dark the writing is on a page that is as dark as `depth`, whose paper was as dark as `printed` before; all
    uint8 (H, W). What is darker than the print counts so many times, and ink so all that it is."""
    above = cv2.convertScaleAbs(cv2.subtract(depth, printed), alpha=times)
    return np.asarray(cv2.min(depth, above), np.uint8)


def open_rows(picture: Grey, length: int) -> Grey:
    """What OpenCV's morphological opening by a row of `length` pixels makes of a picture, uint8, in half of its time.

    The least, or greatest, of many neighbours is that of two neighbours, of two such pairs, and so on.
    """
    height, width = picture.shape
    before = length // 2
    padded = np.full((height, width + length - 1), 255, np.uint8)
    padded[:, before : before + width] = picture
    least = _fold_rows(np.minimum, padded, length)
    padded = np.zeros_like(padded)
    padded[:, before : before + width] = least
    return _fold_rows(np.maximum, padded, length)


def _fold_rows(choose: np.ufunc, picture: Grey, length: int) -> Grey:
    """The chosen one of each `length` neighbours in a row, (H, W - length + 1)."""
    reached = 1
    while 2 * reached <= length:
        picture = choose(picture[:, :-reached], picture[:, reached:])
        reached *= 2
    missing = length - reached
    return choose(picture[:, :-missing], picture[:, missing:]) if missing else picture
