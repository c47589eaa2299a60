"""`edge-hwr lexicon`: build a language model from plain text. It needs NumPy alone, so it works on a Pi as well."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from edge_hwr.bundle import open_bundle
from edge_hwr.errors import LanguageModelError, UsageError
from edge_hwr.files import read_file, shown, write_atomically
from edge_hwr.language_model import (
    BONUS,
    LARGEST_ORDER,
    MOST_CHARACTERS,
    WEIGHT,
    LexiconMetadata,
    pack_language_model,
)
from edge_hwr.option_types import FiniteRange

from .line_text import as_written
from .ngrams import prune, quantise, train

SIZE = 400_000
"""Bytes of a file, unless the user says otherwise."""

_MOST_TEXT = 50_000_000
_BYTES_PER_NGRAM = 1.5
"""About, to start the search for the number of n-grams that fill a file."""


@dataclass(frozen=True, slots=True)
class Text:
    """A plain text: where it is from, and its lines as one would write them by hand (`as_written`)."""

    name: str
    lines: tuple[str, ...]


@click.command()
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@click.option("--order", type=click.IntRange(1, LARGEST_ORDER), default=LARGEST_ORDER, show_default=True, metavar="N",
              help="Longest n-gram, in characters.")  # fmt: skip
@click.option("--size", type=click.IntRange(min=2_000), default=SIZE, show_default=True, metavar="BYTES",
              help="Largest file; the n-grams that matter least are left out.")  # fmt: skip
@click.option("--weight", type=FiniteRange(0, 2), default=WEIGHT, show_default=True, metavar="W",
              help="How much it counts beside what is seen.")  # fmt: skip
@click.option("--bonus", type=FiniteRange(-10, 10), default=BONUS, show_default=True, metavar="B",
              help="What each character gains: more weight wants more, or lines come out too short.")  # fmt: skip
@click.option("--words", is_flag=True, help="Each line of the texts is a word or phrase, and nothing else may be read.")
@click.option(
    "--charset-of",
    metavar="MODEL",
    help="A shipped bundle, or a path to one: only what it can read is taken.",
)
@click.option(
    "--skip",
    is_flag=True,
    help="Leave out characters that are not in the charset; with --words the entries that hold any.",
)
def lexicon(
    texts: tuple[Path, ...],
    output: Path,
    order: int,
    size: int,
    weight: float,
    bonus: float,
    words: bool,
    charset_of: str | None,
    skip: bool,
) -> None:
    """Build a language model from plain texts in UTF-8.

    Quotes, dashes and the like are reduced to those that are written by hand, which is what models read.
    The first TEXT is to be most like what will be read; the others help as far as they make it more probable.
    """
    if output.resolve() in {path.resolve() for path in texts}:
        raise UsageError(f"--output {output}: is one of the texts, and would be written over: name another file")
    if charset_of is not None and output.resolve() == Path(charset_of).resolve():
        raise UsageError(f"--output {output}: is the model, and would be written over: name another file")
    if output.suffix != ".lexicon":
        raise UsageError(f"--output {output}: a language model's file is called *.lexicon")
    if not output.parent.is_dir():
        raise UsageError(f"--output {output}: there is no folder {output.parent}: make it first")
    opened = [read_text(path) for path in texts]
    readable = None if charset_of is None else frozenset(open_bundle(charset_of).metadata.charset)
    charset = choose_charset(opened, readable, charset_of, skip=skip)
    listed = _list_words(opened, charset) if words else []
    packed, metadata = build(opened, charset, order=order, size=size, weight=weight, bonus=bonus, words=listed)
    write_atomically(output, packed)
    click.echo(f"{output}: {len(packed):,} bytes, {sum(metadata.ngrams):,} n-grams of {len(charset)} characters")


def _list_words(texts: Sequence[Text], charset: str) -> list[str]:
    """The lines of the texts, each once; it is told what cannot be written and was left out."""
    entries = list(dict.fromkeys(line for text in texts for line in text.lines if line))
    writable = frozenset(charset)
    listed = [entry for entry in entries if writable.issuperset(entry)]
    if not listed:
        raise LanguageModelError("no line is left for the list of words")
    if len(listed) < len(entries):
        first = next(entry for entry in entries if not writable.issuperset(entry))
        click.echo(f"{len(entries) - len(listed)} of {len(entries)} entries left out, {first!r} the first", err=True)
    return listed


def read_text(path: Path) -> Text:
    """A text file in UTF-8; `LanguageModelError` where it is none, or holds nothing."""
    try:
        content = read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LanguageModelError(f"text {path}: not UTF-8 at byte {error.start}: convert it") from error
    except OSError as error:
        raise LanguageModelError(f"text {path}: {error.strerror}") from error
    if len(content) > _MOST_TEXT:
        raise LanguageModelError(f"text {path}: {len(content):,} characters: give at most {_MOST_TEXT:,} of them")
    # Split at line ends alone: str.splitlines also splits at form feeds and the like, and line numbers would be wrong.
    lines = tuple(map(as_written, re.split(r"\r\n?|\n", content)))
    if not any(lines):
        raise LanguageModelError(f"text {path}: no text in it")
    return Text(shown(path), lines)


def choose_charset(texts: Sequence[Text], readable: frozenset[str] | None, model: str | None, *, skip: bool) -> str:
    """The characters of the texts, sorted, and the blank; those `readable` by `model`, or else all that can be printed.

    `LanguageModelError` for others, unless they are to be skipped, and for more than a language model can hold.
    """
    found = {" "}.union(*(line for text in texts for line in text.lines))
    outside = {character for character in found if not character.isprintable()}
    if readable is not None:
        outside |= found - readable - {" "}
    if outside and not skip:
        raise LanguageModelError(_describe_outside(texts, outside, model))
    charset = "".join(sorted(found - outside))
    if len(charset) > MOST_CHARACTERS:
        raise LanguageModelError(
            f"{len(charset)} different characters, {MOST_CHARACTERS} at most: choose those of a model by --charset-of"
        )
    if charset == " ":
        raise LanguageModelError("no character of the texts is in the charset")
    return charset


def build(
    texts: Sequence[Text],
    charset: str,
    *,
    order: int,
    size: int,
    weight: float = WEIGHT,
    bonus: float = BONUS,
    words: Sequence[str] = (),
    sources: Sequence[str] = (),
    licence: str = "",
) -> tuple[bytes, LexiconMetadata]:
    """The file of a language model of at most `size` bytes, and what stands in it."""
    # Lines between paragraphs were not written by anybody: counted, many a line would begin with a blank.
    written = [[line for line in text.lines if line] for text in texts]
    trained = train(written, charset, order, closed=bool(words))
    total = sum(len(level.keys) for level in trained)
    ngrams = min(total, int(size / _BYTES_PER_NGRAM))
    while True:
        levels = quantise(prune(trained, ngrams))
        metadata = LexiconMetadata(
            charset=charset,
            order=order,
            ngrams=[len(level.characters) for level in levels],
            sources=list(sources or (text.name for text in texts)),
            licence=licence,
            weight=weight,
            bonus=bonus,
        )
        packed = pack_language_model(metadata, levels, words)
        if len(packed) <= size:
            return packed, metadata
        if ngrams <= len(charset):
            raise LanguageModelError(f"{len(packed):,} bytes at least: too much for --size {size}")
        ngrams = max(len(charset), int(ngrams * min(0.99, size / len(packed))))


def _describe_outside(texts: Sequence[Text], outside: set[str], model: str | None) -> str:
    count, first = 0, ""
    for text in texts:
        for number, line in enumerate(text.lines, start=1):
            for character in line:
                if character in outside:
                    count += 1
                    shown = f"{character!r} " if character.isprintable() else ""
                    first = first or f"the first {shown}(U+{ord(character):04X}) in {text.name}, line {number}"
    what = f"that {model} cannot read" if model else "that cannot be written"
    characters = "one character" if count == 1 else f"{count} characters"
    return f"{characters} {what}, {first}: remove them, or leave them out by --skip"
