"""Fresh variation of a pool's lines in every epoch: moved, bent, thickened, blurred, with remains of other lines."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from .line_pool import STRIDE, steps_needed
from .line_recipe import LineAugmentationRecipe

Line = npt.NDArray[np.uint8]

_KERNEL = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_KNOT_EVERY = 24
"""Columns between the knots of the elastic bending."""

_RATE_EVERY = 20
"""Columns between the knots of a width that changes along the line: about one to a letter."""

_ZONES = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
"""Of the height: between them, ascenders, bodies and descenders are made higher or lower, all along the line."""

_HIDDEN_EVERY = 160
_HIDDEN_COLUMNS, _HIDDEN_GREY = (4, 17), (64, 192)
"""Of the strips that are hidden: at most one in so many columns, how wide, how bright."""


class LineAugmenter:
    """Varies lines; one for each thread."""

    def __init__(self, recipe: LineAugmentationRecipe, *, seed: int) -> None:
        self._recipe = recipe
        self._rng = np.random.default_rng(seed)
        self._other: Line | None = None

    def __call__(self, line: Line, text: str, stretch: float) -> Line:
        """A varied line, uint8 (height, another width): `stretch` times as wide, or wide enough for the steps that its
        text needs."""
        recipe, rng = self._recipe, self._rng
        moved = self._move(line, text, stretch)
        kind = rng.random()
        if kind < recipe.thicken_share:
            moved = self._blend(moved, np.asarray(cv2.dilate(moved, _KERNEL), np.uint8), 0.8)
        elif kind < recipe.thicken_share + recipe.thin_share:
            moved = self._blend(moved, np.asarray(cv2.erode(moved, _KERNEL), np.uint8), 0.7)
        if rng.random() < recipe.blur_share:
            moved = np.asarray(cv2.GaussianBlur(moved, (0, 0), float(rng.uniform(0.4, 1.0))), np.uint8)
        if rng.random() < recipe.remains_share:
            self._add_remains(moved)
        if rng.random() < recipe.erase_share:
            self._erase(moved)
        self._other = line
        table = _tone(1 - recipe.contrast * rng.random(), np.exp(recipe.contrast * rng.uniform(-1, 1)))
        moved = np.asarray(cv2.LUT(moved, table), np.uint8)
        if recipe.hide_share and rng.random() < recipe.hide_share:
            self._hide(moved)
        return moved

    def _move(self, line: Line, text: str, stretch: float) -> Line:
        """Stretched, scaled, slanted, sloped, shifted and bent, by one remap."""
        recipe, rng = self._recipe, self._rng
        height, width = line.shape
        columns = max(round(width * stretch), STRIDE * (steps_needed(text) + 1))
        grow = np.exp(rng.uniform(-1, 1) * np.log1p(recipe.scale))
        shear = rng.uniform(-recipe.shear, recipe.shear)
        slope = rng.uniform(-recipe.slope, recipe.slope)
        shift = rng.uniform(-recipe.shift, recipe.shift)
        knots = rng.uniform(-1, 1, (2, 3, max(columns // _KNOT_EVERY, 2))).astype(np.float32)
        knots *= np.float32(recipe.elastic * rng.random())
        bend_x = cv2.resize(knots[0], (columns, height), interpolation=cv2.INTER_CUBIC)
        bend_y = cv2.resize(knots[1], (columns, height), interpolation=cv2.INTER_CUBIC)
        x = np.arange(columns, dtype=np.float32)
        y = np.arange(height, dtype=np.float32)[:, np.newaxis] - np.float32(height / 2)
        bend_x += self._columns(width, columns) + y * np.float32(shear)
        fall = np.clip((x - columns / 2) * np.float32(slope), -height / 6, height / 6).astype(np.float32)
        bend_y += y * np.float32(grow) + (fall + np.float32(height / 2 + shift))
        if recipe.proportions:
            bend_y += self._zones(height)
        return np.asarray(cv2.remap(line, bend_x, bend_y, cv2.INTER_CUBIC), np.uint8)

    def _columns(self, width: int, columns: int) -> npt.NDArray[np.float32]:
        """Where the columns come from, float32 (columns,): from letters that are wider and narrower by chance."""
        x = np.arange(columns, dtype=np.float32)
        if not self._recipe.widths:
            return x * np.float32(width / columns)
        knots = np.exp(self._rng.uniform(-1, 1, columns // _RATE_EVERY + 2) * np.log1p(self._recipe.widths))
        rates = np.interp(x / _RATE_EVERY, np.arange(len(knots)), knots)
        come_from = np.cumsum(rates) - rates
        return np.asarray(come_from * (width / rates.sum()), np.float32)

    def _zones(self, height: int) -> npt.NDArray[np.float32]:
        """By how much the rows are displaced, float32 (height, 1): hands differ in how high they write bodies."""
        moved = self._rng.uniform(-1, 1, len(_ZONES)) * self._recipe.proportions
        rows = np.interp(np.arange(height) / height, _ZONES, moved)
        return np.asarray(rows[:, np.newaxis], np.float32)

    def _blend(self, line: Line, changed: Line, strength: float) -> Line:
        share = strength * self._rng.random()
        return np.asarray(cv2.addWeighted(line, 1 - share, changed, share, 0), np.uint8)

    def _add_remains(self, line: Line) -> None:
        """Feet of another line at the upper edge, or heads at the lower one, in place."""
        other = self._other
        if other is None:
            return
        height, width = line.shape
        rows = int(self._rng.integers(2, height // 5))
        begin = int(self._rng.integers(max(other.shape[1] - width, 1)))
        count = min(width, other.shape[1] - begin)
        if self._rng.random() < 0.5:
            place, piece = line[:rows, :count], other[-rows:, begin : begin + count]
        else:
            place, piece = line[-rows:, :count], other[:rows, begin : begin + count]
        np.maximum(place, piece, out=place)

    def _erase(self, line: Line) -> None:
        """Wipe out a few small spots, in place: as pens skip, and so that no letter is read by one stroke alone."""
        height, width = line.shape
        for _ in range(1 + width // 150):
            h, w = self._rng.integers(3, height // 4), self._rng.integers(2, 8)
            y, x = self._rng.integers(height - h), self._rng.integers(max(width - w, 1))
            line[y : y + h, x : x + w] = 0

    def _hide(self, line: Line) -> None:
        """Cover strips about as wide as a letter with grey, in place: what is under them, the letters around them tell
        (as Y. Li et al. hide spans of features, "HTR-VT", Pattern Recognition 2025). Grey, since paper would be read as
        a gap: no letter is to be made up where there is none."""
        width = line.shape[1]
        for _ in range(1 + int(self._rng.integers(1 + width // _HIDDEN_EVERY))):
            w = int(self._rng.integers(*_HIDDEN_COLUMNS))
            x = int(self._rng.integers(max(width - w, 1)))
            line[:, x : x + w] = self._rng.integers(*_HIDDEN_GREY)


def _tone(gain: float, gamma: float) -> Line:
    values = np.arange(256) / 255
    return np.asarray(np.rint(255 * gain * values**gamma), np.uint8)
