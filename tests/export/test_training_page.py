"""The recipes that docs/training.md shows, as anyone would copy them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import write_dataset

from edge_hwr.export.commands import train
from edge_hwr.export.line_recipe import LineRecipe
from edge_hwr.export.recipe import Recipe, load_recipe
from edge_hwr.export.run_folder import open_run

PAGE = Path(__file__).parents[2] / "docs" / "training.md"


@pytest.fixture
def recipes(tmp_path: Path) -> list[Path]:
    """One of single characters, one of lines."""
    shown = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    paths = [tmp_path / f"recipe{number}.toml" for number in range(len(shown))]
    for path, text in zip(paths, shown, strict=True):
        path.write_text(text, "utf-8")
    return paths


def test_they_are_recipes(recipes: list[Path]) -> None:
    assert [type(load_recipe(path)) for path in recipes] == [Recipe, LineRecipe]


def test_a_folder_for_each_character_is_learned_from(recipes: list[Path], tmp_path: Path) -> None:
    drawn, answers = write_dataset(tmp_path / "drawn", "ABCD" * 15), tmp_path / "answers"
    for number, letter in enumerate("ABCD" * 15):
        (answers / letter).mkdir(parents=True, exist_ok=True)
        (drawn / f"{number:04}.png").rename(answers / letter / f"{number:04}.png")
    given = [str(recipes[0]), "--data", str(answers), "--out", str(tmp_path / "run"), "--epochs", "1", "--workers", "1"]
    done = CliRunner().invoke(train, given)
    assert done.exit_code == 0, done.exception
    assert "answers: " in done.output
    assert open_run(tmp_path / "run").best() is not None
