"""Reading one line: the crop of a line becomes characters, with the share of the line that each of them takes."""

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


@dataclass(frozen=True, slots=True, eq=False)
class ReadCrop:
    """What a crop of one line says, and the seconds that each stage took.

    `spans` are the ends of the characters along the writing, (characters + 1,), from 0 at its first ink to 1 at its
    last.
    """

    decoded: Decoded
    spans: NDArray[np.float64]
    seconds: dict[str, float]


class CropReader:
    """Reads crops with a line model; belongs to one thread at a time, as its model does.

    With a `lexicon` the text is searched for with its language model, and held to its words if it has any; without one
    each step says what it says.
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1, lexicon: LanguageModel | None = None) -> None:
        self._labels, self._temperature = bundle.labels, bundle.metadata.temperature
        self._lexicon = lexicon
        self._preprocessing = LinePreprocessing.from_json(bundle.metadata.preprocessing)
        self._model = LineModel(bundle.flatbuffer, threads=threads)

    def read(self, grey: Grey) -> ReadCrop:
        """The text of one line, uint8 (H, W), dark ink on lighter paper; empty where no writing is found."""
        started = time.monotonic()
        prepared = prepare_line(grey, self._preprocessing)
        preprocessed = time.monotonic()
        scores = self._model.scores(prepared.tensor, self._temperature) if prepared.width else None
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
            return decode_greedy(scores, self._labels)
        words = self._lexicon.words or None
        return decode_beam(scores, self._labels, language_model=self._lexicon, words=words)

    def _spans(self, characters: tuple[Character, ...], prepared: PreparedLine) -> NDArray[np.float64]:
        """CTC says where a character is surest, not where it ends: that is taken to be halfway to the next one."""
        between = [(one.last_step + 1 + other.first_step) / 2 for one, other in pairwise(characters)]
        margin = self._preprocessing.margin
        inked = max(prepared.width - 2 * margin, 1)
        return np.array([0.0, *((self._model.stride * step - margin) / inked for step in between), 1.0]).clip(0, 1)
