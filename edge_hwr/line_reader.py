"""Reading one line: the crop of a line becomes characters, with the share of the line that each of them takes."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edge_hwr.bundle import Bundle
from edge_hwr.ctc import Character, Decoded, decode_beam, decode_sections
from edge_hwr.ink import Grey
from edge_hwr.language_model import LanguageModel
from edge_hwr.line_preprocess import LinePreprocessing, PreparedLine, prepare_line
from edge_hwr.line_runtime import LineModel
from edge_hwr.prefix_search import vocabulary_of

log = logging.getLogger(__name__)

_WORDS_APART = 1.25
"""Bare paper that is wider than the line is high, by this factor, lies between two words."""

_BESIDE = 0.5
"""Within so many heights of the ink there may be something of it, and what the network says of that."""

_INKED = 64
"""From here on a pixel of the tensor is ink."""

NO_WRITING = 0.2
"""A line of less confidence is no writing but the grain of a table, a picture, folds. No validation line on clean paper
has so little; those that have, under a camera, are read wrongly in three characters of four."""

_SURE = 20.0
"""By how much a logit is to be above all others for there to be no doubt."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadLine:
    """What a crop of one line says, and the seconds that each stage took.

    `spans` are the ends of the characters along the writing, (characters + 1,), from 0 at its first ink to 1 at its
    last. `seen` is kept for a search that may follow.
    """

    decoded: Decoded
    spans: NDArray[np.float64]
    seconds: dict[str, float]
    seen: _Seen | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What the model made of a line, for a search that may come later."""

    scores: NDArray[np.float32]
    prepared: PreparedLine
    inked: NDArray[np.intp]


class LineReader:
    """Reads crops with a line model; belongs to one thread at a time, as its model does.

    With a `lexicon` the text is searched for with its language model, and held to its words if it has any; without one
    it is what is most probable by what is seen alone.
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1, lexicon: LanguageModel | None = None) -> None:
        self._labels, self._temperature = bundle.labels, bundle.metadata.temperature
        self._lexicon = lexicon
        if lexicon is not None and lexicon.words:
            _check_words(lexicon.words, self._labels)
        self._preprocessing = LinePreprocessing.from_json(bundle.metadata.preprocessing)
        self._model = LineModel(bundle.flatbuffer, threads=threads)

    def read(self, grey: Grey, *, search: bool = True) -> ReadLine:
        """The text of one line, uint8 (H, W), dark ink on lighter paper; empty where no writing is found.

        Without `search` the lexicon is left aside for now: that is fast, and tells as well whether there is any sense
        in it; see `search`.
        """
        started = time.monotonic()
        prepared = prepare_line(grey, self._preprocessing)
        inked = np.flatnonzero((prepared.tensor[0, ..., 0] >= _INKED).any(axis=0))
        seconds = {"preprocess": time.monotonic() - started, "invoke": 0.0, "decode": 0.0}
        if not prepared.width:
            return ReadLine(Decoded("", 0.0, ()), np.array([0.0, 1.0]), seconds)
        started = time.monotonic()
        scores = self._model.scores(prepared.tensor, self._temperature)
        self._part_words(scores, inked)
        seconds["invoke"] = time.monotonic() - started
        started = time.monotonic()
        decoded = decode_sections(scores, self._labels)
        spans = self._spans(decoded.characters, prepared, inked)
        seconds["decode"] = time.monotonic() - started
        if self._lexicon is None:
            return ReadLine(decoded, spans, seconds)
        read = ReadLine(decoded, spans, seconds, _Seen(scores, prepared, inked))
        return self.search(read) if search else read

    def search(self, read: ReadLine) -> ReadLine:
        """What a line says by the lexicon, if there is one; its seconds are those of both readings."""
        seen, lexicon = read.seen, self._lexicon
        if seen is None or lexicon is None:
            return read
        if not lexicon.words and read.decoded.confidence < NO_WRITING:
            return replace(read, seen=None)  # a search takes longest where there is nothing to find
        started = time.monotonic()
        decoded = decode_beam(seen.scores, self._labels, language_model=lexicon, words=lexicon.words or None)
        spans = self._spans(decoded.characters, seen.prepared, seen.inked)
        taken = read.seconds["decode"] + time.monotonic() - started
        return ReadLine(decoded, spans, read.seconds | {"decode": taken})

    def _part_words(self, scores: NDArray[np.float32], inked: NDArray[np.intp]) -> None:
        """Put a blank into the scores where paper is bare for so long that a network that looks no further saw none,
        and nothing else there: a little doubt at each of a hundred steps is none about what is written. `inked` are the
        columns of the line's tensor that have ink.

        Answers on a form stand so far apart; writing that runs on never does.
        """
        if " " not in self._labels:
            return
        between, stride, height = self._labels.index(" "), self._model.stride, self._model.height
        wide = np.flatnonzero(np.diff(inked) > _WORDS_APART * height)
        if not len(wide):
            return
        path = scores.argmax(axis=1)
        for left, right in zip(inked[wide], inked[wide + 1], strict=True):
            bare = np.arange(-int(-(left + _BESIDE * height) // stride), int((right - _BESIDE * height) // stride))
            path[bare] = np.where(path[bare] == between, between, len(self._labels))
            scores[bare, path[bare]] = scores[bare].max(axis=1) + _SURE
        written = np.flatnonzero(path != len(self._labels))
        for middle in (inked[wide] + inked[wide + 1]) // (2 * stride):
            after = int(np.searchsorted(written, middle))
            beside = written[max(after - 1, 0) : after + 1]
            # Only between two characters, not before a stain that is read as nothing.
            if 0 < after < len(written) and middle not in beside and between not in path[beside]:
                scores[middle, between] = scores[middle].max() + _SURE

    def _spans(
        self, characters: tuple[Character, ...], prepared: PreparedLine, inked: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """CTC says where a character is surest, not where it ends: that is taken to be halfway to the next one, and
        before a blank where the ink ends."""
        stride = self._model.stride
        ends = [stride * (one.last_step + 1 + other.first_step) / 2 for one, other in pairwise(characters)]
        for at, character in enumerate(characters):
            if character.text != " ":
                continue
            middle = stride * (character.first_step + character.last_step + 1) / 2
            after = int(np.searchsorted(inked, middle))
            if at > 0 and after > 0 and characters[at - 1].text != " ":
                before = stride * (characters[at - 1].first_step + 0.5)
                ends[at - 1] = min(max(int(inked[after - 1]) + 1, before), middle)
            if at < len(ends) and after < len(inked):
                behind = stride * (characters[at + 1].last_step + 0.5)
                ends[at] = max(min(int(inked[after]), behind), middle)
        margin = self._preprocessing.margin
        width = max(prepared.width - 2 * margin, 1)
        return np.array([0.0, *((end - margin) / width for end in ends), 1.0]).clip(0, 1)


def _check_words(words: tuple[str, ...], labels: tuple[str, ...]) -> None:
    """Before anything is read: `UsageError` where no word can be written, and a warning where some cannot."""
    vocabulary_of(words, labels)
    written = frozenset(labels)
    if unreadable := [word for word in words if not written.issuperset(word)]:
        log.warning(
            "the model cannot read %d of the lexicon's %d words: %s", len(unreadable), len(words), unreadable[0]
        )
