"""Character n-grams: counted in plain text, smoothed, mixed, and pruned to what is worth its bytes. NumPy alone.

An n-gram is an integer, one byte a character, the first one highest: sorted integers are sorted n-grams, the context of
one is itself shifted right by a byte, and all that follow one context stand together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edge_hwr.language_model import STEPS_PER_BIT, NgramLevel

_HELD_OUT = 10
"""Of the first text, every so many lines choose how much each text is to be heard."""

_Keys = NDArray[np.int64]
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ngrams:
    """The n-grams of one length: sorted `keys`, (N,), their probability given the context, and how often they come."""

    keys: _Keys
    probabilities: _Floats
    shares: _Floats


def train(texts: Sequence[Sequence[str]], charset: str, order: int) -> list[Ngrams]:
    """N-grams of 1..order characters of texts, which are lists of lines; the first is most like what will be read.

    Each text has a model of its own, and they are mixed (F. Jelinek and R. Mercer, 1980) by weights that make a tenth
    of the first text, held out for that, most probable: so a long text does not drown a short one that fits better.
    """
    weights = _mixture(texts, charset, order) if len(texts) > 1 else np.ones(1)
    keys, counts = _align([_count(text, charset, order) for text in texts])
    models = [_smooth(keys, counted, len(charset)) for counted in counts]
    characters = [counted[0].sum() for counted in counts]
    mixed = []
    for level in range(order):
        probabilities = sum(weight * model[level] for weight, model in zip(weights, models, strict=True))
        shares = sum(
            weight * counted[level] / total for weight, counted, total in zip(weights, counts, characters, strict=True)
        )
        mixed.append(Ngrams(keys[level], np.asarray(probabilities), np.asarray(shares)))
    return mixed


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


def _mixture(texts: Sequence[Sequence[str]], charset: str, order: int) -> _Floats:
    """The weight of each text, by expectation maximisation on the held-out lines of the first."""
    held_out = texts[0][::_HELD_OUT]
    rest = [line for number, line in enumerate(texts[0]) if number % _HELD_OUT]
    keys, counts = _align([_count(text, charset, order) for text in (rest, *texts[1:], held_out)])
    often = counts.pop()[-1]
    likelihoods = np.stack([_smooth(keys, counted, len(charset))[-1][often > 0] for counted in counts])
    often = often[often > 0]
    weights = np.full(len(texts), 1 / len(texts))
    if not len(often):  # a text too short to hold anything out
        return weights
    for _ in range(50):
        responsibility = weights[:, np.newaxis] * likelihoods
        weights = (responsibility / responsibility.sum(axis=0)) @ often / often.sum()
    return weights


def _count(lines: Iterable[str], charset: str, order: int) -> list[tuple[_Keys, _Floats]]:
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


def _align(texts: Sequence[list[tuple[_Keys, _Floats]]]) -> tuple[list[_Keys], list[list[_Floats]]]:
    """The n-grams of all texts by length, and for each text how often it has them: 0 where it has not."""
    keys = [np.unique(np.concatenate([unique for unique, _ in level])) for level in zip(*texts, strict=True)]
    counts = []
    for text in texts:
        aligned = [np.zeros(len(union)) for union in keys]
        for union, (unique, count), target in zip(keys, text, aligned, strict=True):
            target[np.searchsorted(union, unique)] = count
        counts.append(aligned)
    return keys, counts


def _smooth(keys: Sequence[_Keys], counts: Sequence[_Floats], charset_size: int) -> list[_Floats]:
    """p(c | h) = (n(h c) + t(h) p(c | h')) / (n(h) + t(h)), with t(h) the number of different characters behind h
    (I. Witten and T. Bell, "The zero-frequency problem", 1991)."""
    levels: list[_Floats] = []
    for length, (level, count) in enumerate(zip(keys, counts, strict=True), start=1):
        if length == 1:
            lower = np.full(len(level), 1 / charset_size)
            context = np.zeros(len(level), np.intp)
        else:
            lower = levels[-1][_shorter(keys[length - 2], level, length)]
            context = _context(keys[length - 2], level)
        total = np.bincount(context, count)[context]
        different = np.bincount(context, count > 0)[context]
        unheard = total == 0  # a context that another text has
        probability = (count + different * lower) / np.where(unheard, 1, total + different)
        levels.append(np.where(unheard, lower, probability))
    return levels


def _context(below: _Keys, keys: _Keys) -> NDArray[np.intp]:
    """Where the context of each n-gram stands among those that are one shorter."""
    return np.searchsorted(below, keys >> 8)


def _shorter(below: _Keys, keys: _Keys, length: int) -> NDArray[np.intp]:
    """Where each n-gram without its first character stands among those that are one shorter."""
    return np.searchsorted(below, keys & ((1 << (8 * (length - 1))) - 1))
