"""Lines composed of pieces of scanned ones: they say what they should, and only hands that may lend do."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_lines import RECIPE, draw_line, draw_text
from numpy.typing import NDArray

from edge_hwr.bundle import Bundle, open_bundle
from edge_hwr.errors import DatasetError, RecipeError
from edge_hwr.export.line_data import find_line_sources
from edge_hwr.export.line_pool import DrawnLines, draw_line_pool
from edge_hwr.export.line_recipe import LineDataRecipe, LineRecipe
from edge_hwr.export.line_sources import ScannedLines
from edge_hwr.export.line_text import Passages
from edge_hwr.export.recipe import load_recipe
from edge_hwr.export.recomposed_lines import RecomposedLines
from edge_hwr.export.sources import held_out
from edge_hwr.line_preprocess import LinePreprocessing
from edge_hwr.line_reader import LineReader
from edge_hwr.metrics import character_error_rate

CLEAN = LineDataRecipe("dataset", clean=1)
TEXTS = "\n".join(("cab 1ab", "bac ba c", "1 abba", "c11a cb")) + "\n"


def png(picture: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def write_scans(path: Path, writers: dict[str, int], *, words: Sequence[str] = ()) -> Path:
    """A zip of drawn lines, so many by each writer, of these words or of four characters."""
    rng = np.random.default_rng(3)
    with zipfile.ZipFile(path, "w") as archive:
        rows = ["file\ttext\twriter"]
        for writer, count in writers.items():
            for number in range(count):
                text = " ".join(rng.choice(words, 3)) if words else f"{draw_text(rng)} {draw_text(rng)}"
                size, pen = float(rng.uniform(0.9, 1.6)), int(rng.integers(2, 4))
                archive.writestr(f"{writer}-{number}.png", png(draw_line(text, rng, size=size, pen=pen)))
                rows.append(f"{writer}-{number}.png\t{text}\t{writer}")
        archive.writestr("labels.tsv", "\n".join(rows))
    return path


@pytest.fixture(scope="module")
def writers() -> tuple[str, str, str]:
    """Two writers to learn from, and one who is held out."""
    names = [f"writer{number}" for number in range(100)]
    apart = [name for name in names if held_out(f"writer {name}")]
    others = [name for name in names if name not in apart]
    return others[0], others[1], apart[0]


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory, writers: tuple[str, str, str]) -> Path:
    return write_scans(tmp_path_factory.mktemp("scans") / "scans.zip", dict.fromkeys(writers, 30))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    (folder / "en.txt").write_text(TEXTS, "utf-8")
    (folder / "el.txt").write_text("Ελληνικά\n", "utf-8")
    return folder


def recipe_with(source: str, folder: Path) -> LineRecipe:
    path = folder / "recomposed.toml"
    recipe = RECIPE.format(epochs=1)
    path.write_text(recipe.replace("[training]", f"[[data]]\n{source}\n\n[training]", 1), "utf-8")
    loaded = load_recipe(str(path))
    assert isinstance(loaded, LineRecipe)
    return loaded


def test_a_recomposed_line_says_its_text(tmp_path: Path, writers: tuple[str, str, str]):
    lines_reader = open_bundle("lines")
    written, wanted = ("letter", "window", "garden", "summer", "today"), ("winter", "leaden", "snowy ground")
    scans = write_scans(tmp_path / "scans.zip", dict.fromkeys(writers, 30), words=written)
    (tmp_path / "en.txt").write_text("\n".join(wanted) + "\n", "utf-8")
    passages = Passages.load([tmp_path / "en.txt"], "".join(lines_reader.labels))
    lines = RecomposedLines(scans, passages, 60, lines_reader)
    reader, rng = LineReader(lines_reader), np.random.default_rng(1)
    drawn = [lines.draw(index, rng, camera=False) for index in range(60)]
    read = [reader.read(line.picture).decoded.text for line in drawn]
    assert character_error_rate([line.text for line in drawn], read) < 0.1
    assert set(" ".join(line.text for line in drawn).split(" ")) <= set(" ".join(wanted).split(" "))


def test_small_letters_may_be_written_as_small_capitals(tmp_path: Path, writers: tuple[str, str, str]):
    lines_reader, rng = open_bundle("lines"), np.random.default_rng(2)
    written = ("NAME", "name", "TREE", "tree", "anna")
    scans = write_scans(tmp_path / "scans.zip", dict.fromkeys(writers, 30), words=written)
    (tmp_path / "en.txt").write_text("name tree\n", "utf-8")
    lines = RecomposedLines(scans, Passages.load([tmp_path / "en.txt"], "".join(lines_reader.labels)), 1, lines_reader)
    hand, reader = lines.hands[0], LineReader(lines_reader)
    plain, capital = (hand.compose("name tree", rng, capitals) for capitals in ({}, {"n": 0.8, "e": 0.8, "z": 0.8}))
    assert plain is not None
    assert capital is not None
    texts = [reader.read(255 - ink).decoded.text for ink in (plain, capital)]
    assert texts[0] == "name tree"
    assert texts[1].lower() == "name tree"
    assert sum(map(str.isupper, texts[1])) >= 3


def test_writers_held_out_lend_no_hand(tmp_path: Path, writers: tuple[str, str, str], texts: Path, line_bundle: Bundle):
    passages = Passages.load([texts / "en.txt"], "".join(line_bundle.labels))
    some = dict.fromkeys(writers, 30) | {f"who wrote little {number}": 1 for number in range(8)}
    lines = RecomposedLines(write_scans(tmp_path / "many.zip", some), passages, 5, line_bundle)
    assert len(lines.hands) == 2
    assert not lines.validation.any()


def test_where_nobody_is_held_out_all_are_learned_from_and_lend_a_hand(
    tmp_path: Path, scans: Path, texts: Path, line_bundle: Bundle
):
    source = f'source = "recomposed"\nhold_out = false\nreader = "{line_bundle.path}"\nsamples = 5\nclean = 1'
    recipe = recipe_with(source, tmp_path)
    many = write_scans(tmp_path / "many.zip", {f"writer{number}": 8 for number in range(40)})
    (held, _), _ = find_line_sources(recipe, [many, texts])
    assert held.source.validation.any()
    everyone = replace(recipe, data=tuple(replace(one, hold_out=False) for one in recipe.data))
    (learned, _), _ = find_line_sources(everyone, [many, texts])
    assert not learned.source.validation.any()
    (_, lent), _ = find_line_sources(everyone, [scans, texts])
    assert isinstance(lent.source, RecomposedLines)
    assert len(lent.source.hands) == 3


def test_one_writer_lends_a_hand_but_not_the_lines_held_out(tmp_path: Path, texts: Path, line_bundle: Bundle):
    passages = Passages.load([texts / "en.txt"], "".join(line_bundle.labels))
    scans = write_scans(tmp_path / "own.zip", {"me": 40})
    own = ScannedLines.load(scans, "".join(line_bundle.labels))
    (hand,) = RecomposedLines(scans, passages, 5, line_bundle).hands
    lent = np.array([text in hand.text for text in own.texts])
    assert own.validation.any()
    assert not lent[own.validation].any()
    assert lent[~own.validation].mean() > 0.8


def test_a_recipe_gets_its_recomposed_lines(tmp_path: Path, scans: Path, texts: Path, line_bundle: Bundle):
    source = f'source = "recomposed"\nreader = "{line_bundle.path}"\ntexts = ["en"]\nsamples = 12\ncamera = 2'
    sources, files = find_line_sources(recipe_with(source, tmp_path), [scans, texts])
    assert files == [scans, texts / "en.txt", line_bundle.path]  # by whose digest another reader is told from this one
    pool = draw_line_pool(sources, LinePreprocessing(), seed=1, workers=1)
    counts = pool.describe()["scans recomposed camera"]
    assert 12 < counts["train"] <= 24
    assert counts["validation"] == 0


def test_texts_that_a_recipe_names_and_nobody_gave_are_pointed_out(
    tmp_path: Path, scans: Path, texts: Path, line_bundle: Bundle, caplog: pytest.LogCaptureFixture
):
    source = f'source = "recomposed"\nreader = "{line_bundle.path}"\ntexts = ["en", "prose"]\nsamples = 5\nclean = 1'
    find_line_sources(recipe_with(source, tmp_path), [scans, texts])
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "no prose.txt among the data (--data): recomposed without it"
    ]


def test_a_line_of_real_hands_says_its_text(tmp_path: Path, data: Path):
    with zipfile.ZipFile(data / "banq_lines" / "train.zip") as whole:
        header, *rows = whole.read("labels.tsv").decode().splitlines()
        kept = [row for row in rows if row.split("\t")[2] in {"wikitexte_0221", "wikitexte_0172", "wikitexte_0201"}]
        with zipfile.ZipFile(tmp_path / "hands.zip", "w") as archive:
            archive.writestr("labels.tsv", "\n".join([header, *kept]))
            for row in kept:
                archive.writestr(row.split("\t")[0], whole.read(row.split("\t")[0]))
    (tmp_path / "fr.txt").write_text("Les compétitions de la région sont annoncées dans une page\n", "utf-8")
    bundle = open_bundle("lines")
    passages = Passages.load([tmp_path / "fr.txt"], "".join(bundle.labels))
    lines = RecomposedLines(tmp_path / "hands.zip", passages, 40, bundle)
    reader, rng = LineReader(bundle), np.random.default_rng(1)
    drawn = [lines.draw(index, rng, camera=index % 2 == 0) for index in range(40)]
    read = [reader.read(line.picture).decoded.text for line in drawn]
    assert character_error_rate([line.text for line in drawn], read) < 0.35


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('source = "recomposed"\nsamples = 5\nclean = 1', "reader"),
        ('source = "recomposed"\nreader = "lines"\nclean = 1', "samples"),
        ('source = "dataset"\nreader = "lines"\nclean = 1', "reader"),
        ('source = "unipen-words"\ntexts = ["fr"]\nclean = 1', "texts"),
    ],
)
def test_keys_that_do_not_belong_together_are_named(tmp_path: Path, source: str, said: str):
    with pytest.raises(RecipeError, match=said):
        recipe_with(source, tmp_path)


def test_a_model_of_characters_cannot_say_where_they_stand(tmp_path: Path, scans: Path, texts: Path):
    recipe = recipe_with('source = "recomposed"\nreader = "digits"\nsamples = 5\nclean = 1', tmp_path)
    with pytest.raises(RecipeError, match="digits reads single characters"):
        find_line_sources(recipe, [scans, texts])


def test_writers_of_too_little_are_said_to_be(tmp_path: Path, texts: Path, line_bundle: Bundle):
    few = write_scans(tmp_path / "few.zip", {f"writer{number}": 1 for number in range(60)})
    passages = Passages.load([texts / "en.txt"], "".join(line_bundle.labels))
    lines = RecomposedLines(few, passages, 5, line_bundle)
    with pytest.raises(DatasetError, match=r"no writer .* of whom 150 characters could be read"):
        draw_line_pool(
            [DrawnLines(ScannedLines.load(few, " abc1"), CLEAN), DrawnLines(lines, CLEAN)],
            LinePreprocessing(),
            seed=1,
            workers=1,
        )


def test_texts_that_no_writer_can_write_are_said_to_be(tmp_path: Path, scans: Path, line_bundle: Bundle):
    (tmp_path / "en.txt").write_text("zzz zzz zzz zzz zzz\n", "utf-8")
    lines = RecomposedLines(scans, Passages.load([tmp_path / "en.txt"], " z"), 5, line_bundle)
    with pytest.raises(DatasetError, match="the writers lack characters of nearly all texts"):
        lines.draw(0, np.random.default_rng(1), camera=False)
