"""Glyphs that touch are found as one: which those are likely to be, and which of the pieces they can be cut into.

A model that knows single glyphs takes two that touch for one of them, often surely. So what is wide is cut and its
pieces are read; they are believed where each of them is sure and one of them is what the whole looked like. The bounds
were chosen on digits of writers who are held out from training: of 6,782 that stand alone, four are cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_hwr.glyph_cuts import GlyphPieces, cut_glyph
from edge_hwr.layout import Layout

_WIDE_IF_SURE, _WIDE_IF_NOT, _WIDE_LETTER = 1.05, 0.8, 1.3
"""A glyph may be several if it is so wide, in heights of the sure glyphs of its line; the last is for sure ones where
letters are read (an M, a W)."""

_WIDEST = 3.0
"""What is wider is no number, but a rule or a word."""

_ROUGHLY = 0.85
"""What is narrower than so much of that bound, in heights of its own, is none whatever its line."""

_FEW, _SHARE, _SHARE_OF_LETTERS, _SURE_SHARE = 8, 0.5, 0.25, 0.8
"""Where more than the first, and more than a share of all, may be several, or fewer of the others than the last share
are sure, it is no writing of single glyphs."""

_SURE_PIECE = 0.95

_BREADTH = 0.55
"""Of many pieces the mean is not narrower: noughts can be cut into ones and twos."""

_STROKE, _STROKE_WIDE, _VERY_SURE = 0.5, 1.3, 0.95
"""Pieces that are all narrower than the first may be strokes of one glyph, and one such piece may be a stroke of a
glyph that is no wider than the second and surer than the third."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A glyph that may be several: what it was read as, how surely, its width in heights of the writing, its pieces."""

    index: int
    label: int
    confidence: float
    sure: bool
    width: float
    pieces: GlyphPieces


def find_touching(
    found: Layout, classes: NDArray[np.intp], confidences: NDArray[np.float32], threshold: float, *, letters: bool
) -> Iterator[tuple[Suspect, Layout]]:
    """The glyphs that may be several and can be cut, each with a layout of its pieces.

    They were read as these classes (N,) with these confidences (N,), by a model of which `letters` tells whether it
    knows some.
    """
    sure = confidences >= threshold
    bounds = np.where(sure, _WIDE_LETTER if letters else _WIDE_IF_SURE, _WIDE_IF_NOT)
    widths, wide = found.boxes[:, 2], []
    for index in np.flatnonzero(widths >= bounds * found.boxes[:, 3] * _ROUGHLY).tolist():
        height = _height_of_line(found, index, sure)
        if bounds[index] * height <= widths[index] <= _WIDEST * height:
            wide.append((index, height))
    others = np.delete(sure, [index for index, _ in wide])
    most = max(_FEW, (_SHARE_OF_LETTERS if letters else _SHARE) * len(found))
    if len(wide) > most or (len(others) > _FEW and others.mean() < _SURE_SHARE):
        return
    for index, height in wide:
        if (cut := cut_glyph(found, index, height)) is not None:
            seen = int(classes[index]), float(confidences[index]), bool(sure[index]), float(widths[index]) / height
            yield Suspect(index, *seen, cut[0]), cut[1]


def choose_pieces(suspect: Suspect, classes: NDArray[np.intp], confidences: NDArray[np.float32]) -> list[int]:
    """Which pieces, from left to right, a glyph is made of, as they were read; none where it is one glyph."""
    chosen = _likeliest(suspect, confidences)
    if not chosen or len(chosen) > 0.5 + suspect.width / _BREADTH:
        return []
    if suspect.sure and all(classes[piece] != suspect.label for piece in chosen):
        return []
    boxes = suspect.pieces.boxes
    widths = suspect.width * boxes[chosen, 2] / max(boxes[:, 0] + boxes[:, 2] - boxes[:, 0].min())
    one_may_be_stroke = suspect.confidence > _VERY_SURE and suspect.width < _STROKE_WIDE
    if (widths.min() if one_may_be_stroke else widths.max()) < _STROKE:
        return []
    return chosen


def replace_glyphs(
    found: Layout, raw: NDArray[Any], parts: dict[int, tuple[NDArray[np.int32], NDArray[Any]]]
) -> tuple[Layout, NDArray[Any]]:
    """A layout and its scores (N, C) with pieces, their boxes (K, 4) and scores (K, C), in the place of some glyphs.

    Only boxes and lines of that layout are of use: the map of whose ink is whose stays that of before.
    """
    whole = [(found.boxes[index : index + 1], raw[index : index + 1]) for index in range(len(found))]
    pieces = [parts.get(index, one) for index, one in enumerate(whole)]
    counts = [len(boxes) for boxes, _ in pieces]
    boxes = np.concatenate([boxes for boxes, _ in pieces])
    scores = np.concatenate([scores for _, scores in pieces])
    return replace(found, boxes=boxes, line_of=np.repeat(found.line_of, counts)), scores


def _height_of_line(found: Layout, index: int, sure: NDArray[np.bool_]) -> float:
    """The median height of the sure glyphs in the line of this one, or of all there are, or its own."""
    heights = found.boxes[:, 3]
    for others in (sure & (found.line_of == found.line_of[index]), sure):
        if others.any():
            return float(np.sort(heights[others])[np.count_nonzero(others) // 2])
    return float(heights[index])


def _likeliest(suspect: Suspect, confidences: NDArray[np.float32]) -> list[int]:
    """The pieces that make up the whole and are read the most surely, all of them surely enough."""
    pieces = suspect.pieces
    best: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
    # A piece ends at a later cut than any that it can be joined to.
    for piece in np.argsort(pieces.spans[:, 1], kind="stable").tolist():
        first, last = pieces.spans[piece].tolist()
        if first not in best or confidences[piece] < _SURE_PIECE:
            continue
        likelihood = best[first][0] + log(confidences[piece])
        if last not in best or likelihood > best[last][0]:
            best[last] = likelihood, [*best[first][1], piece]
    return best[pieces.count][1] if pieces.count in best else []
