"""Fresh variation of the pool's glyphs in every epoch, whole batches at a time.

A batch of glyphs is laid out as one tall picture, so that a single call of OpenCV moves, thickens or blurs all of
them; the bare margin of every glyph keeps them from touching each other.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from .recipe import AugmentationRecipe

_BANK = 512
"""Smooth displacement fields to choose from."""


class Augmenter:
    """Varies batches of glyphs; not for use from several threads at once."""

    def __init__(self, recipe: AugmentationRecipe, *, height: int, width: int, seed: int) -> None:
        self._recipe = recipe
        self._shape = (height, width)
        self._rng = np.random.default_rng(seed)
        self._fields = self._make_fields()
        y, x = np.mgrid[:height, :width].astype(np.float32)
        self._centred = np.stack([x - (width - 1) / 2, y - (height - 1) / 2, np.ones_like(x)]).reshape(3, -1)

    def __call__(self, glyphs: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """uint8 (N, H, W) -> float32 (N, H, W, 1) in 0..1, in the same order."""
        count, (height, width) = len(glyphs), self._shape
        tall = self._move(np.ascontiguousarray(glyphs).reshape(count * height, width), count)
        glyphs = tall.reshape(count, height, width)
        recipe, kernel = self._recipe, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
        order = self._rng.permutation(count)
        thick = round(recipe.thicken_share * count)
        thin = thick + round(recipe.thin_share * count)
        self._blend(glyphs, order[:thick], lambda picture: cv2.dilate(picture, kernel), 0.8)
        self._blend(glyphs, order[thick:thin], lambda picture: cv2.erode(picture, kernel), 0.6)
        blurred = self._rng.permutation(count)[: round(recipe.blur_share * count)]
        self._blend(glyphs, blurred, lambda picture: cv2.GaussianBlur(picture, (0, 0), 1.0), 1.0)
        gain = 1.0 - self._rng.random((count, 1, 1), np.float32) * np.float32(recipe.contrast)
        return (glyphs * (gain / np.float32(255)))[..., np.newaxis]

    def _move(self, tall: npt.NDArray[np.uint8], count: int) -> npt.NDArray[np.uint8]:
        """Affine and elastic movement of each glyph, by one remap of the tall picture."""
        height, width = self._shape
        recipe, rng = self._recipe, self._rng
        angle = np.deg2rad(rng.uniform(-recipe.rotation, recipe.rotation, count))
        zoom = np.exp(rng.uniform(-1, 1, (2, count)) * np.log1p(recipe.scale))
        shear = rng.uniform(-recipe.shear, recipe.shear, count)
        shift = rng.uniform(-recipe.shift, recipe.shift, (2, count))
        cos, sin = np.cos(angle), np.sin(angle)
        # Where each pixel comes from, (2, 3) per glyph: rotation x shear x zoom, about the centre.
        rows_x = np.stack([cos * zoom[0], (cos * shear - sin) * zoom[1], shift[0] + (width - 1) / 2], axis=1)
        rows_y = np.stack([sin * zoom[0], (sin * shear + cos) * zoom[1], shift[1] + (height - 1) / 2], axis=1)
        bend = rng.integers(_BANK, size=(2, count))
        source_x = rows_x.astype(np.float32) @ self._centred
        source_y = rows_y.astype(np.float32) @ self._centred
        source_x += self._fields[bend[0]]
        source_y += self._fields[bend[1]]
        np.clip(source_y, 0, height - 1, out=source_y)  # or neighbours in the tall picture would show
        source_y += (np.arange(count, dtype=np.float32) * height)[:, None]
        shape = (count * height, width)
        moved = cv2.remap(tall, source_x.reshape(shape), source_y.reshape(shape), cv2.INTER_LINEAR)
        return np.asarray(moved, np.uint8)

    def _blend(
        self,
        glyphs: npt.NDArray[np.uint8],
        which: npt.NDArray[np.intp],
        change: Callable[[npt.NDArray[np.uint8]], cv2.typing.MatLike],
        strength: float,
    ) -> None:
        """Replace some glyphs by a mixture of themselves and what `change` makes of them."""
        if not len(which):
            return
        chosen = glyphs[which]
        changed = change(chosen.reshape(-1, self._shape[1])).reshape(chosen.shape)
        share = self._rng.random((len(which), 1, 1), np.float32) * np.float32(strength)
        glyphs[which] = (chosen + share * (changed.astype(np.float32) - chosen)).astype(np.uint8)

    def _make_fields(self) -> npt.NDArray[np.float32]:
        """Random displacements, smooth over about a quarter of a glyph (Simard et al. 2003), in pixels."""
        height, width = self._shape
        noise = self._rng.uniform(-1, 1, (_BANK, height, width)).astype(np.float32)
        fields = np.stack([cv2.GaussianBlur(field, (0, 0), width / 7) for field in noise])
        largest = np.abs(fields).reshape(_BANK, -1).max(axis=1)[:, None]
        strength = self._rng.uniform(0, self._recipe.elastic, (_BANK, 1)).astype(np.float32)
        return np.asarray(fields.reshape(_BANK, -1) / largest * strength, np.float32)
