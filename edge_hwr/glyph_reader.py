"""Reading single glyphs: all glyphs of a frame are found, read in one batch, and joined to lines of text."""

from __future__ import annotations

import dataclasses
import time
from itertools import pairwise
from operator import sub
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_hwr.bundle import Bundle
from edge_hwr.context import Context
from edge_hwr.decode import Decoder
from edge_hwr.glyph_cuts import cut_glyph
from edge_hwr.ink import Grey, find_ink
from edge_hwr.layout import Layout, find_frame_ink, find_glyphs
from edge_hwr.preprocess import GlyphPreprocessing, preprocess_glyphs
from edge_hwr.reading import REJECTED, Box, Glyph, Line, ReadPage, box_around
from edge_hwr.runtime import TfliteModel
from edge_hwr.tilt import TurnedFrame, find_tilt, turn_upright
from edge_hwr.touching_glyphs import Suspect, bounds_of, choose_pieces, find_touching, put_pieces

MARKS = frozenset(".,-'")
"""Small characters that stand apart: they are looked for only where a model knows one of them."""

_LEAST_SINGLE, _AS_HIGH = 0.35, 1.5
"""A glyph that is rejected and alone in its row has so much of the confidence wanted to be writing, and such a factor
at most between its height and the usual one."""

_WORD_GAP = 0.6
"""A blank is wider than this share of the glyphs' height …"""
_IN_BOXES, _FAR_APART = 1.5, 1.33
"""… but where the gaps usual in its line are that wide, so many times, digits stand in boxes, and blanks are where
these are, so many times, as far apart as others."""


_AT_ONCE = 8
"""Glyphs that may be several and are cut and read at once."""


class _Laps:
    """Seconds that each stage took, as ended one after the other, some more than once."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(("layout", "preprocess", "invoke", "decode"), 0.0)
        self._started = time.monotonic()

    def end(self, stage: str) -> None:
        now = time.monotonic()
        self.seconds[stage] += now - self._started
        self._started = now


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
        self._bounds = bounds_of(metadata.recipe)
        self._letters = any(label.isalpha() for label in bundle.labels)
        self._marks = not MARKS.isdisjoint(bundle.labels)

    def read(self, grey: Grey) -> ReadPage:
        """The lines of a frame and the seconds that each stage took."""
        laps = _Laps()
        ink, turned = find_frame_ink(grey), None
        if angle := find_tilt(ink):
            turned = turn_upright(grey, ink, angle)
            grey, ink = turned.grey, find_ink(turned.grey, ink.reduction)
        found = find_glyphs(grey, marks=self._marks, ink=ink)
        laps.end("layout")
        batch = preprocess_glyphs(found, self._preprocessing)
        laps.end("preprocess")
        lines: tuple[Line, ...] = ()
        if len(found):
            raw = self._model.invoke(batch)
            laps.end("invoke")
            lines = self._lines(*self._take_apart(found, raw, laps))
        if turned is not None:
            lines = tuple(_in_frame(line, turned) for line in lines)
        laps.end("decode")
        return ReadPage(lines, laps.seconds)

    def _take_apart(
        self, found: Layout, raw: NDArray[Any], laps: _Laps
    ) -> tuple[Layout, NDArray[Any], NDArray[np.intp]]:
        """Glyphs and raw scores (N, C) with those that touch taken apart, and which were found as one (N,)."""
        seen = self._decoder.decode(raw)
        suspects = find_touching(found, *seen, self._threshold, self._bounds, letters=self._letters)
        parts: dict[int, tuple[NDArray[np.int32], NDArray[Any]]] = {}
        for sure in (False, True):
            alike = [suspect for suspect in suspects if suspect.sure == sure]
            # The broadest come first: where none of some was several, none of the rest is.
            for start in range(0, len(alike), _AT_ONCE):
                apart = self._read_pieces(found, alike[start : start + _AT_ONCE], laps)
                parts |= apart
                if not apart:
                    break
        return put_pieces(found, raw, parts)

    def _read_pieces(
        self, found: Layout, suspects: list[Suspect], laps: _Laps
    ) -> dict[int, tuple[NDArray[np.int32], NDArray[Any]]]:
        """Boxes and raw scores of the pieces of those that are several, by their numbers."""
        cuts, batches = [], []
        for suspect in suspects:
            if (cut := cut_glyph(found, suspect.index, suspect.height)) is not None:
                laps.end("layout")
                cuts.append((suspect, cut[0]))
                batches.append(preprocess_glyphs(cut[1], self._preprocessing))
                laps.end("preprocess")
        if not cuts:
            return {}
        raw = self._model.invoke(np.concatenate(batches))
        laps.end("invoke")
        classes, confidences = self._decoder.decode(raw)
        parts = {}
        start = 0
        for suspect, pieces in cuts:
            own = slice(start, start + len(pieces))
            if chosen := choose_pieces(suspect, pieces, classes[own], confidences[own], self._bounds):
                parts[suspect.index] = pieces.boxes[chosen], raw[own][chosen]
            start = own.stop
        return parts

    def _lines(self, found: Layout, raw: NDArray[Any], part_of: NDArray[np.intp]) -> tuple[Line, ...]:
        """The lines of the glyphs of a layout, of which those with one number in `part_of` (N,) were found as one."""
        classes, confidences = self._decide(found, raw)
        labels, threshold = self._labels, self._threshold
        rows: list[list[Glyph]] = [[] for _ in range(int(found.line_of[-1]) + 1)]
        for row, index, confidence, box in zip(
            found.line_of.tolist(), classes.tolist(), confidences.tolist(), found.boxes.tolist(), strict=True
        ):
            rows[row].append(Glyph(labels[index], confidence, Box(*box), confidence < threshold))
        sure = [glyph.box.h for glyphs in rows for glyph in glyphs if not glyph.rejected]
        usual = sorted(sure)[len(sure) // 2] if sure else None
        wholes = iter(part_of.tolist())
        lines = [(glyphs, [next(wholes) for _ in glyphs]) for glyphs in rows]
        return tuple(_line(*line) for line in lines if self._is_writing(line[0], usual, alone=len(rows) == 1))

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


def _line(glyphs: list[Glyph], part_of: list[int]) -> Line:
    """Join glyphs, left to right, into a line; a wide gap is a blank. Those that are part of one were found as one."""
    first = [k for k in range(len(glyphs)) if k == 0 or part_of[k] != part_of[k - 1]]
    boxes = [glyph.box for glyph in glyphs]
    touching = len(first) < len(glyphs)
    wholes = [box_around(boxes[k:end]) for k, end in pairwise([*first, len(boxes)])] if touching else boxes
    before = dict(zip(first, _blanks(wholes, touching=touching), strict=True))
    text = "".join(
        (" " if before.get(k) else "") + (REJECTED if glyph.rejected else glyph.text) for k, glyph in enumerate(glyphs)
    )
    confidence = sum(glyph.confidence for glyph in glyphs) / len(glyphs)
    return Line(text, confidence, box_around(boxes), tuple(glyphs))


def _blanks(boxes: list[Box], *, touching: bool) -> list[bool]:
    """Whether there is a blank before each glyph of a line, of which some are several that are `touching`."""
    if len(boxes) < 2:
        return [False]
    height = sorted(box.h for box in boxes)[len(boxes) // 2]
    # For the gaps a narrow glyph (1, i, a comma) is taken to be as wide as others of its height.
    spare = [max(height / 2 - box.w, 0) / 2 for box in boxes]
    starts = [box.x - more for box, more in zip(boxes, spare, strict=True)]
    ends = [box.x + box.w + more for box, more in zip(boxes, spare, strict=True)]
    gaps = list(map(sub, starts[1:], ends))
    usual = sorted(gaps)[2 * len(gaps) // 5]
    # As far apart as everything stands, digits that touch are in no boxes.
    alike = touching and max(gaps) <= _FAR_APART * min(gaps)
    if alike or _IN_BOXES * usual <= _WORD_GAP * height:
        return [False, *(gap > _WORD_GAP * height for gap in gaps)]
    # The middles of digits are as far apart as the boxes are wide, but a one may stand anywhere in its own.
    middles = [box.x + box.w / 2 for box in boxes]
    distances = list(map(sub, middles[1:], middles))
    near, narrow = (_FAR_APART * sorted(apart)[len(apart) // 5] for apart in (distances, gaps))
    return [False, *(distance > near and gap > narrow for distance, gap in zip(distances, gaps, strict=True))]


def _in_frame(line: Line, turned: TurnedFrame) -> Line:
    """A line of a frame that was turned upright, where it stands in the frame as it came."""
    glyphs = tuple(dataclasses.replace(glyph, box=turned.in_frame(glyph.box)) for glyph in line.glyphs)
    return dataclasses.replace(line, box=box_around(glyph.box for glyph in glyphs), glyphs=glyphs)
