"""Lines of recorded characters: they say what they should, in hands that may be learned from."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from drawn_lines import RECIPE
from recorded_strokes import pack

from edge_hwr.bundle import open_bundle
from edge_hwr.errors import DatasetError, RecipeError
from edge_hwr.export.composed_characters import UnipenCharacters
from edge_hwr.export.line_data import find_line_sources
from edge_hwr.export.line_recipe import LineRecipe
from edge_hwr.export.line_text import Passages
from edge_hwr.export.recipe import load_recipe
from edge_hwr.export.sources import held_out
from edge_hwr.line_reader import LineReader
from edge_hwr.metrics import character_error_rate

BAR = [[(0, 0), (5, 100)]]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def write_bars(path: Path, writers: dict[int, str]) -> Path:
    """Of each writer an upright bar for each of these characters; writer 1 is held out for tests."""
    written = [(letter, writer) for writer, letters in writers.items() for letter in letters]
    letters, owners = zip(*written, strict=True)
    return pack(path, [BAR] * len(written), letters, writers=owners, test=[owner == 1 for owner in owners])


@pytest.fixture
def passages(tmp_path: Path) -> Passages:
    (tmp_path / "fr.txt").write_text("la forêt, où l'été était doux\nça n'a pas d'importance : aïe\n", "utf-8")
    return Passages.load([tmp_path / "fr.txt"], "".join(open_bundle("lines").labels))


def test_a_line_of_recorded_characters_says_its_text(passages: Passages) -> None:
    path = Path(os.environ.get("EDGE_HWR_DATA", "../shared/data")) / "unipen/chars_strokes.npz"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    lines, reader = UnipenCharacters.load(path, passages, 60), LineReader(open_bundle("lines"))
    rng = np.random.default_rng(1)
    drawn = [lines.draw(index, rng, camera=False) for index in range(60)]
    read = [reader.read(line.picture).decoded.text for line in drawn]
    assert character_error_rate([line.text for line in drawn], read) < 0.25
    assert {"é", ",", "ç"} <= set("".join(line.text for line in drawn))


def test_only_hands_that_may_be_learned_from_and_have_their_letters_write(tmp_path: Path, passages: Passages) -> None:
    apart = next(writer for writer in range(2, 1000) if held_out(f"writer {writer}"))
    others = [writer for writer in range(2, 1000) if not held_out(f"writer {writer}")][:3]
    writers = {1: LETTERS, apart: LETTERS, others[0]: LETTERS, others[1]: LETTERS[:20], others[2]: LETTERS[:19]}
    lines = UnipenCharacters.load(write_bars(tmp_path / "strokes.npz", writers), passages, 5)
    assert len(lines.hands) == 2
    assert not lines.validation.any()
    with pytest.raises(DatasetError, match="no writer of 20 small letters"):
        UnipenCharacters.load(write_bars(tmp_path / "few.npz", {others[0]: "abc"}), passages, 5)


def test_texts_that_no_writer_can_write_end_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "de.txt").write_text("12345 67890\n", "utf-8")
    writer = next(writer for writer in range(2, 1000) if not held_out(f"writer {writer}"))
    figures = Passages.load([tmp_path / "de.txt"], "0123456789 ")
    lines = UnipenCharacters.load(write_bars(tmp_path / "strokes.npz", {writer: LETTERS}), figures, 5)
    with pytest.raises(DatasetError, match="lack characters of nearly all texts"):
        lines.draw(0, np.random.default_rng(1), camera=False)


def test_a_recipe_gets_its_lines_of_characters(tmp_path: Path) -> None:
    (tmp_path / "unipen").mkdir()
    writer = next(writer for writer in range(2, 1000) if not held_out(f"writer {writer}"))
    strokes = write_bars(tmp_path / "unipen" / "chars_strokes.npz", {writer: LETTERS})
    (tmp_path / "en.txt").write_text("abc cab\n", "utf-8")
    found, files = find_line_sources(
        _recipe(tmp_path, 'source = "unipen-characters"\nsamples = 7\nclean = 1'), [tmp_path]
    )
    assert [drawn.source.name for drawn in found] == ["unipen-characters"]
    assert files == [strokes, tmp_path / "en.txt"]
    with pytest.raises(RecipeError, match="samples"):
        _recipe(tmp_path, 'source = "unipen-characters"\nclean = 1')


def _recipe(folder: Path, source: str) -> LineRecipe:
    path = folder / "characters.toml"
    path.write_text(RECIPE.format(epochs=1).replace("[training]", f"[[data]]\n{source}\n\n[training]", 1), "utf-8")
    loaded = load_recipe(str(path))
    assert isinstance(loaded, LineRecipe)
    return loaded
