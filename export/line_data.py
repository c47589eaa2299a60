"""Finding the lines that a recipe asks for among the files that a user gives."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from edge_hwr.bundle import Bundle, open_bundle
from edge_hwr.errors import DatasetError, RecipeError

from .composed_characters import UnipenCharacters
from .data import warn_of_unused
from .fonts import SUFFIXES, readable_fonts
from .line_pool import DrawnLines
from .line_recipe import LineRecipe
from .line_sources import LineSource, ScannedLines, UnipenLines, UnipenWords, WrittenFonts
from .line_text import Passages
from .recomposed_lines import RecomposedLines

log = logging.getLogger(__name__)


def find_line_sources(recipe: LineRecipe, data: Sequence[Path]) -> tuple[list[DrawnLines], list[Path]]:
    """The sources of a recipe among the user's files, and those files with what else draws, for the record.

    `data` are datasets of lines (folders or zips with `labels.tsv`), strokes, folders of fonts and of plain text
    (`fr.txt`, a paragraph a line), or a folder that holds `banq_lines/train.zip` and `unipen/*_strokes.npz`. Sources
    that are missing are left out with a warning.
    """
    for path in data:
        if not path.exists():
            raise DatasetError(f"{path}: no such file or folder (given with --data)")
    datasets = _once([path for path in data if _is_dataset(path)] + _inside(data, "banq_lines/train.zip"))
    fonts = sorted({file for path in data for file in _handwriting(path)})
    all_texts = sorted(
        {file for path in data if path.is_dir() and not _is_dataset(path) for file in path.glob("*.txt")}
    )
    found: list[DrawnLines] = []
    files: list[Path] = []
    for wanted in recipe.data:
        sources: list[LineSource] = []
        texts = [file for file in all_texts if not wanted.texts or file.stem in wanted.texts]
        for name in sorted(set(wanted.texts) - {file.stem for file in texts}):
            log.warning("no %s.txt among the data (--data): %s without it", name, wanted.source)
        if wanted.source == "dataset":
            sources += [ScannedLines.load(path, recipe.charset, hold_out=wanted.hold_out) for path in datasets]
            files += datasets
        elif wanted.source == "unipen-lines":
            for path in _inside(data, "unipen/lines_strokes.npz"):
                sources.append(UnipenLines.load(path, recipe.charset))
                files.append(path)
        elif wanted.source == "unipen-words":
            for path in _inside(data, "unipen/words_strokes.npz"):
                sources.append(UnipenWords.load(path, recipe.charset))
                files.append(path)
        elif wanted.source == "unipen-characters":
            for path in _inside(data, "unipen/chars_strokes.npz") if texts else []:
                sources.append(UnipenCharacters.load(path, Passages.load(texts, recipe.charset), wanted.samples))
                files += [path, *texts]
        elif wanted.source == "recomposed":
            reader = _line_bundle(wanted.reader)
            for path in datasets if texts else []:
                passages = Passages.load(texts, recipe.charset)
                sources.append(RecomposedLines(path, passages, wanted.samples, reader, wanted.hold_out))
                files += [path, *texts, reader.path]  # another one of the same name draws other lines
        elif texts and (readable := readable_fonts(fonts)):
            sources.append(WrittenFonts.load(readable, Passages.load(texts, recipe.charset), wanted.samples))
            files += [*readable, *texts]
        if not sources:
            log.warning("no %s among the data (--data): training without", wanted.source)
        found += [DrawnLines(source, wanted) for source in sources]
    if not found:
        raise DatasetError(
            "nothing to learn from: give datasets of lines or strokes with --data (fonts and text add to them)"
        )
    warn_of_unused(data, files)
    return found, list(dict.fromkeys(files))


def _line_bundle(name_or_path: str) -> Bundle:
    bundle = open_bundle(name_or_path)
    if bundle.metadata.task != "line":
        raise RecipeError(f"data: {name_or_path} reads single characters: give `recomposed` a line model to read with")
    return bundle


def _inside(data: Sequence[Path], name: str) -> list[Path]:
    """The file of this name given itself or in a folder given, or in the one for its kind, once."""
    for path in data:
        if path.is_file() and path.name == Path(name).name and not _is_dataset(path):
            return [path]
        for candidate in (path / name, path / Path(name).name):
            if path.is_dir() and not _is_dataset(path) and candidate.is_file():
                return [candidate]
    return []


def _once(paths: Sequence[Path]) -> list[Path]:
    """Each file once, however its path is written."""
    kept: dict[Path, Path] = {}
    for path in paths:
        kept.setdefault(path.resolve(), path)
    return list(kept.values())


def _handwriting(path: Path) -> list[Path]:
    if not path.is_dir() or _is_dataset(path):
        return []
    folder = path / "handwriting" if (path / "handwriting").is_dir() else path
    return [file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES]


def _is_dataset(path: Path) -> bool:
    return (path / "labels.tsv").is_file() if path.is_dir() else path.suffix.lower() == ".zip"
