"""Which of the user's files feed the sources that a recipe asks for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_hwr.errors import DatasetError
from edge_hwr.label_table import is_table

from .continental import Continental
from .fonts import SUFFIXES, readable_fonts
from .junk import Junk
from .recipe import DataRecipe, Recipe
from .sources import JUNK, VALIDATION_SHARE, Fonts, LabelledPictures, Mnist, Source, Unipen
from .strokes import load_strokes
from .touching import Touching
from .word_characters import WordCharacters

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DrawnSource:
    """A source and how the recipe wants it drawn."""

    source: Source
    wanted: DataRecipe


def find_sources(recipe: Recipe, data: Sequence[Path]) -> tuple[list[DrawnSource], list[Path]]:
    """The sources of a recipe among the user's files, and those files, for the record.

    `data` are files, dataset folders, folders of fonts, or folders that hold `mnist/mnist.npz`,
    `unipen/chars_strokes.npz`, `unipen/words_strokes.npz` and `fonts/`. MNIST is downloaded where it is missing; other
    sources are left out with a warning. Datasets (`labels.tsv`) are used by recipes that name the source `dataset`, or
    by all when given.
    """
    for path in data:
        if not path.exists():
            raise DatasetError(f"{path}: no such file or folder (given with --data)")
    strokes_path = _find(data, "unipen/chars_strokes.npz", "*chars_strokes.npz")
    words_path = _find(data, "unipen/words_strokes.npz", "*words_strokes.npz")
    mnist_path = _find(data, "mnist/mnist.npz", "mnist*.npz")
    found: list[DrawnSource] = []
    files: list[Path] = []
    for wanted in recipe.data:
        source: Source | None = None
        if wanted.source == "mnist":
            source = Mnist.load(mnist_path, recipe.charset)
            files += [mnist_path] if mnist_path else []
        elif wanted.source == "unipen" and strokes_path:
            source = Unipen.load(strokes_path, recipe.charset)
            files.append(strokes_path)
        elif wanted.source == "unipen-words" and words_path:
            source = WordCharacters.load(words_path, recipe.charset)
            files.append(words_path)
        elif wanted.source == "fonts" and (fonts := _fonts(data)):
            source = Fonts.load(fonts, recipe.charset)
            files += fonts
        elif wanted.source == "continental":
            source = Continental.load(wanted.samples, recipe.charset)
        elif wanted.source == "touching" and strokes_path:
            source = Touching.load(wanted.samples, load_strokes(strokes_path), recipe.charset)
            files.append(strokes_path)
        elif wanted.source == "junk":
            strokes = load_strokes(strokes_path) if strokes_path else None
            source = Junk.load(wanted.samples, strokes, wanted.letters, recipe.charset)
            files += [strokes_path] if strokes_path else []
        if source is not None:
            found.append(DrawnSource(source, wanted))
        elif wanted.source != "dataset":
            log.warning("no %s among the data (--data): training without", wanted.source)
    as_given = next((w for w in recipe.data if w.source == "dataset"), DataRecipe("dataset", clean=1))
    if any(wanted.source == "dataset" for wanted in recipe.data) and not any(map(_is_dataset, data)):
        raise DatasetError(
            "nothing to learn from: the recipe wants a dataset and --data names none: a folder or zip with labels.tsv, "
            "or a folder of pictures for each character"
        )
    for path in filter(_is_dataset, data):
        found.append(DrawnSource(LabelledPictures.load(path, recipe.charset), as_given))
        files.append(path)
    if not any((drawn.source.labels != JUNK).any() for drawn in found):
        raise DatasetError("nothing to learn from: give datasets, MNIST, UNIPEN strokes or fonts with --data")
    warn_of_unused(data, files)
    _warn_of_unseen(recipe.charset, found)
    return found, list(dict.fromkeys(files))


def check_held_out(sources: Sequence[DrawnSource]) -> None:
    """`DatasetError` where no character is held out for validation: known before the drawing, which takes minutes."""
    if not any((drawn.source.validation & (drawn.source.labels != JUNK)).any() for drawn in sources):
        raise DatasetError(
            f"no samples to validate with: about one in {VALIDATION_SHARE} is held out, by its name; give more data"
        )


def warn_of_unused(data: Sequence[Path], files: Sequence[Path]) -> None:
    """Say which of the paths that were given hold none of the files that are used."""
    for path in data:
        if not any(file == path or path in file.parents for file in files):
            log.warning("%s: nothing in it that this recipe learns from: training without", path)


def _warn_of_unseen(charset: str, found: Sequence[DrawnSource]) -> None:
    """Say which characters there are no training samples of."""
    seen = {label for drawn in found for label in drawn.source.labels[~drawn.source.validation].tolist()}
    if unseen := [character for label, character in enumerate(charset) if label not in seen]:
        log.warning("no samples to train on of %s: the model will not know them", " ".join(unseen))


def _find(data: Sequence[Path], inside: str, pattern: str) -> Path | None:
    for path in data:
        if path.is_file() and path.match(pattern):
            return path
        for candidate in (path / inside, path / Path(inside).name):
            if candidate.is_file():
                return candidate
    return None


def _fonts(data: Sequence[Path]) -> list[Path]:
    folders = [path for path in data if path.is_dir() and not _is_dataset(path)]
    found = {file for folder in folders for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES}
    return readable_fonts(sorted(found))


def _is_dataset(path: Path) -> bool:
    return is_table(path) or (path.is_file() and "idx3" in path.name)
