"""Recipes: what ships loads, what is wrong is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_hwr.errors import RecipeError, UsageError
from edge_hwr.export.commands import train
from edge_hwr.export.line_recipe import LineRecipe
from edge_hwr.export.recipe import load_recipe, recipe_from_json, shipped_recipes

SMALL = """\
charset = "01"
[network]
backbone = "plain"
stages = [[4], [8]]
[[data]]
source = "dataset"
clean = 1
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_shipped_recipe_loads_and_survives_json() -> None:
    assert {"digits", "digits-nano"} <= set(shipped_recipes())
    for name in shipped_recipes():
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe_from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


@pytest.mark.parametrize(("before", "now"), [(False, 0), (True, 3)])
def test_recipes_of_before_kept_all_stages_or_none(before: bool, now: int) -> None:
    table = load_recipe("lines-nano").to_json()
    table["training"]["keep_stages"] = before
    recipe = recipe_from_json(table)
    assert isinstance(recipe, LineRecipe)
    assert recipe.training.keep_stages == now


def test_a_recipe_of_ones_own_is_named_by_its_file(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, SMALL))
    assert (recipe.name, recipe.charset, recipe.network.stages) == ("own", "01", ((4,), (8,)))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('charset = "01"', 'charset = "01"\nepochs = 3', "unknown key epochs"),
        ("stages =", "stage =", "network.stage"),
        ('charset = "01"', 'charset = "01"\ntask = "lines"', "task = 'lines': wanted one of 'glyph', 'line'"),
        ('charset = "01"', 'charset = "01"\ntask = ["line"]', "task = ['line']"),
        ("clean = 1", 'clean = "1"', "data[0].clean"),
        ("clean = 1", "clean = 0", "data[0].camera"),
        ("clean = 1", "clean = true", "data[0].clean"),
        ('"plain"', '"transformer"', "network.backbone"),
        ("[[4], [8]]", "[[4], []]", "network.stages"),
        ("[[4], [8]]", "[[4], [0]]", "network.stages"),
        ("[[4], [8]]", "[[4], [4], [4], [4], [4]]", "network.stages"),
        ("[[4], [8]]", "4", "network.stages"),
        ('charset = "01"', 'charset = "011"', "charset"),
        ('charset = "01"', 'charset = "0"', "charset"),
        ('charset = "01"', 'charset = "01\\n"', "charset"),
        ('charset = "01"', 'charset = "01"\nname = "../up"', "name"),
        ('charset = "01"', 'charset = "01"\nname = ""', "name"),
        ("clean = 1", "clean = 1\n[augmentation]\nrotation = inf", "augmentation.rotation"),
        ("clean = 1", "clean = 1\n[augmentation]\nshift = 1e300", "augmentation.shift"),
        ("clean = 1", "clean = 1\n[export]\nmax_drop = inf", "export.max_drop"),
        ("clean = 1", "clean = 1\nsamples = 99999999999999999999", "data[0].samples"),
        ('charset = "01"', "", "charset is missing"),
        ("clean = 1", 'clean = 1\nletters = "1"', "data.letters"),
        ('source = "dataset"', 'source = "junk"', "data[0].samples"),
        ("clean = 1", "clean = 1\n[training]\nlearning_rate = -1.0", "training.learning_rate"),
        ("clean = 1", "clean = 1\n[augmentation]\nthin_share = 0.9\nthicken_share = 0.2", "augmentation.thin_share"),
        ("clean = 1", 'clean = 1\n[distillation]\nteachers = ["a", "a"]', "distillation.teachers"),
        ("clean = 1", "clean = 1\n[export]\nmax_drop = -1.0", "export.max_drop"),
    ],
)
def test_a_mistake_is_named_with_its_file(tmp_path: Path, old: str, new: str, named: str) -> None:
    path = write(tmp_path, SMALL.replace(old, new))
    with pytest.raises(RecipeError) as raised:
        load_recipe(path)
    message = str(raised.value)
    assert named in message
    assert str(path) in message
    assert "\n" not in message


def test_no_such_recipe_lists_those_that_ship() -> None:
    with pytest.raises(RecipeError, match="digits"):
        load_recipe("digitz")


def test_a_missing_file_and_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot read"):
        load_recipe(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match="not valid TOML"):
        load_recipe(write(tmp_path, "charset = "))
    (tmp_path / "own.toml").write_bytes(b"charset = '\xff'")
    with pytest.raises(RecipeError, match="not valid TOML"):
        load_recipe(tmp_path / "own.toml")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200)
@given(st.sampled_from(["charset", "network", "data", "training", "augmentation", "export", "seed"]), json_values)
def test_whatever_stands_in_a_recipe_it_loads_or_is_refused(key: str, value: object) -> None:
    table: dict[str, object] = {
        "name": "any",
        "charset": "01",
        "network": {"backbone": "plain", "stages": [[4]]},
        "data": [{"source": "dataset", "clean": 1}],
        key: value,
    }
    try:
        recipe = recipe_from_json(table, where="any.toml")
    except RecipeError as error:
        assert "any.toml" in str(error)  # noqa: PT017 (that it raises nothing else is the point)
    else:
        assert recipe_from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize("recipe", ["digits", "lines"])
@pytest.mark.parametrize(
    "option",
    ["--epochs 0", "--minutes nan", "--minutes inf", "--minutes -1", "--minutes 0", "--seed -1", "--seed 4294967296"],
)
def test_an_option_is_checked_like_the_key_it_stands_for(recipe: str, option: str) -> None:
    done = CliRunner().invoke(train, [recipe, "--data", "nowhere", *option.split()])
    assert isinstance(done.exception, UsageError)
    assert "wanted" in str(done.exception)
