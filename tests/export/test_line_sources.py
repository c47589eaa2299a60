"""Where lines come from: what a dataset, a charset, a folder of texts and a user's paths make of each other."""

from __future__ import annotations

import logging
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from drawn_lines import RECIPE, draw_line, write_lines
from hypothesis import given
from hypothesis import strategies as st

from edge_hwr.errors import DatasetError
from edge_hwr.export.line_data import find_line_sources
from edge_hwr.export.line_paper import scan_line
from edge_hwr.export.line_pool import DrawnLines, LinePool, draw_line_pool
from edge_hwr.export.line_recipe import LineDataRecipe, LineRecipe
from edge_hwr.export.line_sources import ScannedLines
from edge_hwr.export.line_text import Passages
from edge_hwr.export.recipe import load_recipe
from edge_hwr.line_preprocess import LinePreprocessing
from edge_hwr.picture import write_picture


@pytest.fixture
def recipe(tmp_path: Path) -> LineRecipe:
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE.format(epochs=1), "utf-8")
    loaded = load_recipe(str(path))
    assert isinstance(loaded, LineRecipe)
    return loaded


def write_zip(folder: Path, name: str, count: int, *, seed: int = 5, before: str = "") -> Path:
    """A zip of drawn lines, with something written before the names of its files in the table."""
    drawn = write_lines(folder / f"{name}-lines", count, seed)
    path = folder / f"{name}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        header, *rows = (drawn / "labels.tsv").read_text("utf-8").splitlines()
        archive.writestr("labels.tsv", "\n".join([header, *(before + row for row in rows)]))
        for picture in drawn.glob("*.png"):
            archive.write(picture, picture.name)
    return path


def draw(sources: list[DrawnLines]) -> LinePool:
    return draw_line_pool(sources, LinePreprocessing(), seed=1, workers=1)


def test_two_datasets_in_one_folder_have_figures_of_their_own(tmp_path: Path, recipe: LineRecipe):
    letters, forms = write_zip(tmp_path, "letters", 48), write_zip(tmp_path, "forms", 24, before="./")
    sources, files = find_line_sources(recipe, [letters, forms, tmp_path / ".." / tmp_path.name / "forms.zip"])
    assert files == [letters, forms]
    counts = {name: sum(numbers.values()) for name, numbers in draw(sources).describe().items()}
    assert counts == {"letters": 48, "forms": 24}


def test_datasets_of_one_name_share_their_figures(tmp_path: Path):
    sources = []
    for number, place in enumerate(("a", "b")):
        (tmp_path / place).mkdir()
        path = write_zip(tmp_path / place, "letters", 24, seed=number)
        sources.append(DrawnLines(ScannedLines.load(path, " abc1"), LineDataRecipe("dataset", clean=1)))
    pool = draw(sources)
    assert pool.groups == ("letters",)
    assert sum(pool.describe()["letters"].values()) == 48


def test_a_damaged_picture_of_a_zip_is_named(tmp_path: Path, recipe: LineRecipe):
    path = write_zip(tmp_path, "letters", 24)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        victim = archive.getinfo("0003.png")
    content[victim.header_offset + 200] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"letters.zip: 0003.png cannot be unpacked"):
        find_line_sources(recipe, [path])


def test_a_file_that_is_no_picture_is_named_when_it_is_drawn(tmp_path: Path, recipe: LineRecipe):
    folder = write_lines(tmp_path / "drawn", 48)
    (folder / "0003.png").write_bytes(b"no picture")
    sources, _ = find_line_sources(recipe, [folder])
    with pytest.raises(Exception, match=r"drawn: 0003.png"):
        sources[0].source.draw(3, np.random.default_rng(1), camera=False)


def test_lines_outside_of_the_charset_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    folder = write_lines(tmp_path / "drawn", 24)
    with (folder / "labels.tsv").open("a", encoding="utf-8") as table:
        table.write("0001.png\tzebra\t1\n0002.png\tça\t2\n")
    with caplog.at_level(logging.INFO):
        assert len(ScannedLines.load(folder, " abc1").texts) == 24
    assert "2 of 26 lines hold characters outside of the recipe's charset" in caplog.text
    with pytest.raises(DatasetError, match="none of its texts can be written"):
        ScannedLines.load(folder, "xyz")


def test_a_path_that_gives_nothing_is_pointed_out(tmp_path: Path, recipe: LineRecipe, caplog: pytest.LogCaptureFixture):
    lines = write_zip(tmp_path, "letters", 24)
    loud = lines.rename(tmp_path / "LETTERS.ZIP")
    other = tmp_path / "texts"
    other.mkdir()
    (other / "fr.txt").write_text("abc", "utf-8")
    _, files = find_line_sources(recipe, [loud, other])
    assert files == [loud]
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith(f"{other}: nothing in it that this recipe learns from")


def test_lines_of_a_single_writer_are_refused_before_they_are_drawn(tmp_path: Path):
    rows = ["file\ttext\twriter"]
    folder = tmp_path / "drawn"
    folder.mkdir()
    for number in range(4):
        write_picture(folder / f"{number}.png", draw_line("abc", np.random.default_rng(number)))
        rows.append(f"{number}.png\tabc\tAnne")
    (folder / "labels.tsv").write_text("\n".join(rows), "utf-8")
    source = ScannedLines.load(folder, "abc")
    with pytest.raises(DatasetError, match="or none to validate with"):
        draw([DrawnLines(source, LineDataRecipe("dataset", clean=1))])


@given(st.integers(20, 90), st.integers(20, 3000), st.integers(0, 99))
def test_a_drawn_line_has_its_height_from_its_writing(height: int, width: int, seed: int):
    """However wide: what is high is reduced before it is read, and a line with much paper around would blur."""
    picture = scan_line(np.full((height, width), 255, np.uint8), np.random.default_rng(seed))
    assert height < picture.shape[0] < 2 * height
    assert (picture == 0).sum() == height * width


@pytest.mark.parametrize("charset", [" abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz0123456789 .,"])
def test_passages_are_of_the_charset_alone(tmp_path: Path, charset: str):
    text = tmp_path / "en.txt"
    text.write_text("the quick brown fox\nDoes it Jump?\njumps over the lazy dog\n", "utf-8")
    passages, rng = Passages.load([text], charset), np.random.default_rng(3)
    drawn = [passages.draw(rng) for _ in range(400)]
    assert set("".join(drawn)) <= set(charset)
    assert {"the", "dog"} <= {word for line in drawn for word in line.split()}


def test_pages_are_no_lines(tmp_path: Path, recipe: LineRecipe):
    pages = write_lines(tmp_path / "pages", 3, 1)
    table = pages / "labels.tsv"
    header, first, *rest = table.read_text("utf-8").splitlines()
    file, text, *more = first.split("\t")
    table.write_text("\n".join([header, "\t".join([file, f"{text}\\n{text}", *more]), *rest]), "utf-8")
    with pytest.raises(DatasetError, match="pages"):
        find_line_sources(recipe, [pages])


def test_texts_that_the_charset_cannot_write_are_named(tmp_path: Path):
    text = tmp_path / "el.txt"
    text.write_text("Ελληνικά\n", "utf-8")
    with pytest.raises(DatasetError, match=r"the charset of the recipe can write in the texts \(el.txt\)"):
        Passages.load([text], "abc ")


@pytest.mark.parametrize(
    ("module", "given"), [("training_texts", ["packages", "out"]), ("language_texts", ["packages", "train.zip", "out"])]
)
def test_texts_that_cannot_be_fetched_are_one_line(tmp_path: Path, module: str, given: list[str]):
    command = [sys.executable, "-m", f"edge_hwr.export.{module}", *given]
    bare = {"PATH": str(tmp_path), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null"}
    done = subprocess.run(command, cwd=tmp_path, env=bare, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("edge-hwr: error: ")
