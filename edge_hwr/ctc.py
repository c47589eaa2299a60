"""From the scores of a line network to text: connectionist temporal classification (CTC).

A line network gives one row of scores for each step along the line, over the labels and a blank, which is the last
class. A path takes one class a step; its text is what is left when repeats are merged and blanks dropped (A. Graves et
al., "Connectionist temporal classification", ICML 2006). Scores are logits, float32 (T, C) with C = len(labels) + 1,
already divided by the temperature of the bundle, so that their softmax is calibrated (C. Guo et al., "On calibration of
modern neural networks", ICML 2017); adding a constant to a row changes nothing.

Confidences are 0..1 and speak of what was seen, whatever a language model made of it. A character's is the highest
probability that its label has in one step of its span. A line's is the probability of the best path that says its text,
for each character, P ** (1 / max(1, characters)): lines of any length compare, and what may have been left out counts
as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_hwr.errors import UsageError
from edge_hwr.language_model import LanguageModel
from edge_hwr.prefix_search import search_prefixes, vocabulary_of, weighing_of

WIDTH = 64
"""Prefixes that the search keeps at most; where the writing is plain, it keeps few."""

_SECTION_WIDTH, _LONGEST_SECTION = 8, 24
"""Prefixes, and steps: what runs on for longer without a sure blank takes longest, and is seldom legible. Wider and
longer searches read validation lines hardly better."""

_MOST = 0.5
"""A text of this probability has no rival."""

_SURE_BLANK = 0.9
"""Steps whose blank is at least so probable part a line into sections."""


class Character(NamedTuple):
    """One character of a line: its confidence, and the first and last step (inclusive) that the alignment gives it."""

    text: str
    confidence: float
    first_step: int
    last_step: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """A line as text: `text` is that of its `characters`, in order."""

    text: str
    confidence: float
    characters: tuple[Character, ...]


def decode_greedy(scores: NDArray[np.float32], labels: Sequence[str]) -> Decoded:
    """The text of the best path through scores (T, C)."""
    _check(scores, labels)
    if not len(scores):
        return Decoded("", 1.0, ())
    path = scores.argmax(axis=1)
    below = scores - scores[np.arange(len(scores)), path, np.newaxis]
    # Of the softmax the best class of each step alone is wanted: one over the sum, as its own exponential is 1.
    return _decode_path(path, 1 / np.exp(below, out=below).sum(axis=1), labels)


def decode_sections(scores: NDArray[np.float32], labels: Sequence[str]) -> Decoded:
    """The text of the best path through scores (T, C), but where that is in doubt a more probable one.

    Two characters that a step cannot tell apart share its probability, and so may be beaten by a blank, or each win a
    step and both be written. The probability of a text is that of all its paths: where the best path is in doubt, the
    section between two sure blanks is searched for the most probable text (as the prefix search decoding of A. Graves
    et al., ICML 2006, parts lines into sections), which costs little, since most of a line is plain. The search keeps
    few prefixes, and leaves sections of more than 24 steps alone.
    """
    _check(scores, labels)
    if not len(scores):
        return Decoded("", 1.0, ())
    path = scores.argmax(axis=1)
    odds = scores - scores[np.arange(len(scores)), path, np.newaxis]
    np.exp(odds, out=odds)
    on_path = 1 / odds.sum(axis=1)
    for start, end in _sections_in_doubt(on_path, odds[:, -1] * on_path):
        probabilities = odds[start:end] * on_path[start:end, np.newaxis]
        seen = _collapsed(path[start:end], len(labels))
        if (probability := _probability_of(probabilities, seen)) >= _MOST:
            continue
        text = search_prefixes(probabilities, _SECTION_WIDTH, None, None) or []
        if text != seen and _probability_of(probabilities, text) > probability:
            path[start:end] = _align(probabilities, text)
            on_path[start:end] = probabilities[np.arange(end - start), path[start:end]]
    return _decode_path(path, on_path, labels)


def decode_beam(
    scores: NDArray[np.float32],
    labels: Sequence[str],
    *,
    width: int = WIDTH,
    language_model: LanguageModel | None = None,
    words: Iterable[str] | None = None,
) -> Decoded:
    """The text that is most probable over all its paths through scores (T, C), by a search that keeps `width` prefixes.

    The search is that of A. Hannun et al., "First-pass large vocabulary continuous speech recognition using
    bi-directional recurrent DNNs" (2014), over characters. With a language model each character multiplies the
    probability by p(character | those before it) ** weight * exp(bonus), both as its file has them: the bonus makes up
    for long texts being less probable than short ones. With `words` the text is one of them or several with single
    blanks between; it is empty, with confidence 0, where none fits.
    """
    _check(scores, labels)
    if width < 1:
        raise UsageError(f"a beam of width {width}: must be at least 1")
    if not len(scores):
        return Decoded("", 1.0, ())
    probabilities = _probabilities(scores)
    labels = tuple(labels)
    weighing = None if language_model is None else weighing_of(language_model, labels)
    vocabulary = None if words is None else vocabulary_of(tuple(words), labels)
    text = search_prefixes(probabilities, width, weighing, vocabulary)
    if text is None:
        return Decoded("", 0.0, ())
    path = _align(probabilities, text)
    return _decode_path(path, probabilities[np.arange(len(path)), path], labels)


def _sections_in_doubt(on_path: NDArray[np.float32], blank: NDArray[np.float32]) -> list[tuple[int, int]]:
    """First and last step (exclusive) of the sections between sure blanks in which another text may be more probable:
    not those of one step, nor where the best path alone is probable enough."""
    inside = np.concatenate([[False], blank < _SURE_BLANK, [False]])
    starts, ends = np.flatnonzero(inside[1:] != inside[:-1]).reshape(-1, 2).T
    sums = np.append(0.0, np.log(on_path).cumsum())
    steps = ends - starts
    doubted = (steps > 1) & (steps <= _LONGEST_SECTION) & (sums[ends] - sums[starts] < math.log(_MOST))
    return list(zip(starts[doubted].tolist(), ends[doubted].tolist(), strict=True))


def _collapsed(path: NDArray[np.intp], blank: int) -> list[int]:
    return [label for label, _ in groupby(path.tolist()) if label != blank]


def _probability_of(probabilities: NDArray[np.float32], text: list[int]) -> float:
    """Of all paths that say a text, together: the forward variables of A. Graves et al., 2006, in plain Python, which
    is quickest for a few steps."""
    states = [probabilities.shape[1] - 1]
    for label in text:
        states += [label, states[0]]
    # A blank may be left out between two labels that differ.
    skips = [at > 1 and at % 2 == 1 and states[at] != states[at - 2] for at in range(len(states))]
    forward = [1.0] + [0.0] * (len(states) - 1)
    for row in probabilities[:, states].tolist():
        before = forward
        forward = [
            chance * (before[at] + (before[at - 1] if at else 0.0) + (before[at - 2] if skips[at] else 0.0))
            for at, chance in enumerate(row)
        ]
    return sum(forward[-2:])


def _align(probabilities: NDArray[np.float32], text: list[int]) -> NDArray[np.intp]:
    """The most probable path, (T,), among those whose text is `text` (A. Viterbi, 1967)."""
    blank = probabilities.shape[1] - 1
    states = np.full(2 * len(text) + 1, blank)
    states[1::2] = text
    emitted = np.log(np.maximum(probabilities[:, states], np.finfo(np.float32).tiny))
    # A blank may be left out between two labels that differ.
    skips = np.full(len(states), -np.inf, np.float32)
    skips[3::2] = np.where(states[3::2] == states[1:-2:2], -np.inf, 0)
    best = np.full(len(states) + 2, -np.inf, np.float32)
    best[2:4] = emitted[0, :2]
    came = np.zeros(emitted.shape, np.int8)
    options = np.empty((3, len(states)), np.float32)
    everywhere = np.arange(len(states))
    for step in range(1, len(emitted)):
        options[0] = best[2:]
        options[1] = best[1:-1]
        np.add(best[:-2], skips, out=options[2])
        came[step] = options.argmax(axis=0)
        best[2:] = options[came[step], everywhere] + emitted[step]
    state = len(states) - 1
    if len(states) > 1 and best[-2] > best[-1]:
        state -= 1
    path = np.empty(len(emitted), np.intp)
    for step in range(len(emitted) - 1, -1, -1):
        path[step] = states[state]
        state -= int(came[step, state])
    return path


def _decode_path(path: NDArray[np.intp], on_path: NDArray[np.float32], labels: Sequence[str]) -> Decoded:
    """The text of a path, (T,), whose steps have these probabilities."""
    ends = np.append(np.flatnonzero(path[1:] != path[:-1]), len(path) - 1)
    starts = np.append(0, ends[:-1] + 1)
    shown = path[starts] != len(labels)
    confidences = np.maximum.reduceat(on_path, starts)[shown]
    starts, ends = starts[shown], ends[shown]
    texts = [labels[label] for label in path[starts].tolist()]
    spans = zip(texts, confidences.tolist(), starts.tolist(), ends.tolist(), strict=True)
    characters = tuple(map(Character._make, spans))
    log_probability = np.log(np.maximum(on_path, np.finfo(np.float32).tiny)).sum(dtype=np.float64)
    return Decoded("".join(texts), float(np.exp(log_probability / max(1, len(texts)))), characters)


def _probabilities(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax over the classes, (T, C)."""
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True), dtype=np.float32)
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def _check(scores: NDArray[np.float32], labels: Sequence[str]) -> None:
    if scores.ndim != 2 or scores.shape[1] != len(labels) + 1:
        raise UsageError(
            f"scores of {scores.shape} do not fit {len(labels)} labels and a blank: (T, {len(labels) + 1})"
        )
