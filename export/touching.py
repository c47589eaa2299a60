"""Digits that touch, and the pieces they are cut into: what a model must tell apart to read them.

The device takes what is broad for several characters, cuts it in many places and asks the model which pieces are
characters (`edge_hwr/glyph_cuts.py`). Models that saw characters only when they stood alone take two that touch for
one of them, and any stroke for a one. Here one writer's characters are pushed together until they touch, and cut by the
code of the device: what is a character with a crumb of its neighbour is one to learn, what is two or a part of one
is junk. It is for digits: of letters, two that touch may well be a third (an r and an n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_hwr.glyph_cuts import GlyphPieces, cut_glyph
from edge_hwr.layout import Layout, find_glyphs

from .paper import photograph
from .sources import JUNK, Picture, held_out, labels_of, on_paper
from .strokes import Pen, StrokeSet, distort_strokes, draw_strokes

_WHOLES, _PARTS = 3, 2
"""Of ten samples so many are characters that touch, and so many are parts of one or of two; the rest are characters."""

_KEPT, _OWN = 0.92, 0.9
"""A piece is a character that has so much of its ink, and that makes up so much of the piece."""

_PART, _MIXED = 0.6, 0.7
"""It is junk where it has less than so much of any one, or where none makes up more than so much of it."""

_STROKE = 0.4
"""Junk is broader than so many of its heights: one stroke of a four is a one to anybody."""

_BROADER = 1.2
"""A group is so many times as broad as its broadest character: two ones over each other are one."""

_TRIES = 6
"""Groups drawn until one has a piece of the wanted kind."""


@dataclass(frozen=True, slots=True, eq=False)
class Touching:
    """As many pictures as wished of what two or three characters of one writer are found as when they touch."""

    strokes: StrokeSet
    rows: npt.NDArray[np.intp]
    """Of every recorded character of the charset, its drawing; of one writer one after the other."""
    first: npt.NDArray[np.intp]
    """For each sample the drawing, counted in `rows`, that is wanted, or that begins a group."""
    labels: npt.NDArray[np.int16]
    validation: npt.NDArray[np.bool_]
    name: str = "touching"

    @classmethod
    def load(cls, samples: int, strokes: StrokeSet, charset: str) -> Touching:
        """Writers held out from `Unipen` are held out here; the set's own test writers are left out altogether."""
        classes = labels_of(strokes.label.tolist(), charset)
        rows = np.flatnonzero((classes != JUNK) & ~strokes.test)
        rows = rows[np.argsort(strokes.writer[rows], kind="stable")]
        first = np.resize(np.random.default_rng(0).permutation(len(rows)), samples if len(rows) else 0)
        writers = strokes.writer[rows]
        apart = [writer for writer in np.unique(writers).tolist() if held_out(f"writer {writer}")]
        labels = np.where(np.arange(len(first)) % 10 < _WHOLES + _PARTS, np.int16(JUNK), classes[rows[first]])
        return cls(strokes, rows, first, labels, np.isin(writers[first], apart))

    def draw(self, index: int, rng: np.random.Generator, *, camera: bool) -> Picture:
        """A picture of the wanted kind; bare paper where none came about."""
        for _ in range(_TRIES):
            group = self._group(int(self.first[index]), rng)
            ink = group.max(axis=0)
            if ink.shape[1] < _BROADER * max(int(np.count_nonzero(one.any(axis=0))) for one in group):
                continue
            wanted = ink if index % 10 < _WHOLES else _piece(group, ink, rng, junk=self.labels[index] == JUNK)
            if wanted is not None:
                return photograph(wanted, rng) if camera else on_paper(wanted)
        return on_paper(np.zeros((8, 8), np.uint8))

    def _group(self, first: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
        """Ink uint8 (K, H, W) of characters that touch, each on its own; the first of them is the wanted one."""
        writer = self.strokes.writer[self.rows[first]]
        begin, end = np.searchsorted(self.strokes.writer[self.rows], [writer, writer + 1])
        others = rng.integers(begin, end, 1 if rng.random() < 0.75 else 2)
        pen, height = Pen.random(rng), float(np.exp(rng.uniform(np.log(28), np.log(80))))
        inks = [self._write(drawing, rng, pen, height) for drawing in (first, *others.tolist())]
        order = rng.permutation(len(inks))
        return _pushed_together(inks, order, rng, height)[np.argsort(order)]

    def _write(self, drawing: int, rng: np.random.Generator, pen: Pen, height: float) -> Picture:
        strokes = distort_strokes(self.strokes.strokes(int(self.rows[drawing])), rng, 0.6)
        # A character's nominal height is the longer side of its box, which of a broad one is its width.
        tall = max(float(np.ptp(np.concatenate(strokes)[:, 1])), 0.3)
        return draw_strokes(strokes, rng, height_px=height * rng.normal(1, 0.05) / tall, pen=pen)


def _pushed_together(
    inks: list[Picture], order: npt.NDArray[np.intp], rng: np.random.Generator, height: float
) -> npt.NDArray[np.uint8]:
    """Each on a sheet of its own, (K, H, W), in this order from left to right, moved until it meets the one before."""
    rows = max(len(ink) for ink in inks) + round(0.3 * height)
    group = np.zeros((len(inks), rows, sum(ink.shape[1] for ink in inks) + round(0.4 * height)), np.uint8)
    ends = np.full(rows, -1)
    for place, number in enumerate(order.tolist()):
        ink = inks[number]
        top = int(np.clip((rows - len(ink)) / 2 + 0.05 * height * rng.normal(), 0, rows - len(ink)))
        inked = ink > 127
        begins = np.where(inked.any(axis=1), inked.argmax(axis=1), len(inked[0]) + rows)
        free = begins - ends[top : top + len(ink)]
        left = 0 if place == 0 else -int(free.min()) + 1 - round(abs(rng.normal(0, 0.04)) * height)
        left = max(left, 0)
        group[place, top : top + len(ink), left : left + ink.shape[1]] = ink
        sheet = group[place] > 127
        ends = np.maximum(ends, np.where(sheet.any(axis=1), sheet.shape[1] - 1 - sheet[:, ::-1].argmax(axis=1), -1))
    right = int(np.flatnonzero(group.any(axis=(0, 1)))[-1]) + 1
    return group[:, :, :right]


def _piece(group: npt.NDArray[np.uint8], ink: Picture, rng: np.random.Generator, *, junk: bool) -> Picture | None:
    """The ink of one piece that the device may cut of a group: its first character, or what is none."""
    border = round(0.2 * len(ink)) + 8
    padded = np.pad(ink, border)
    found = find_glyphs(255 - padded)
    if len(found) != 1 or found.ink.reduction != 1:
        return None
    cut = cut_glyph(found, 0, float(found.boxes[0, 3]))
    if cut is None:
        return None
    pieces, layout = cut
    own = group.astype(np.float32)
    whole = own.sum(axis=(1, 2))
    for number in rng.permutation(len(pieces)).tolist():
        inside = _inside(found, pieces, layout, number)[border:-border, border:-border]
        inked = (own * inside).sum(axis=(1, 2))
        kept, share = inked / whole, inked / max(float(inked.sum()), 1.0)
        if junk:
            wide, high = pieces.boxes[number, 2:].tolist()
            fits = wide > _STROKE * high and (kept.max() < _PART or share.max() < _MIXED)
        else:
            fits = kept[0] >= _KEPT and share[0] >= _OWN
        if fits:
            return np.where(inside, ink, 0).astype(np.uint8)
    return None


def _inside(found: Layout, pieces: GlyphPieces, layout: Layout, number: int) -> npt.NDArray[np.bool_]:
    """Which pixels (H, W) of what the glyphs were found on are of a piece."""
    rows = len(layout.labels) // len(pieces)
    mine = layout.labels[number * rows : (number + 1) * rows] == number + 1
    left, top = (pieces.boxes[number, :2] - layout.boxes[number, :2]).tolist()
    top += number * rows
    inside = np.zeros(found.labels.shape, np.bool_)
    inside[top : top + rows, left : left + mine.shape[1]] = mine
    return inside
