"""Glyphs that touch are found as one: which those are likely to be, and which of the pieces they can be cut into.

A model that knows single glyphs takes two that touch for one of them, often surely. So what is broad is cut and its
pieces are read; they are believed where each of them is very sure and, if the whole was, one of them is what it looked
like. The bounds were chosen on digits of writers who are held out from training, standing alone and tightly written,
and on prices and words in handwriting fonts: to read a number that is none is worse than to leave one unread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_hwr.glyph_cuts import GlyphPieces
from edge_hwr.layout import Layout

_WIDE_IF_SURE, _WIDE_LETTER = 1.05, 1.3
"""A glyph that was read surely may be several if it is so wide, in heights of the sure glyphs of its line; the second
is where letters are read (an M, a W)."""

_WIDEST = 3.0
"""What is wider is no number, but a rule or a word."""

_TIMES_USUAL, _NO_ONE = 1.4, 0.35
"""What is narrower than so many times this hand's narrower digits is one digit, however broad, but for `any_hand`; they
are those of more than the second, in heights of their own."""

_ROUGHLY = 0.85
"""What is narrower than so much of that bound, in heights of its own, is none whatever its line."""

_OTHERS, _SURE_OTHERS = 3, 0.8
"""Among so many others or more, of which fewer than this share are sure, there is no writing of single glyphs."""

_SURE_PIECE_OF_SURE = 0.99
"""Pieces of what looked sure are believed from this confidence on: one of a glyph's own strokes is easily taken for
another glyph, and confidences mean less of pieces than of glyphs."""

_BREADTH = 0.55
"""Of many pieces the mean is not narrower: noughts can be cut into ones and twos."""

_STROKE, _STROKE_WIDE = 0.5, 1.3
"""A piece narrower than the first may be a stroke of a glyph no wider than the second, and pieces that all are so
narrow may be strokes of any, but for a model that knows `strokes`."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a model is believed that was not sure of a glyph.

    The glyph may be several from the width `wide` on, in heights of the writing; in `any_hand`, or only where the
    writer's others are narrower. Pieces are believed from the confidence `sure` on, and where the model knows `strokes`
    from digits as narrow as these, however narrow they are.
    """

    wide: float
    any_hand: bool
    sure: float
    strokes: bool


CAUTIOUS = Bounds(wide=0.8, any_hand=False, sure=0.98, strokes=False)
"""For models that learned from single glyphs alone: what they say of others means little."""

TAUGHT = Bounds(wide=0.6, any_hand=True, sure=0.97, strokes=True)
"""For those that learned to be sure neither of glyphs that touch nor of parts of them."""


def bounds_of(recipe: Mapping[str, Any]) -> Bounds:
    """Those for a model of this recipe: what it learned from last tells, whatever it began with."""
    data = recipe.get("data")
    sources = [entry.get("source") for entry in data if isinstance(entry, Mapping)] if isinstance(data, list) else []
    return TAUGHT if "touching" in sources else CAUTIOUS


@dataclass(frozen=True, slots=True)
class Suspect:
    """A glyph of a layout that may be several: what it was read as, whether surely, and its width in heights of the
    writing (of `height` pixels)."""

    index: int
    label: int
    sure: bool
    width: float
    height: float


def find_touching(
    found: Layout,
    classes: NDArray[np.intp],
    confidences: NDArray[np.float32],
    threshold: float,
    bounds: Bounds,
    *,
    letters: bool,
) -> list[Suspect]:
    """The glyphs that may be several, the broadest first.

    They were read as these classes (N,) with these confidences (N,), by a model of which `letters` tells whether it
    knows some.
    """
    sure = confidences >= threshold
    wide = np.where(sure, _WIDE_LETTER if letters else _WIDE_IF_SURE, bounds.wide)
    widths = found.boxes[:, 2]
    broad = np.flatnonzero(widths >= wide * found.boxes[:, 3] * _ROUGHLY).tolist()
    if not broad:
        return []
    least = _TIMES_USUAL * _usual_width(found, sure)
    suspects = []
    for index in broad:
        height = _height_of_line(found, index, sure)
        width = float(widths[index]) / height
        usual = least if sure[index] or not bounds.any_hand else 0
        if max(wide[index], usual) <= width <= _WIDEST:
            suspects.append(Suspect(index, int(classes[index]), bool(sure[index]), width, height))
    if not suspects:
        return []
    alone = np.ones(len(found), np.bool_)
    alone[[suspect.index for suspect in suspects]] = False
    if not _are_mostly_sure(sure[alone]):
        return []
    kept = [one for one in suspects if _are_mostly_sure(sure[alone & (found.line_of == found.line_of[one.index])])]
    return sorted(kept, key=lambda suspect: -suspect.width)


def choose_pieces(
    suspect: Suspect,
    pieces: GlyphPieces,
    classes: NDArray[np.intp],
    confidences: NDArray[np.float32],
    bounds: Bounds,
) -> list[int]:
    """Which pieces, from left to right, a glyph is made of, as they were read; none where it is one glyph."""
    chosen = _likeliest(pieces, confidences, _SURE_PIECE_OF_SURE if suspect.sure else bounds.sure)
    if not chosen or len(chosen) > 0.5 + suspect.width / _BREADTH:
        return []
    if suspect.sure and all(classes[piece] != suspect.label for piece in chosen):
        return []
    if bounds.strokes and not suspect.sure:
        return chosen
    widths = pieces.boxes[chosen, 2] / suspect.height
    if (widths.min() if suspect.width < _STROKE_WIDE else widths.max()) < _STROKE:
        return []
    return chosen


def put_pieces(
    found: Layout, raw: NDArray[Any], parts: dict[int, tuple[NDArray[np.int32], NDArray[Any]]]
) -> tuple[Layout, NDArray[Any], NDArray[np.intp]]:
    """A layout and its scores (N, C) with pieces, their boxes (K, 4) and scores (K, C), in the place of some glyphs.

    The third is for each glyph that is there now the number of the one that it is or was a piece of. Only boxes and
    lines of that layout are of use: the map of whose ink is whose stays that of before.
    """
    if not parts:
        return found, raw, np.arange(len(found))
    wholes = [(found.boxes[index : index + 1], raw[index : index + 1]) for index in range(len(found))]
    now = [parts.get(index, whole) for index, whole in enumerate(wholes)]
    part_of = np.repeat(np.arange(len(found)), [len(boxes) for boxes, _ in now])
    boxes, scores = (np.concatenate(arrays) for arrays in zip(*now, strict=True))
    return replace(found, boxes=boxes, line_of=found.line_of[part_of]), scores, part_of


def _height_of_line(found: Layout, index: int, sure: NDArray[np.bool_]) -> float:
    """The median height of the sure glyphs in the line of this one, or of all there are, or its own."""
    heights = found.boxes[:, 3]
    for others in (sure & (found.line_of == found.line_of[index]), sure):
        if others.any():
            return float(np.sort(heights[others])[np.count_nonzero(others) // 2])
    return float(heights[index])


def _usual_width(found: Layout, sure: NDArray[np.bool_]) -> float:
    """How broad this hand's narrower digits are, in their heights, ones left aside; 0 where there are few."""
    widths = np.sort(found.boxes[sure, 2] / found.boxes[sure, 3])
    broad = widths[widths >= _NO_ONE]
    return float(broad[len(broad) // 4]) if len(broad) > _OTHERS else 0.0


def _are_mostly_sure(sure: NDArray[np.bool_]) -> bool:
    return len(sure) < _OTHERS or bool(sure.mean() >= _SURE_OTHERS)


def _likeliest(pieces: GlyphPieces, confidences: NDArray[np.float32], least: float) -> list[int]:
    """The pieces that make up the whole and are read the most surely, all of them surely enough."""
    best: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
    # A piece ends at a later cut than any that it can be joined to.
    for piece in np.argsort(pieces.spans[:, 1], kind="stable").tolist():
        first, last = pieces.spans[piece].tolist()
        if first not in best or confidences[piece] < least:
            continue
        likelihood = best[first][0] + log(confidences[piece])
        if last not in best or likelihood > best[last][0]:
            best[last] = likelihood, [*best[first][1], piece]
    return best[pieces.count][1] if pieces.count in best else []
