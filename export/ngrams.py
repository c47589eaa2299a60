"""Character n-grams: counted in plain text, smoothed, mixed, and pruned to what is worth its bytes. NumPy alone.

An n-gram is an integer, one byte a character, the first one highest: sorted integers are sorted n-grams, the context of
one is itself shifted right by a byte, and all that follow one context stand together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from edge_hwr.language_model import STEPS_PER_BIT, NgramLevel

_HELD_OUT = 10
"""Of the first text, every so many lines choose how much each text is to be heard."""
_MOST_HELD_OUT = 50_000
"""About so many different n-grams of them."""
_FACTORS = (4.0, 2.0, 2**0.5, 2**0.25)
"""What weights are tried with."""
_WORTH_A_STEP = 1e-4
"""Bits for each character."""
_NEXT_TO_NOTHING = 1e-9

_Keys = NDArray[np.int64]
_Floats = NDArray[np.float64]
_Counts = list[tuple[_Keys, _Floats]]
"""Sorted n-grams and how often they come, by length."""


@dataclass(frozen=True, slots=True)
class Ngrams:
    """The n-grams of one length: sorted `keys`, (N,), their probability given the context, and how often they come."""

    keys: _Keys
    probabilities: _Floats
    shares: _Floats


def train(texts: Sequence[Sequence[str]], charset: str, order: int, *, closed: bool = False) -> list[Ngrams]:
    """N-grams of 1..order characters of texts, which are lists of lines; the first is most like what will be read.

    The counts of the texts are added up, those of each by a weight of its own, and smoothed together (M. Bacchiani and
    others, "MAP adaptation of stochastic grammars", 2006): so a long text does not drown a short one that fits better,
    and is heard all the same where the short one has seen little. A tenth of the first text, held out for that, chooses
    the weights and how much shorter contexts are heard; not so where `closed`: nothing but the texts will be read then.
    """
    others = [_count(text, charset, order) for text in texts[1:]]
    held_out = [] if closed else texts[0][::_HELD_OUT]
    rest = [line for number, line in enumerate(texts[0]) if closed or number % _HELD_OUT]
    weights, backings = _tune([_count(rest, charset, order), *others], _count(held_out, charset, order), len(charset))
    keys, counts = _align([_count(texts[0], charset, order), *others])
    merged = [weights @ np.stack(level) for level in zip(*counts, strict=True)]
    different = [weights @ (np.stack(level) > 0) for level in zip(*counts, strict=True)]
    probabilities = _smooth(keys, merged, different, backings, len(charset))
    characters = merged[0].sum()
    return [Ngrams(*level) for level in zip(keys, probabilities, [count / characters for count in merged], strict=True)]


def prune(levels: Sequence[Ngrams], size: int) -> list[Ngrams]:
    """The `size` n-grams without which a text would become least probable, with all their contexts; or all there are.

    What one is worth is share(h c) (log p(c | h) - log p(c | h')), h' being the context h less its first character
    (K. Seymore and R. Rosenfeld, "Scalable backoff language models", ICSLP 1996). Single characters always stay.
    """
    worths = [np.full(len(levels[0].keys), np.inf)]
    for length, (below, level) in enumerate(pairwise(levels), start=2):
        lower = below.probabilities[_shorter(below.keys, level.keys, length)]
        worths.append(level.shares * np.log(level.probabilities / lower))
    # A context must stay while anything behind it does.
    for index in range(len(levels) - 1, 1, -1):
        np.maximum.at(worths[index - 1], _context(levels[index - 1].keys, levels[index].keys), worths[index])
    ranked = np.concatenate(worths)
    if len(ranked) <= size:
        return list(levels)
    threshold = np.partition(ranked, -size)[-size]
    return [
        Ngrams(level.keys[kept], level.probabilities[kept], level.shares[kept])
        for level, kept in ((level, worth >= threshold) for level, worth in zip(levels, worths, strict=True))
    ]


def quantise(levels: Sequence[Ngrams]) -> list[NgramLevel]:
    """The n-grams as `edge_hwr.language_model` stores them."""
    stored = []
    for index, level in enumerate(levels):
        children = (
            np.bincount(_context(levels[index - 1].keys, level.keys), minlength=len(levels[index - 1].keys))
            if index
            else np.array([len(level.keys)])
        )
        costs = np.clip(np.rint(-STEPS_PER_BIT * np.log2(level.probabilities)), 1, 255)
        columns = (children, level.keys & 0xFF, costs)
        stored.append(NgramLevel(*(column.astype(np.uint8) for column in columns)))
    return stored


def _tune(texts: Sequence[_Counts], held_out: _Counts, charset_size: int) -> tuple[_Floats, _Floats]:
    """The weight of each text, 1 for the first, and for each length of n-grams how much the shorter context is heard.

    They are changed one after the other, by ever smaller steps, as long as that makes what was held out more probable.
    """
    characters = np.array([max(1, counted[0][1].sum()) for counted in texts])
    values = np.concatenate([characters[0] / characters, np.ones(len(held_out))])
    longest, counts = held_out[-1]
    every = 1 + len(longest) // _MOST_HELD_OUT
    ngrams, often = longest[::every], counts[::every]
    if not len(ngrams):  # a text too short to hold anything out
        return values[: len(texts)], values[len(texts) :]
    # (lengths, 3, texts, n-grams), for their last characters.
    evidence = np.array(
        [
            np.stack([_look_up(counted[length - 1], ngrams & ((1 << (8 * length)) - 1)) for counted in texts], axis=1)
            for length in range(1, len(held_out) + 1)
        ]
    )

    def bits(values: _Floats) -> float:
        probability = np.full(len(ngrams), 1 / charset_size)
        weights, backings = values[: len(texts)], values[len(texts) :]
        for backing, (count, total, different) in zip(backings, weights @ evidence, strict=True):
            share = np.maximum(backing * different, _NEXT_TO_NOTHING)  # 0 where no text has the context
            probability = (count + share * probability) / (total + share)
        return float(-np.log2(probability) @ often / often.sum())

    best = bits(values)
    # The weight of the first is the measure of the others; before single characters there is no context.
    open_to_change = [*range(1, len(texts)), *range(len(texts) + 1, len(values))]
    for factor in _FACTORS:
        changed = True
        while changed:
            changed = False
            for index, step in product(open_to_change, (factor, 1 / factor)):
                tried = values.copy()
                tried[index] *= step
                if (found := bits(tried)) < best - _WORTH_A_STEP:
                    values, best, changed = tried, found, True
    return values[: len(texts)], values[len(texts) :]


def _look_up(level: tuple[_Keys, _Floats], ngrams: _Keys) -> _Floats:
    """How often a text has each of the n-grams, how often its context, and how many different characters behind that:
    (3, N)."""
    keys, counts = level
    contexts, context = np.unique(keys >> 8, return_inverse=True)
    return np.stack(
        [
            _find(keys, counts, ngrams),
            _find(contexts, np.bincount(context, counts), ngrams >> 8),
            _find(contexts, np.bincount(context), ngrams >> 8),
        ]
    )


def _find(keys: _Keys, values: NDArray[np.float64 | np.int64], wanted: _Keys) -> _Floats:
    """The value of each wanted key, 0 where it is not among the sorted ones."""
    if not len(keys):
        return np.zeros(len(wanted))
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0.0)


def _count(lines: Iterable[str], charset: str, order: int) -> _Counts:
    """Sorted n-grams and their counts by length.

    A line starts and ends with a blank; no n-gram goes on into the next, nor over a character outside of the charset.
    """
    text = "\n".join(f" {' '.join(line.split())} " for line in lines)
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    character_of = np.zeros(0x110000, np.uint8)
    character_of[[ord(character) for character in charset]] = np.arange(1, len(charset) + 1)
    characters = character_of[points]
    keys = characters.astype(np.int64)
    whole = characters > 0
    counted = []
    for length in range(1, order + 1):
        if length > 1:
            keys = (keys[:-1] << 8) | characters[length - 1 :]
            whole = whole[:-1] & (characters[length - 1 :] > 0)
        unique, counts = np.unique(keys[whole], return_counts=True)
        counted.append((unique, counts.astype(np.float64)))
    return counted


def _align(texts: Sequence[_Counts]) -> tuple[list[_Keys], list[list[_Floats]]]:
    """The n-grams of all texts by length, and for each text how often it has them: 0 where it has not."""
    keys = [np.unique(np.concatenate([unique for unique, _ in level])) for level in zip(*texts, strict=True)]
    counts = []
    for text in texts:
        aligned = [np.zeros(len(union)) for union in keys]
        for union, (unique, count), target in zip(keys, text, aligned, strict=True):
            target[np.searchsorted(union, unique)] = count
        counts.append(aligned)
    return keys, counts


def _smooth(
    keys: Sequence[_Keys],
    counts: Sequence[_Floats],
    different: Sequence[_Floats],
    backings: _Floats,
    charset_size: int,
) -> list[_Floats]:
    """p(c | h) = (n(h c) + b t(h) p(c | h')) / (n(h) + b t(h)), with t(h) the number of different characters behind h
    (I. Witten and T. Bell, "The zero-frequency problem", 1991), which texts have by their weights, and b by length."""
    levels: list[_Floats] = []
    for length, (level, count, backing) in enumerate(zip(keys, counts, backings, strict=True), start=1):
        if length == 1:
            lower = np.full(len(level), 1 / charset_size)
            context = np.zeros(len(level), np.intp)
        else:
            lower = levels[-1][_shorter(keys[length - 2], level, length)]
            context = _context(keys[length - 2], level)
        total = np.bincount(context, count)[context]
        share = backing * np.bincount(context, different[length - 1])[context]
        levels.append((count + share * lower) / (total + share))
    return levels


def _context(below: _Keys, keys: _Keys) -> NDArray[np.intp]:
    """Where the context of each n-gram stands among those that are one shorter."""
    return np.searchsorted(below, keys >> 8)


def _shorter(below: _Keys, keys: _Keys, length: int) -> NDArray[np.intp]:
    """Where each n-gram without its first character stands among those that are one shorter."""
    return np.searchsorted(below, keys & ((1 << (8 * (length - 1))) - 1))
