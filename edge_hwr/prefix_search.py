"""The search for the text of a line: prefixes that grow step by step, weighed by a language model or held to words.

`edge_hwr.ctc.decode_beam` says what is searched; here is how. Probabilities are plain floats, scaled at each step: that
is several times faster in Python than sums of logarithms.
"""

from __future__ import annotations

from functools import lru_cache
from heapq import nlargest
from math import inf
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from edge_hwr.errors import UsageError
from edge_hwr.language_model import UNSEEN, History, LanguageModel

_NEGLIGIBLE = 3e-4
_MOST_LABELS = 12
"""A step starts at most so many characters, none less probable than that, unless a list of words asks for others."""

_HOPELESS = 3e-3
"""A prefix this much less probable than the best is not followed, unless it is a list of words that asks for it: so the
beam is wide where the writing is hard to read, and narrow where it is plain."""

_MOST_STATES = 8192

_BY_PROBABILITY = attrgetter("seen")


class Weighing:
    """What a language model makes of each label: factors of probability, by states that are followed along a text."""

    def __init__(self, language_model: LanguageModel, labels: tuple[str, ...]) -> None:
        self.language_model = language_model
        self.labels = labels
        self.weight = language_model.metadata.weight
        self.bonus = float(np.exp(language_model.metadata.bonus))
        self.indices = [language_model.index.get(label) for label in labels]
        self._states: dict[bytes, _State] = {}

    def factor(self, prefix: _Prefix, label: int) -> float:
        """By what `label` behind a prefix multiplies its probability."""
        state = prefix.state or self._enter(prefix)
        factor = state.factors.get(label)
        if factor is None:
            index = self.indices[label]
            probability = UNSEEN if index is None else float(state.history.probabilities[index])
            state.factors[label] = factor = self.bonus * probability**self.weight
        return factor

    def _enter(self, prefix: _Prefix) -> _State:
        """The state of a prefix, found late: most never get to grow, and reading a history is what costs most."""
        parent = prefix.parent
        if parent is None:
            prefix.state = self._state(self.language_model.start())
            return prefix.state
        before = parent.state or self._enter(parent)
        state = before.followers.get(prefix.label)
        if state is None:
            state = self._state(self.language_model.follow(before.history, self.labels[prefix.label]))
            before.followers[prefix.label] = state
        prefix.state = state
        return state

    def _state(self, history: History) -> _State:
        state = self._states.get(history.characters)
        if state is None:
            if len(self._states) >= _MOST_STATES:
                self._states.clear()
            self._states[history.characters] = state = _State(history)
        return state


class Vocabulary:
    """The texts that may be written: one of the words, or several with single blanks between.

    The words are a tree, and a text stands at all the nodes that it may have come to: with "New" and "New York" in the
    list, another word may start behind "New ", or "York" follow.
    """

    def __init__(self, words: tuple[str, ...], labels: tuple[str, ...]) -> None:
        index = {label: number for number, label in enumerate(labels)}
        self._blank = index.get(" ")
        self._root = _Node()
        self._states: dict[tuple[_Node, ...], Word] = {}
        for word in words:
            if word and all(character in index for character in word):
                node = self._root
                for character in word:
                    node = node.children.setdefault(index[character], _Node())
                node.ends = True
        if not self._root.children:
            raise UsageError("none of the lexicon's words can be written with the model's labels: see --charset-of")

    def start(self) -> Word:
        return self._state((self._root,))

    def followers(self, word: Word) -> dict[int, Word]:
        """What may come next, by label."""
        if word.followers is None:
            nodes: dict[int, list[_Node]] = {}
            for node in word.nodes:
                for label, child in node.children.items():
                    nodes.setdefault(label, []).append(child)
            if word.ends and self._blank is not None:
                nodes.setdefault(self._blank, []).append(self._root)
            word.followers = {label: self._state(tuple(reached)) for label, reached in nodes.items()}
        return word.followers

    def _state(self, nodes: tuple[_Node, ...]) -> Word:
        state = self._states.get(nodes)
        if state is None:
            self._states[nodes] = state = Word(nodes)
        return state


class Word:
    """Where in the words a text stands, and whether it may end there."""

    __slots__ = ("ends", "followers", "nodes")

    def __init__(self, nodes: tuple[_Node, ...]) -> None:
        self.nodes = nodes
        self.ends = any(node.ends for node in nodes)
        self.followers: dict[int, Word] | None = None


class _Node:
    __slots__ = ("children", "ends")

    def __init__(self) -> None:
        self.children: dict[int, _Node] = {}
        self.ends = False


def search_prefixes(
    probabilities: NDArray[np.float32], width: int, weighing: Weighing | None, vocabulary: Vocabulary | None
) -> list[int] | None:
    """The labels of the best prefix; None where no prefix is made of whole words."""
    blank = probabilities.shape[1] - 1
    root = _Prefix(None, -1, vocabulary.start() if vocabulary else None)
    root.blank = root.seen = 1.0
    beam = [root]
    likely = _likely_labels(probabilities[:, :blank])
    ceiling = weighing.bonus if weighing else 1.0  # no label gains more
    hopeless = _HOPELESS if vocabulary is None else 0.0
    for step, row in enumerate(probabilities.tolist()):
        stays = row[blank]
        best, least = 0.0, inf
        for prefix in beam:
            prefix.step = step
            prefix.next_blank = prefix.seen * stays
            prefix.next_label = prefix.shown * row[prefix.label]  # of the root nothing is shown
            kept = prefix.next_blank + prefix.next_label
            best, least = max(best, kept), min(least, kept)
        # One that is not in the beam gets all it gets from its parent: below the last of a full beam it is out.
        cutoff = max(best * hopeless, least if len(beam) == width else 0.0)
        touched = beam.copy()
        for prefix in beam:
            for label in vocabulary.followers(prefix.word) if vocabulary and prefix.word else likely[step]:
                # A label right behind itself needs a blank between, or it is the same character still.
                mass = (prefix.blank if label == prefix.label else prefix.seen) * row[label]
                child = prefix.children.get(label)
                inside = child is not None and child.step == step
                if not inside and mass * ceiling <= cutoff:
                    continue
                if weighing is not None:
                    mass *= weighing.factor(prefix, label)
                if child is not None and inside:
                    child.next_label += mass
                elif mass > cutoff:
                    if child is None:
                        child = _extend(prefix, label, vocabulary)
                    child.next_blank, child.next_label = 0.0, mass
                    touched.append(child)
                    cutoff = max(cutoff, mass * hopeless)
        beam = _fittest(touched, width, hopeless)
    whole = [prefix for prefix in beam if prefix.word is None or prefix.word.ends]
    return _labels_of(max(whole, key=_BY_PROBABILITY)) if whole else None


@lru_cache(maxsize=4)
def weighing_of(language_model: LanguageModel, labels: tuple[str, ...]) -> Weighing:
    return Weighing(language_model, labels)


@lru_cache(maxsize=4)
def vocabulary_of(words: tuple[str, ...], labels: tuple[str, ...]) -> Vocabulary:
    return Vocabulary(words, labels)


class _State:
    __slots__ = ("factors", "followers", "history")

    def __init__(self, history: History) -> None:
        self.history = history
        self.factors: dict[int, float] = {}
        self.followers: dict[int, _State] = {}


class _Prefix:
    """A text that the search has come to, with its probability, `seen`, split by how its paths end.

    `step` is the last at which it was in the beam.
    """

    __slots__ = (
        "blank",
        "children",
        "label",
        "next_blank",
        "next_label",
        "parent",
        "seen",
        "shown",
        "state",
        "step",
        "word",
    )

    def __init__(self, parent: _Prefix | None, label: int, word: Word | None) -> None:
        self.parent = parent
        self.label = label
        self.state: _State | None = None
        self.word = word
        self.children: dict[int, _Prefix] = {}
        self.step = -1
        self.blank = self.shown = self.seen = 0.0
        self.next_blank = self.next_label = 0.0


def _likely_labels(probabilities: NDArray[np.float32]) -> list[list[int]]:
    """The labels that may start a character, for each step of (T, labels)."""
    likely: list[list[int]] = [[] for _ in probabilities]
    for step, label in np.argwhere(probabilities >= _NEGLIGIBLE).tolist():
        likely[step].append(label)
    for step, labels in enumerate(likely):
        if len(labels) > _MOST_LABELS:
            row = probabilities[step]
            likely[step] = sorted(labels, key=row.__getitem__, reverse=True)[:_MOST_LABELS]
    return likely


def _fittest(prefixes: list[_Prefix], width: int, hopeless: float) -> list[_Prefix]:
    """The beam of the next step: `width` prefixes at most, the best of them scaled to 1."""
    for prefix in prefixes:
        prefix.seen = prefix.next_blank + prefix.next_label
    best = max(prefixes, key=_BY_PROBABILITY).seen
    floor = best * hopeless
    beam = [prefix for prefix in prefixes if prefix.seen >= floor]
    if len(beam) > width:
        beam = nlargest(width, beam, key=_BY_PROBABILITY)
    scale = 1.0 / (best or 1.0)  # a product of probabilities would underflow in a long line
    for prefix in beam:
        prefix.blank = prefix.next_blank * scale
        prefix.shown = prefix.next_label * scale
        prefix.seen *= scale
    return beam


def _extend(prefix: _Prefix, label: int, vocabulary: Vocabulary | None) -> _Prefix:
    word = vocabulary.followers(prefix.word)[label] if vocabulary and prefix.word else None
    prefix.children[label] = child = _Prefix(prefix, label, word)
    return child


def _labels_of(prefix: _Prefix) -> list[int]:
    labels = []
    while prefix.parent is not None:
        labels.append(prefix.label)
        prefix = prefix.parent
    return labels[::-1]
