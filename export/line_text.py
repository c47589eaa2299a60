"""What synthetic lines say: passages of plain text files, and figures as people write them on forms and in letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_hwr.errors import DatasetError

_TYPOGRAPHY = str.maketrans(
    dict.fromkeys("\u2019\u2018\u02bc", "'")
    | dict.fromkeys("\u201c\u201d\u201e", '"')
    | dict.fromkeys("\u2010\u2011\u2013\u2014\u2212", "-")
    | dict.fromkeys("\u00a0\u202f\u2009\t", " ")
    | {"\u2026": "..."}
)
"""What nobody can tell apart on paper is written in one way."""

_LANGUAGE_WEIGHT = {"fr": 4.0, "en": 4.0}
_LONGEST = 75
_LONGEST_RECORDED = 115


def as_written(text: str) -> str:
    """A text as a reader of handwriting should give it: composed, with plain quotes and dashes, single blanks."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_TYPOGRAPHY).split())


def untokenised(text: str) -> str:
    """Undo the blanks that some transcripts have around punctuation."""
    text = re.sub(r" +([.,;:!?%)\]}])", r"\1", text)
    return re.sub(r"([(\[{]) +", r"\1", text)


def is_plain(text: str) -> bool:
    """Whether a transcript is of one line beyond doubt: neither a paragraph on one endless line nor single characters
    with blanks between them, of which nobody knows whether they were written so."""
    words = text.split(" ")
    return 0 < len(text) <= _LONGEST_RECORDED and (
        len(words) < 4 or 2 * sum(len(word) == 1 for word in words) < len(words)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Passages:
    """Lines of text to write: pieces of paragraphs, and now and then figures or capitals."""

    paragraphs: tuple[tuple[str, ...], ...]
    shares: tuple[float, ...]
    charset: frozenset[str]

    @classmethod
    def load(cls, files: Sequence[Path], charset: str) -> Passages:
        """From text files in UTF-8, a paragraph a line; characters outside of the charset end a piece."""
        allowed, found, weights = frozenset(charset), [], []
        for file in files:
            try:
                lines = file.read_text("utf-8-sig").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise DatasetError(f"{file}: cannot be read as a text file in UTF-8") from error
            texts = tuple(text for line in lines if len(text := as_written(line)) > 1 and set(text) <= allowed)
            if texts:
                found.append(texts)
                weights.append(_LANGUAGE_WEIGHT.get(file.stem, 1.0))
        if not found:
            names = ", ".join(file.name for file in files) or "no files"
            raise DatasetError(f"no paragraph that the charset of the recipe can write in the texts ({names})")
        return cls(tuple(found), tuple(weight / sum(weights) for weight in weights), allowed)

    def draw(self, rng: np.random.Generator) -> str:
        """One line, of characters of the charset alone."""
        text = self._varied(rng)
        return text if self.charset.issuperset(text) else self._piece(rng)

    def _varied(self, rng: np.random.Generator) -> str:
        kind = rng.random()
        if kind < 0.12:
            return _figures(rng)
        text = self._piece(rng)
        if kind < 0.22:
            return text.upper() if "ß" not in text and "ÿ" not in text else text
        if kind < 0.30:
            return f"{text[:1].upper()}{text[1:]} {_figures(rng)}"[:_LONGEST].strip()
        return text

    def _piece(self, rng: np.random.Generator) -> str:
        paragraphs = self.paragraphs[rng.choice(len(self.shares), p=self.shares)]
        words = paragraphs[rng.integers(len(paragraphs))].split(" ")
        longest = int(rng.integers(3, 20)) if rng.random() < 0.15 else int(rng.integers(20, _LONGEST))
        first = int(rng.integers(len(words)))
        piece = words[first][:longest]
        for word in words[first + 1 :]:
            if len(piece) + 1 + len(word) > longest:
                break
            piece += " " + word
        return piece


def _figures(rng: np.random.Generator) -> str:
    """A date, an amount, a time, a telephone number, a formula, a reference."""

    def digits(count: int) -> str:
        return "".join(rng.choice(list("0123456789"), count))

    day, month, year = int(rng.integers(1, 32)), int(rng.integers(1, 13)), int(rng.integers(1900, 2040))
    amount, hour = int(np.exp(rng.uniform(0, 11))), int(rng.integers(24))
    cents, sign = digits(2), str(rng.choice(list("€$£%")))
    letters = "".join(rng.choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 3))
    forms = (
        f"{day:02}/{month:02}/{year}",
        f"{day}.{month}.{year}",
        f"{year}-{month:02}-{day:02}",
        f"{amount},{cents} {sign}",
        f"{sign}{amount:,}.{cents}",
        f"{amount}{sign}",
        f"{hour}:{cents}",
        f"{hour}h{cents}",
        f"+{digits(2)} {digits(1)} {digits(2)} {digits(2)} {digits(2)} {digits(2)}",
        f"({digits(3)}) {digits(3)}-{digits(4)}",
        f"{digits(3)} {digits(3)} {digits(3)}",
        f"{letters}-{digits(4)}",
        f"{digits(1)} + {digits(2)} = {digits(2)}",
        f"{digits(2)} x {digits(2)} cm",
        f"#{digits(4)}",
        f"{digits(5)} {letters.title()}",
        f"[{digits(2)}]",
        f"n° {digits(3)}",
        f"{letters.lower()}{digits(2)}@{letters.lower()}.com",
        f"{digits(1)}*{digits(2)}/{digits(1)}",
        f"{amount} °C",
        f"{letters[0]}. {letters[1:].title()} & {letters[1]}.",
        f"§ {digits(2)}",
        f"«{letters.lower()}»",
        f'"{letters.title()}"',
    )
    return str(forms[rng.integers(len(forms))])
