"""How probable a character is after those before it: n-gram models, each in one small file, `NAME.lexicon`.

The file is a zip (`unzip -l` lists it): `lexicon.json` (the `LexiconMetadata`), `ngrams.bin`, and `words.txt` where the
file also lists what may be written. The comment at its end is the sha256 of all that stands before it, so that a file
which was cut short or changed by one byte is not opened.

`ngrams.bin` is a tree, level by level: level n has the n-grams of n characters, those behind one history together and
in the order of their characters. For all levels it holds the number of children of each n-gram of the level above, then
the characters (1.. by the order of the charset), then their probabilities given the history, as `STEPS_PER_BIT` times
minus log2; each is a uint8. What is left of a history's probability is shared among the characters that do not follow
it in the tree, in proportion to their probability after the shorter history (S. Katz, "Estimation of probabilities from
sparse data", 1987). That share is not stored, so that probabilities sum to one whatever was pruned or rounded.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_hwr.errors import LanguageModelError
from edge_hwr.files import file_path, read_file, write_atomically
from edge_hwr.sealed_zip import is_sealed, seal

SCHEMA = 2
"""The version of the layout that is written, and the newest that is read."""

SHIPPED = Path(__file__).parent / "languages"
"""The folder of the language models that come with the package."""

WEIGHT = 0.5
BONUS = 2.0
"""Of a language model that nobody chose others for (docs/language-models.md)."""

LARGEST_ORDER = 6
MOST_CHARACTERS = 255
STEPS_PER_BIT = 8

UNSEEN = 1e-7
"""The probability of a character that the model has not seen at all."""

_MOST_HISTORIES = 8192
"""Kept in memory, about a kilobyte each; a line of writing goes through some hundreds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LexiconMetadata:
    """What is known of a language model, as it stands in `lexicon.json`.

    `ngrams` has the number of n-grams of each length; `sources` names the texts it was built from, and `licence` is the
    licence of the file, both as the one who built it gave them. `weight` and `bonus` say how much it counts beside what
    the network saw, as `edge_hwr.ctc.decode_beam` has it.
    """

    charset: str
    order: int
    ngrams: list[int]
    sources: list[str]
    licence: str
    weight: float = WEIGHT
    bonus: float = BONUS
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        for name in ("weight", "bonus"):
            if not math.isfinite(getattr(self, name)):
                raise LanguageModelError(f"{name} of a language model: {getattr(self, name)}: must be a finite number")


@dataclass(frozen=True, slots=True)
class NgramLevel:
    """The n-grams of one length as they are stored, uint8 each: `children` of every n-gram of the level above (of the
    empty one, on the first level), then (N,) `characters` and `costs`."""

    children: NDArray[np.uint8]
    characters: NDArray[np.uint8]
    costs: NDArray[np.uint8]


@dataclass(slots=True)
class History:
    """What stands before the next character, as far back as the model knows it.

    `probabilities` is float32 (characters of the charset,) and sums to one.
    """

    characters: bytes
    probabilities: NDArray[np.float32]


class LanguageModel:
    """An n-gram model of characters; `words` are the only texts that may be written, where the file lists them.

    `name` is that of a model that ships, or of the file.
    """

    def __init__(
        self, name: str, metadata: LexiconMetadata, levels: Sequence[NgramLevel], words: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.metadata = metadata
        self.words = words
        self.index = {character: index for index, character in enumerate(metadata.charset)}
        self._characters = [level.characters for level in levels]
        self._probabilities = [np.exp2(level.costs / np.float32(-STEPS_PER_BIT)) for level in levels]
        # What is looked up one by one is found several times faster in bytes and memory views than in arrays.
        self._bytes = [level.characters.tobytes() for level in levels]
        self._starts = [np.append(0, np.cumsum(level.children, dtype=np.int64)).data for level in levels]
        single = np.full(len(metadata.charset), UNSEEN, np.float32)
        single[levels[0].characters - 1] = self._probabilities[0]
        self.empty = History(b"", single / single.sum())
        self._histories: dict[bytes, History] = {}

    def start(self) -> History:
        """The history at the start of a line: a word may start, as behind a blank."""
        return self.follow(self.empty, " ")

    def follow(self, history: History, character: str) -> History:
        """The history when `character` was written; one that is not in the charset is forgotten with all before it."""
        index = self.index.get(character)
        if index is None:
            return self.empty
        kept = self.metadata.order - 1
        characters = history.characters + bytes([index + 1])
        return self._history(characters[-kept:] if kept else b"")

    def log2_probability(self, text: str) -> float:
        """Of a line of text. Divided by minus its length, these are the bits for each character."""
        history, total = self.start(), 0.0
        for character in text:
            index = self.index.get(character)
            total += float(np.log2(UNSEEN if index is None else history.probabilities[index]))
            history = self.follow(history, character)
        return total

    def _history(self, characters: bytes) -> History:
        if not characters:
            return self.empty
        history = self._histories.get(characters)
        if history is None:
            history = self._read_history(characters, self._history(characters[1:]))
            if len(self._histories) >= _MOST_HISTORIES:
                self._histories.clear()
            self._histories[characters] = history
        return history

    def _read_history(self, characters: bytes, shorter: History) -> History:
        first, last = self._children(characters)
        if first == last:
            return shorter
        level = len(characters)
        followers = self._characters[level][first:last] - 1
        seen = self._probabilities[level][first:last]
        # Rounding can leave nothing, or less than nothing, to share.
        shared = max(1 - float(seen.sum()), UNSEEN) / max(1 - float(shorter.probabilities[followers].sum()), UNSEEN)
        probabilities = shorter.probabilities * np.float32(shared)
        probabilities[followers] = seen
        return History(characters, probabilities / probabilities.sum())

    def _children(self, characters: bytes) -> tuple[int, int]:
        """The first and the last (exclusive) n-gram behind a history, of the level below; (0, 0) if it has none."""
        first, last = 0, len(self._characters[0])
        for level, character in enumerate(characters):
            node = self._bytes[level].find(character, first, last)
            if node < 0:
                return 0, 0
            starts = self._starts[level + 1]
            first, last = starts[node], starts[node + 1]
        return first, last


def open_language_model(name_or_path: str | Path) -> LanguageModel:
    """Open a language model that ships ("fr") or the file at a path; `LanguageModelError` if it cannot be used."""
    path = file_path(name_or_path)
    name = path.name
    if str(name_or_path) in shipped_language_models():
        path = SHIPPED / f"{path}.lexicon"
    try:
        data = read_file(path)
    except FileNotFoundError as error:
        shipped = ", ".join(shipped_language_models()) or "none does"
        raise LanguageModelError(f"lexicon {path}: no such file, nor one that ships ({shipped})") from error
    except OSError as error:
        raise LanguageModelError(f"lexicon {path}: {error.strerror}") from error
    _check_digest(path, data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            metadata = _read_metadata(path, json.loads(archive.read("lexicon.json")))
            levels = _unpack(archive.read("ngrams.bin"), metadata.ngrams)
            words = archive.read("words.txt").decode().splitlines() if "words.txt" in archive.namelist() else []
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        if isinstance(error, LanguageModelError):
            raise
        raise LanguageModelError(f"lexicon {path}: not one that edge-hwr can read ({error}): build it again") from error
    return LanguageModel(name, metadata, levels, tuple(words))


def write_language_model(
    path: str | Path, metadata: LexiconMetadata, levels: Sequence[NgramLevel], words: Sequence[str] = ()
) -> None:
    """Write a language model, whole or not at all; the same arguments give the same bytes."""
    write_atomically(path, pack_language_model(metadata, levels, words))


def pack_language_model(metadata: LexiconMetadata, levels: Sequence[NgramLevel], words: Sequence[str] = ()) -> bytes:
    """The bytes of the file that `write_language_model` writes."""
    members = {
        "lexicon.json": json.dumps(asdict(metadata), indent=1, ensure_ascii=False).encode(),
        "ngrams.bin": b"".join(
            getattr(level, column).tobytes() for column in ("children", "characters", "costs") for level in levels
        ),
    }
    if words:
        members["words.txt"] = "".join(f"{word}\n" for word in words).encode()
    return seal(members)


def shipped_language_models() -> list[str]:
    """The names of the language models that come with the package, sorted."""
    return sorted(path.stem for path in SHIPPED.glob("*.lexicon"))


def _check_digest(path: Path, data: bytes) -> None:
    """`LanguageModelError` unless the file ends in the digest of all that stands before it."""
    if b"lexicon.json" not in data:
        raise LanguageModelError(f"lexicon {path}: {'not a' if data else 'an empty file, no'} language model")
    if not is_sealed(data):
        raise LanguageModelError(f"lexicon {path}: damaged (cut short, or changed since it was written): copy it again")


def _read_metadata(path: Path, values: dict[str, Any]) -> LexiconMetadata:
    schema = values["schema"]
    if schema > SCHEMA:
        raise LanguageModelError(
            f"lexicon {path}: made by a newer edge-hwr (schema {schema}, known up to {SCHEMA}): upgrade"
        )
    known = {item.name for item in fields(LexiconMetadata)}
    if known != values.keys():
        raise LanguageModelError(
            f"lexicon {path}: wrong metadata ({', '.join(sorted(known ^ values.keys()))}): build it again"
        )
    return LexiconMetadata(**values)


def _unpack(data: bytes, ngrams: Sequence[int]) -> list[NgramLevel]:
    """The levels in `ngrams.bin`; `ValueError` where they do not fit `ngrams`."""
    sizes = [1, *ngrams[:-1], *ngrams, *ngrams]
    column = np.split(np.frombuffer(data, np.uint8), np.cumsum(sizes))
    if len(data) != sum(sizes):
        raise ValueError(f"{len(data)} bytes of n-grams where {sum(sizes)} belong")
    order = len(ngrams)
    levels = [NgramLevel(*column[index : 3 * order : order]) for index in range(order)]
    if any(int(level.children.sum(dtype=np.int64)) != len(level.characters) for level in levels):
        raise ValueError("n-grams without a context")
    return levels
