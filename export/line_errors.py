"""Where the reading of a line departs from its truth, character by character."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from edge_hwr.line_reader import ReadLine
from edge_hwr.metrics import align

from .confusion import NOTHING, Confusion, count_confusions


class Pair(NamedTuple):
    """A character of the truth and the one read for it: `guess` is NOTHING for one left out, `truth` for one put in.

    `confidence` (0..1) is the read one's, 0 where there is none. It was seen from `start` to `end` along the writing,
    both 0 at its first ink and 1 at its last; what was left out, between two others, has no width.
    """

    truth: str
    guess: str
    confidence: float
    start: float
    end: float

    @property
    def right(self) -> bool:
        return self.truth == self.guess


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """A line of a dataset, the `index`th, beside its reading."""

    index: int
    pairs: tuple[Pair, ...]
    confidence: float

    @property
    def length(self) -> int:
        """Characters of the truth."""
        return sum(pair.truth != NOTHING for pair in self.pairs)

    @property
    def edits(self) -> int:
        return sum(not pair.right for pair in self.pairs)

    @property
    def rate(self) -> float:
        """Its character error rate, 0 and up; a truth without characters counts as one."""
        return self.edits / max(self.length, 1)


def compare_line(index: int, truth: str, crop: ReadLine) -> ComparedLine:
    """Align a truth with what was read, by the fewest edits; both in Unicode's composed form (NFC)."""
    wanted = unicodedata.normalize("NFC", truth)
    read = [unicodedata.normalize("NFC", character.text) for character in crop.decoded.characters]
    spans = crop.spans.tolist()
    pairs, place = [], 0
    for first, second in align(wanted, read):
        expected = NOTHING if first is None else wanted[first]
        if second is None:
            at = spans[place] if read else 0.5
            pairs.append(Pair(expected, NOTHING, 0.0, at, at))
        else:
            place = second + 1
            confidence = crop.decoded.characters[second].confidence
            pairs.append(Pair(expected, read[second], confidence, spans[second], spans[second + 1]))
    return ComparedLine(index, tuple(pairs), crop.decoded.confidence)


def count_mistakes(lines: Iterable[ComparedLine]) -> tuple[Confusion, Counter[str]]:
    """What the characters of the truths were read as (left out: NOTHING), and which ones were put in, how often."""
    pairs = [pair for line in lines for pair in line.pairs]
    due = [pair for pair in pairs if pair.truth != NOTHING]
    added = Counter(pair.guess for pair in pairs if pair.truth == NOTHING)
    truths, guesses = [pair.truth for pair in due], [pair.guess for pair in due]
    labels = sorted({*truths, *guesses} - {NOTHING})
    return count_confusions(truths, guesses, labels), added
