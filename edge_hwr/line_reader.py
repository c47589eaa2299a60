"""Reading whole lines with a line model: crops of a page, or one alone, become text with boxes on the page."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edge_hwr.bundle import Bundle
from edge_hwr.ctc import Character, Decoded, decode_beam, decode_greedy
from edge_hwr.ink import Grey
from edge_hwr.language_model import LanguageModel
from edge_hwr.line_preprocess import LinePreprocessing, PreparedLine, prepare_line
from edge_hwr.line_runtime import LineModel
from edge_hwr.page_layout import TextLine, find_lines
from edge_hwr.reading import REJECTED, Box, Glyph, Line


@dataclass(frozen=True, slots=True)
class ReadCrop:
    """What a crop of one line says, and the seconds that each stage took.

    `spans` are the ends of the characters along the writing, (characters + 1,), from 0 at its first ink to 1 at its
    last.
    """

    decoded: Decoded
    spans: NDArray[np.float64]
    seconds: dict[str, float]


class LineReader:
    """Reads lines with a line model; belongs to one thread at a time, as its model does.

    With a `lexicon` the text is searched for with its language model, and held to its words if it has any; without one
    each step says what it says.
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1, lexicon: LanguageModel | None = None) -> None:
        self._bundle = bundle
        self._lexicon = lexicon
        self._preprocessing = LinePreprocessing.from_json(bundle.metadata.preprocessing)
        self._model = LineModel(bundle.flatbuffer, threads=threads)

    def read(self, grey: Grey) -> tuple[tuple[Line, ...], dict[str, float]]:
        """The lines of a page, uint8 (H, W), and the seconds that each stage took."""
        started = time.monotonic()
        found = find_lines(grey).lines
        seconds = {"layout": time.monotonic() - started, "preprocess": 0.0, "invoke": 0.0, "decode": 0.0}
        lines = []
        for place in found:
            crop = self.read_crop(place.crop)
            for stage, taken in crop.seconds.items():
                seconds[stage] += taken
            if crop.decoded.text.strip():
                lines.append(self._line(crop, place))
        return tuple(lines), seconds

    def read_crop(self, grey: Grey) -> ReadCrop:
        """The text of one line, uint8 (H, W), dark ink on lighter paper; empty where no writing is found."""
        started = time.monotonic()
        prepared = prepare_line(grey, self._preprocessing)
        preprocessed = time.monotonic()
        metadata = self._bundle.metadata
        scores = self._model.scores(prepared.tensor, metadata.temperature) if prepared.width else None
        invoked = time.monotonic()
        decoded = Decoded("", 0.0, ()) if scores is None else self._decode(scores)
        spans = self._spans(decoded.characters, prepared)
        seconds = {
            "preprocess": preprocessed - started,
            "invoke": invoked - preprocessed,
            "decode": time.monotonic() - invoked,
        }
        return ReadCrop(decoded, spans, seconds)

    def _decode(self, scores: NDArray[np.float32]) -> Decoded:
        if self._lexicon is None:
            return decode_greedy(scores, self._bundle.labels)
        words = self._lexicon.words or None
        return decode_beam(scores, self._bundle.labels, language_model=self._lexicon, words=words)

    def _spans(self, characters: tuple[Character, ...], prepared: PreparedLine) -> NDArray[np.float64]:
        """CTC says where a character is surest, not where it ends: that is taken to be halfway to the next one."""
        between = [(one.last_step + 1 + other.first_step) / 2 for one, other in pairwise(characters)]
        margin = self._preprocessing.margin
        inked = max(prepared.width - 2 * margin, 1)
        return np.array([0.0, *((self._model.stride * step - margin) / inked for step in between), 1.0]).clip(0, 1)

    def _line(self, crop: ReadCrop, place: TextLine) -> Line:
        threshold = self._bundle.metadata.reject_below
        glyphs, text = [], ""
        boxes = _boxes(place.polygon, crop.spans)
        for character, box in zip(crop.decoded.characters, boxes, strict=True):
            if character.text.isspace():
                text += character.text
                continue
            rejected = character.confidence < threshold
            glyphs.append(Glyph(character.text, character.confidence, box, rejected))
            text += REJECTED if rejected else character.text
        return Line(text.strip(), crop.decoded.confidence, place.box, tuple(glyphs))


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
