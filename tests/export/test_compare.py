"""The comparison with classical models, by the command line's own path on drawn characters."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import write_dataset
from drawn_model import DIGITS, describe

from edge_hwr.bundle import Bundle, write_bundle
from edge_hwr.errors import BundleError, DatasetError, EdgeHwrError, RecipeError, UsageError
from edge_hwr.export.data import find_sources
from edge_hwr.export.precisions import main as write_precisions
from edge_hwr.export.recipe import load_recipe
from edge_hwr.line_preprocess import LinePreprocessing, line_preprocessing_digest
from edge_hwr.picture import read_picture, write_picture

pytest.importorskip("sklearn", reason="classical models come with the extra `export`")

from edge_hwr.export.baselines import BASELINES, draw_sample, fit
from edge_hwr.export.comparison import ComparedModel, draw_comparison
from edge_hwr.export.evaluation_commands import compare


def test_every_model_is_trained_and_measured(tmp_path: Path, dataset: Path, recipe: Path, drawn_bundle: Bundle) -> None:
    test = write_dataset(tmp_path / "test", "0127" * 10)
    write_picture(test / "0003.png", np.full((40, 40), 255, np.uint8))  # bare paper: nobody reads a 7 in it
    page, chart = tmp_path / "docs" / "baselines.md", tmp_path / "docs" / "images" / "baselines.png"
    chart.parent.mkdir(parents=True)
    arguments = [test, "--data", dataset, "--recipe", recipe, "--model", drawn_bundle.path, "--samples", 200]
    outputs = ["--json", "--markdown", page, "--chart", chart]
    result = CliRunner().invoke(compare, [str(item) for item in (*arguments, *outputs)], catch_exceptions=False)
    assert result.exit_code == 0
    measured = json.loads(result.stdout)
    assert measured["dataset_samples"] == 40
    assert 200 <= measured["training_samples"] <= 210
    assert measured["training_available"] > 500
    models = {model["name"]: model for model in measured["models"]}
    assert set(models) == {"SVM", "random forest", "decision tree", "plain network", "drawn"}
    accuracies = [model["accuracy"] for model in measured["models"]]
    assert accuracies == sorted(accuracies, reverse=True)
    for name, model in models.items():
        assert 0.7 < model["accuracy"] <= 39 / 40, name
        assert model["bytes"] > 1000
        assert 0 < model["ms"] < 1000
        assert (model["training_seconds"] is None) == (name == "drawn")
    assert models["drawn"]["bytes"] == drawn_bundle.size

    text = page.read_text("utf-8")
    assert "edge-hwr compare test --data DATA --recipe tiny.toml --model drawn.tflite --samples 200 --seed 1" in text
    assert str(tmp_path) not in text, "no path of this machine"
    assert "![the same as bars](images/baselines.png)" in text
    assert all(f"| {name} (" in text for name in models)
    assert read_picture(chart).shape[1] > 800


def test_the_sample_is_the_same_for_the_same_seed(dataset: Path, recipe: Path) -> None:
    sources, _ = find_sources(load_recipe(recipe), [dataset])
    first, again, other = (draw_sample(sources, 100, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.glyphs, again.glyphs)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.glyphs.shape[1:] == (28, 28)
    assert first.labels.min() == 0, "junk, which has no class, is left out"
    assert not np.array_equal(first.glyphs, other.glyphs)
    everything = draw_sample(sources, 10**6, seed=1)
    assert len(everything.labels) == everything.available


def test_a_fitted_model_knows_its_size(dataset: Path, recipe: Path) -> None:
    sources, _ = find_sources(load_recipe(recipe), [dataset])
    sample = draw_sample(sources, 150, seed=1)
    tree = next(baseline for baseline in BASELINES if baseline.name == "decision tree")
    fitted = fit(tree, sample, seed=1)
    assert fitted.size == len(pickle.dumps(fitted.model))
    assert (fitted.predict(sample.glyphs) == sample.labels).all()


def test_a_chart_of_a_perfect_model() -> None:
    """Logarithmic scales have no place for an error of 0."""
    models = [ComparedModel("all right", "", 1.0, 1000, 0.1, None), ComparedModel("other", "", 0.9, 10**8, 9.0, 3.0)]
    assert draw_comparison(models).startswith(b"\x89PNG")
    assert draw_comparison(models[:1]).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["nowhere", "--recipe", "RECIPE"], DatasetError, "nowhere"),
        (["DATASET", "--recipe", "RECIPE", "--model", "nothing"], BundleError, "no such file, nor a model that ships"),
        (["DATASET", "--recipe", "unheard-of"], RecipeError, "no recipe is called"),
        (["DATASET", "--recipe", "RECIPE", "--data", "nowhere"], DatasetError, "nowhere: no such file or folder"),
        (["DATASET", "--recipe", "RECIPE"], DatasetError, "nothing to learn from"),
        (["ONE", "--recipe", "RECIPE", "--data", "ONE"], DatasetError, "fewer than two different characters"),
        (["OTHER", "--recipe", "RECIPE"], DatasetError, "'9' outside of the charset of the recipe tiny"),
        (["DATASET", "--recipe", "RECIPE", "--chart", "x.gif"], UsageError, r"NAME\.png"),
    ],
)
def test_bad_input(
    tmp_path: Path, dataset: Path, recipe: Path, arguments: list[str], error: type[EdgeHwrError], message: str
) -> None:
    places = {
        "DATASET": dataset,
        "RECIPE": recipe,
        "ONE": write_dataset(tmp_path / "one", "1" * 30),
        "OTHER": write_dataset(tmp_path / "other", "19"),
    }
    with pytest.raises(error, match=message):
        compare.main([str(places.get(word, word)) for word in arguments], standalone_mode=False)


def test_precisions_are_listed_from_the_bundles(
    drawn_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_hwr.bundle.SHIPPED", tmp_path)
    figures = {"bytes": 12345, "accuracy": 0.98, "drop_points": 0.125, "ms": 0.0356}
    for name, metrics in (
        ("calibrated", {"precisions": {"float32": figures, "int8": figures}, "method": "ptq"}),
        ("tuned", {"precisions": {"int8": figures, "int8 qat": figures}, "method": "qat"}),
        ("unknown", {}),
    ):
        metadata = describe(name=name, metrics=metrics)
        write_bundle(tmp_path / f"{name}.tflite", drawn_bundle.flatbuffer, DIGITS, metadata, *drawn_bundle.golden())
    lines = LinePreprocessing()
    of_lines = describe(
        name="written",
        task="line",
        height=lines.height,
        width=None,
        preprocessing=lines.to_json(),
        preprocessing_digest=line_preprocessing_digest(lines),
        metrics={"precisions": {"int8": figures | {"cer": 0.25}}},
    )
    golden = np.zeros((1, lines.height, 64, 1), np.uint8), np.zeros((1, 16, len(DIGITS) + 1), np.int8)
    write_bundle(tmp_path / "written.tflite", drawn_bundle.flatbuffer, DIGITS, of_lines, *golden)
    write_precisions.main([str(tmp_path / "precisions.md")], standalone_mode=False)
    _, calibrated, tuned, unknown, written = (tmp_path / "precisions.md").read_text("utf-8").split("\n## ")
    assert "| float32 | 12,345 | 98.00% | 0.125 | 0.036 |" in calibrated
    assert "| **int8** | 12,345 |" in calibrated
    assert "| int8 |" in tuned
    assert "| **int8 qat** |" in tuned
    assert "no table of precisions" in unknown
    assert "| CER |" in written
    assert "| 25.00% |" in written
