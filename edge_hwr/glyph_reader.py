"""Reading single glyphs: all glyphs of a frame are found, read in one batch, and joined to lines of text."""

from __future__ import annotations

import dataclasses
import time
from operator import sub
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_hwr.bundle import Bundle
from edge_hwr.context import Context
from edge_hwr.decode import Decoder
from edge_hwr.ink import Grey, find_ink
from edge_hwr.layout import Layout, find_frame_ink, find_glyphs
from edge_hwr.preprocess import GlyphPreprocessing, preprocess_glyphs
from edge_hwr.reading import REJECTED, Box, Glyph, Line, ReadPage, box_around
from edge_hwr.runtime import TfliteModel
from edge_hwr.tilt import TurnedFrame, find_tilt, turn_upright
from edge_hwr.touching_glyphs import choose_pieces, find_touching, replace_glyphs

MARKS = frozenset(".,-'")
"""Small characters that stand apart: they are looked for only where a model knows one of them."""

_LEAST_SINGLE, _AS_HIGH = 0.5, 1.5
"""A glyph that is rejected and alone in its row has so much of the confidence wanted to be writing, and such a factor
at most between its height and the usual one."""

_WORD_GAP = 0.6
"""A blank is wider than this share of the glyphs' height …"""
_IN_BOXES, _FAR_APART = 1.5, 1.33
"""… but where the gaps usual in its line are that wide, so many times, digits stand in boxes, and blanks are where
these are, so many times, as far apart as others."""


class GlyphReader:
    """Reads the glyphs of frames, all of a frame in one batch; belongs to one thread at a time, as its model does.

    `context` as in a `Reader`.
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1, context: bool = True) -> None:
        metadata = bundle.metadata
        self._labels, self._threshold = bundle.labels, metadata.reject_below
        self._preprocessing = GlyphPreprocessing.from_json(metadata.preprocessing)
        self._model = TfliteModel(bundle.flatbuffer, threads=threads)
        self._decoder = Decoder(self._model.output_scale, metadata.temperature)
        weighing = Context(bundle.labels) if context else None
        self._context = weighing if weighing is not None and weighing.useful else None
        self._letters = any(label.isalpha() for label in bundle.labels)
        self._marks = not MARKS.isdisjoint(bundle.labels)

    def read(self, grey: Grey) -> ReadPage:
        """The lines of a frame and the seconds that each stage took."""
        started = time.monotonic()
        ink, turned = find_frame_ink(grey), None
        if angle := find_tilt(ink):
            turned = turn_upright(grey, ink, angle)
            grey, ink = turned.grey, find_ink(turned.grey, ink.reduction)
        found = find_glyphs(grey, marks=self._marks, ink=ink)
        laid_out = time.monotonic()
        batch = preprocess_glyphs(found, self._preprocessing)
        preprocessed = time.monotonic()
        raw = self._model.invoke(batch) if len(found) else None
        invoked = time.monotonic()
        lines = () if raw is None else self._lines(*self._take_apart(found, raw))
        if turned is not None:
            lines = tuple(_in_frame(line, turned) for line in lines)
        seconds = {
            "layout": laid_out - started,
            "preprocess": preprocessed - laid_out,
            "invoke": invoked - preprocessed,
            "decode": time.monotonic() - invoked,
        }
        return ReadPage(lines, seconds)

    def _take_apart(self, found: Layout, raw: NDArray[Any]) -> tuple[Layout, NDArray[Any]]:
        """Glyphs and raw scores (N, C) with what touches taken apart."""
        touching = find_touching(found, *self._decoder.decode(raw), self._threshold, letters=self._letters)
        suspects, batches = [], []
        for suspect, pieces in touching:
            suspects.append(suspect)
            batches.append(preprocess_glyphs(pieces, self._preprocessing))
        if not suspects:
            return found, raw
        scores = self._model.invoke(np.concatenate(batches))
        classes, confidences = self._decoder.decode(scores)
        parts = {}
        start = 0
        for suspect in suspects:
            own = slice(start, start + len(suspect.pieces))
            if chosen := choose_pieces(suspect, classes[own], confidences[own]):
                parts[suspect.index] = suspect.pieces.boxes[chosen], scores[own][chosen]
            start = own.stop
        return replace_glyphs(found, raw, parts)

    def _lines(self, found: Layout, raw: NDArray[Any]) -> tuple[Line, ...]:
        classes, confidences = self._decide(found, raw)
        labels, threshold = self._labels, self._threshold
        rows: list[list[Glyph]] = [[] for _ in range(int(found.line_of[-1]) + 1)]
        for row, index, confidence, box in zip(
            found.line_of.tolist(), classes.tolist(), confidences.tolist(), found.boxes.tolist(), strict=True
        ):
            rows[row].append(Glyph(labels[index], confidence, Box(*box), confidence < threshold))
        sure = [glyph.box.h for glyphs in rows for glyph in glyphs if not glyph.rejected]
        usual = sorted(sure)[len(sure) // 2] if sure else None
        return tuple(_line(glyphs) for glyphs in rows if self._is_writing(glyphs, usual, alone=len(rows) == 1))

    def _is_writing(self, glyphs: list[Glyph], usual: int | None, *, alone: bool) -> bool:
        """Whether a row is writing: with nothing but rejected glyphs it is a picture's halftone or the edge of a table,
        unless it is a single one as high as is `usual` for sure ones, or all there is."""
        if not all(glyph.rejected for glyph in glyphs):
            return True
        if len(glyphs) > 1 or glyphs[0].confidence < _LEAST_SINGLE * self._threshold:
            return False
        return alone if usual is None else bool(usual / _AS_HIGH <= glyphs[0].box.h <= _AS_HIGH * usual)

    def _decide(self, found: Layout, raw: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Class and confidence of each glyph, (N,), from raw scores (N, C)."""
        if self._context is None:
            return self._decoder.decode(raw)
        weighed = self._context.weigh(self._decoder.probabilities(raw), found.boxes, found.line_of)
        return weighed.argmax(axis=1), weighed.max(axis=1)


def _line(glyphs: list[Glyph]) -> Line:
    """Join glyphs, left to right, into a line; a wide gap is a blank."""
    text = REJECTED if glyphs[0].rejected else glyphs[0].text
    for blank, glyph in zip(_blanks([glyph.box for glyph in glyphs]), glyphs[1:], strict=True):
        text += (" " if blank else "") + (REJECTED if glyph.rejected else glyph.text)
    confidence = sum(glyph.confidence for glyph in glyphs) / len(glyphs)
    return Line(text, confidence, box_around(glyph.box for glyph in glyphs), tuple(glyphs))


def _blanks(boxes: list[Box]) -> list[bool]:
    """Whether there is a blank before each glyph of a line but the first."""
    if len(boxes) < 2:
        return []
    height = sorted(box.h for box in boxes)[len(boxes) // 2]
    # For the gaps a narrow glyph (1, i, a comma) is taken to be as wide as others of its height.
    spare = [max(height / 2 - box.w, 0) / 2 for box in boxes]
    starts = [box.x - more for box, more in zip(boxes, spare, strict=True)]
    ends = [box.x + box.w + more for box, more in zip(boxes, spare, strict=True)]
    gaps = list(map(sub, starts[1:], ends))
    # Where digits touch tells nothing of how far apart they stand otherwise, unless they mostly do.
    apart = [k for k, gap in enumerate(gaps) if gap > 0]
    telling = apart if 2 * len(apart) > len(gaps) else list(range(len(gaps)))
    usual = sorted(gaps[k] for k in telling)[2 * len(telling) // 5]
    if _IN_BOXES * usual <= _WORD_GAP * height:
        return [gap > _WORD_GAP * height for gap in gaps]
    # The middles of digits are as far apart as the boxes are wide, but a one may stand anywhere in its own.
    middles = [box.x + box.w / 2 for box in boxes]
    distances = list(map(sub, middles[1:], middles))
    near, narrow = (_FAR_APART * sorted(far[k] for k in telling)[len(telling) // 5] for far in (distances, gaps))
    return [distance > near and gap > narrow for distance, gap in zip(distances, gaps, strict=True)]


def _in_frame(line: Line, turned: TurnedFrame) -> Line:
    """A line of a frame that was turned upright, where it stands in the frame as it came."""
    glyphs = tuple(dataclasses.replace(glyph, box=turned.in_frame(glyph.box)) for glyph in line.glyphs)
    return dataclasses.replace(line, box=box_around(glyph.box for glyph in glyphs), glyphs=glyphs)
