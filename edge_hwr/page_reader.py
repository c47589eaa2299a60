"""Reading pages with a line model: lines are found, each is read, and its characters get boxes on the page."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_hwr.bundle import Bundle
from edge_hwr.ink import Grey
from edge_hwr.language_model import LanguageModel
from edge_hwr.line_memory import LineMemory
from edge_hwr.line_reader import NO_WRITING, LineReader, ReadLine
from edge_hwr.page_layout import PageLayout, TextLine, find_lines
from edge_hwr.quarter_turns import turn, turn_box_back, turn_points_back
from edge_hwr.reading import REJECTED, Box, Glyph, Line, ReadPage, box_around

_DOUBTFUL = 0.8
"""A page of less confidence may lie upside down: some of its lines are read the other way round."""

_SENSELESS = 0.6
"""A page of less confidence may lie on its side: lines are looked for along that as well. Pages on their sides had up
to 0.53, those of hands that are hard to read 0.64 or more the right way up."""

_CLEARLY, _DOUBT, _LEAST = 1.25, 0.5, 0.3
"""A page is turned for so many times the confidence, or so much of the doubt, and for at least so much confidence:
noise makes no sense either way.

With `lines`, eight pages the right way up had 1.5 to 1.9 times the confidence of the same pages upside down, which had
0.3 to 0.55, and noise had less than 0.1.
"""

_CUT, _TOUCH = 0.7, 0.05
"""A line that the upper or lower edge of the picture cuts in two makes no sense: it has less than so much of the other
lines' confidence. It ends nearer to the edge than this share of its height."""

_SAMPLE = 4
"""So many of a page's lines, the longest, tell which way up it is."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What a picture says when it is turned by so many degrees; places and crops are those of the turned picture."""

    turned: int
    found: tuple[tuple[TextLine, ReadLine], ...]
    known: tuple[bool, ...]
    """Of each line, whether it was remembered."""
    rows: tuple[tuple[int, ...], ...]
    """Which lines are read together."""


class PageReader:
    """Reads pages with a line model; belongs to one thread at a time, as its model does.

    With a `lexicon` the text is searched for with its language model, and held to its words if it has any; without one
    it is what is most probable by what is seen alone. A page whose lines make little sense is looked at upside down and
    on its sides as well.
    With `remember` the pages are frames of one scene: lines that look as in the frame before are not read again.
    """

    def __init__(
        self, bundle: Bundle, *, threads: int = 1, lexicon: LanguageModel | None = None, remember: bool = False
    ) -> None:
        self._reader = LineReader(bundle, threads=threads, lexicon=lexicon)
        self._threshold = bundle.metadata.reject_below
        # Held to a list of words, a line that is none of them has the confidence of the nearest.
        self._least = 0.0 if lexicon is not None and lexicon.words else NO_WRITING
        self._memory = LineMemory() if remember else None
        self._turned = 0
        self._seconds: dict[str, float] = {}
        self._layouts: dict[int, PageLayout] = {}

    def read(self, grey: Grey) -> ReadPage:
        """The text of a page, uint8 (H, W), dark ink on lighter paper; boxes are in its pixels."""
        self._seconds = dict.fromkeys(("layout", "preprocess", "invoke", "decode"), 0.0)
        self._layouts = {}
        attempt = self._attempt(grey, self._turned)
        # What is only remembered was looked at from all sides when it was read.
        if not all(attempt.known) and _confidence(crop for _, crop in attempt.found) < _DOUBTFUL:
            turned = self._clearest_turn(grey, attempt)
            if turned != attempt.turned:
                attempt = self._attempt(grey, turned)
        if self._memory is not None:
            self._turned = attempt.turned
        cut = self._cut_in_two(attempt, grey.shape[::-1] if attempt.turned % 180 else grey.shape)
        lines, remembered = [], 0
        for row in attempt.rows:
            whole = [attempt.found[k] for k in row if k not in cut]
            found = [(place, self._search(crop)) for place, crop in whole]
            parts = [
                self._line(crop, _turned_back(place, attempt.turned, grey.shape))
                for place, crop in found
                if self._is_text(crop)
            ]
            if parts:
                lines.append(_joined(parts))
                remembered += all(attempt.known[k] for k in row)
        self._layouts.clear()
        return ReadPage(tuple(lines), dict(self._seconds), attempt.turned, remembered)

    def _attempt(self, grey: Grey, degrees: int) -> _Attempt:
        layout = self._find(grey, degrees)
        if self._memory is None:
            read = [(self._glance(place.crop), False) for place in layout.lines]
        else:
            self._memory.begin_frame(layout.flat)
            read = [self._memory.read(place, self._read) for place in layout.lines]
        found = tuple((place, crop) for place, (crop, _) in zip(layout.lines, read, strict=True))
        rows = layout.rows([_is_attached(crop.decoded.text) for _, crop in found])
        return _Attempt(degrees, found, tuple(known for _, known in read), tuple(map(tuple, rows)))

    def _cut_in_two(self, attempt: _Attempt, shape: tuple[int, ...]) -> set[int]:
        """Which lines are but the lower or the upper half of writing, in a turned picture of this (height, width)."""
        if not self._least:
            return set()  # a list of words makes the nearest of them, too
        edge = {k for k, (place, _) in enumerate(attempt.found) if _touches(place.box, shape[0])}
        inner = [crop for k, (_, crop) in enumerate(attempt.found) if k not in edge]
        least = _CUT * _confidence(inner)
        return {k for k in edge if attempt.found[k][1].decoded.confidence < least}

    def _clearest_turn(self, grey: Grey, attempt: _Attempt) -> int:
        """The turn in which the page makes most sense, that of `attempt` unless another is clearly better.

        What it costs is bounded: a sample of the lines is read the other way round and, of a page without any sense,
        lines are looked for on its side and a sample of these is read both ways.
        """
        places = _longest([place for place, _ in attempt.found])
        if self._memory is None:
            confidence = _confidence(crop for place, crop in attempt.found if place in places)
        else:
            confidence = self._sampled(places, upside_down=False)
        others = [(self._sampled(places, upside_down=True), 180)]
        if _confidence(crop for _, crop in attempt.found) < _SENSELESS:
            places = _longest(self._find(grey, (attempt.turned + 90) % 360).lines)
            others.append((self._sampled(places, upside_down=False), 90))
            others.append((self._sampled(places, upside_down=True), 270))
        best, further = max(others)
        clearly = best >= _CLEARLY * confidence or 1 - best <= _DOUBT * (1 - confidence)
        return (attempt.turned + further) % 360 if clearly and best >= _LEAST else attempt.turned

    def _sampled(self, places: Sequence[TextLine], *, upside_down: bool) -> float:
        crops = (place.crop[::-1, ::-1] if upside_down else place.crop for place in places)
        return _confidence([self._glance(np.ascontiguousarray(crop)) for crop in crops])

    def _find(self, grey: Grey, degrees: int) -> PageLayout:
        """The layout of a page once it is turned, found once for each turn."""
        if degrees not in self._layouts:
            started, before = time.monotonic(), sum(self._seconds.values())
            self._layouts[degrees] = find_lines(turn(grey, degrees), self._sense)
            self._seconds["layout"] += time.monotonic() - started - (sum(self._seconds.values()) - before)
        return self._layouts[degrees]

    def _sense(self, places: Sequence[TextLine]) -> float:
        """How sure the reader is of a sample of lines, the better way round where there is doubt."""
        sample = _longest(places)
        upright = self._sampled(sample, upside_down=False)
        return upright if upright >= _DOUBTFUL else max(upright, self._sampled(sample, upside_down=True))

    def _read(self, crop: Grey) -> ReadLine:
        return self._search(self._glance(crop))

    def _glance(self, crop: Grey) -> ReadLine:
        """What a line says without the lexicon: enough to judge it by."""
        read = self._reader.read(crop, search=False)
        for stage, taken in read.seconds.items():
            self._seconds[stage] += taken
        return read

    def _search(self, crop: ReadLine) -> ReadLine:
        found = self._reader.search(crop)
        self._seconds["decode"] += found.seconds["decode"] - crop.seconds["decode"]
        return found

    def _is_text(self, crop: ReadLine) -> bool:
        return bool(crop.decoded.text.strip()) and crop.decoded.confidence >= self._least

    def _line(self, crop: ReadLine, place: TextLine) -> Line:
        glyphs, text = [], ""
        boxes = _boxes(place.polygon, crop.spans)
        for character, box in zip(crop.decoded.characters, boxes, strict=True):
            if character.text.isspace():
                text += character.text
                continue
            rejected = character.confidence < self._threshold
            glyphs.append(Glyph(character.text, character.confidence, box, rejected))
            text += REJECTED if rejected else character.text
        return Line(text.strip(), crop.decoded.confidence, place.box, tuple(glyphs), joined=True)


def _touches(box: Box, height: int) -> bool:
    """Whether a box touches the upper or the lower edge of a picture so high."""
    return box.y <= _TOUCH * box.h or box.y + box.h >= height - _TOUCH * box.h


def _is_attached(text: str) -> bool:
    """Whether a text says something of what stands beside it: "Name:", or mostly digits, as 12, 3.40 €, 07:15. A
    calculation stands by itself."""
    if text.endswith(":"):
        return True
    return "=" not in text and 2 * sum(map(str.isdigit, text)) >= max(len(text.replace(" ", "")), 1)


def _joined(parts: Sequence[Line]) -> Line:
    """What stands in one row, as one line."""
    if len(parts) == 1:
        return parts[0]
    glyphs = tuple(glyph for part in parts for glyph in part.glyphs)
    text, box = " ".join(part.text for part in parts), box_around(part.box for part in parts)
    return Line(text, _mean((part.text, part.confidence) for part in parts), box, glyphs, joined=True)


def _confidence(crops: Iterable[ReadLine]) -> float:
    """The mean confidence of lines."""
    return _mean((crop.decoded.text, crop.decoded.confidence) for crop in crops)


def _mean(confidences: Iterable[tuple[str, float]]) -> float:
    """The mean of texts' confidences, weighted by their characters: a long line says more about a page."""
    weighted = [(max(len(text), 1), confidence) for text, confidence in confidences]
    return sum(weight * confidence for weight, confidence in weighted) / max(sum(weight for weight, _ in weighted), 1)


def _longest(places: Sequence[TextLine]) -> list[TextLine]:
    """A sample of lines, the longest for their height."""
    return heapq.nlargest(_SAMPLE, places, key=lambda place: place.crop.shape[1] / place.crop.shape[0])


def _turned_back(place: TextLine, degrees: int, shape: tuple[int, ...]) -> TextLine:
    """A line of the turned picture where it is on the picture, whose shape is (height, width)."""
    box, polygon = turn_box_back(place.box, degrees, shape), turn_points_back(place.polygon, degrees, shape)
    return replace(place, box=box, polygon=polygon)


def _boxes(polygon: NDArray[np.int32], spans: NDArray[np.float64]) -> list[Box]:
    """The boxes on the page between neighbouring spans (N + 1,) of a line, whose polygon runs along its upper edge and
    back along the lower one."""
    half = len(polygon) // 2
    upper, lower = polygon[:half], polygon[: half - 1 : -1]
    along = np.linspace(0, 1, half)
    ends = np.stack(
        [np.interp(spans, along, edge[:, axis]) for edge in (upper, lower) for axis in (0, 1)], axis=1
    ).reshape(-1, 2, 2)
    corners = np.concatenate([ends[:-1], ends[1:]], axis=1).round().astype(int)
    low, high = corners.min(axis=1).tolist(), corners.max(axis=1).tolist()
    return [Box(x, y, right - x + 1, bottom - y + 1) for (x, y), (right, bottom) in zip(low, high, strict=True)]
