"""Training and exporting line models, end to end, on drawn lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import click
import numpy as np
import pytest
from drawn_lines import train_run, write_lines, write_recipe

pytest.importorskip("keras", reason="training needs the extra `export`")

from ai_edge_litert.interpreter import Interpreter
from keras import layers
from rich.console import Console

from edge_hwr.bundle import open_bundle
from edge_hwr.ctc import decode_sections
from edge_hwr.errors import GateError, RecipeError, TrainingError, UsageError
from edge_hwr.export.averaging import Part, load_averaged
from edge_hwr.export.blank_offset import add_to_blank, fit_blank_offset
from edge_hwr.export.candidates import ExportOptions
from edge_hwr.export.commands import export, train
from edge_hwr.export.lending import lend_line_weights, lender_recipe, load_lender
from edge_hwr.export.line_augmentation import LineAugmenter
from edge_hwr.export.line_batches import learned_batches, plan_batches, plan_epoch, prepare_lines
from edge_hwr.export.line_exporting import choose_calibration_lines, export_line_run
from edge_hwr.export.line_loss import inconsistency
from edge_hwr.export.line_network import build_line_network, predict_lines
from edge_hwr.export.line_pool import DrawnLines, LinePool, draw_line_pool, steps_needed
from edge_hwr.export.line_recipe import LineAugmentationRecipe, LineDataRecipe, LineRecipe
from edge_hwr.export.line_sources import ScannedLines
from edge_hwr.export.line_step import step_function
from edge_hwr.export.line_text import as_written, untokenised
from edge_hwr.export.muon import ConvolutionMuon
from edge_hwr.export.pacing import learning_rate_at, update_average
from edge_hwr.export.quantize import Precision, convert, load_keras
from edge_hwr.export.recipe import load_recipe
from edge_hwr.export.run_folder import open_line_run, open_run
from edge_hwr.export.score_floor import DEPTH, with_floor
from edge_hwr.line_preprocess import LinePreprocessing
from edge_hwr.line_runtime import LineModel


class Interrupting(Console):
    """A console at which Ctrl-C is pressed as soon as an epoch has been summed up."""

    def print(self, *objects, **options) -> None:  # type: ignore[no-untyped-def]
        super().print(*objects, **options)
        if "epoch" in str(objects):
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six epochs, interrupted after the first and continued; tests must not change it."""
    folder = tmp_path_factory.mktemp("lines")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge_hwr.export.commands.Console", Interrupting)
        with pytest.raises(click.Abort):
            train_run(folder, epochs=6, lines=72)
    run = folder / "run"
    assert open_line_run(run).checkpoint() is not None
    given = [str(folder / "tiny-lines.toml"), "--data", str(folder / "drawn"), "--out", str(run), "--workers", "1"]
    train.main(given, standalone_mode=False)
    return run


@pytest.fixture(scope="module")
def pool(trained: Path) -> LinePool:
    return LinePool.load(trained / "pool.npz", " abc1")


def test_an_interrupted_training_goes_on_where_it_was(trained: Path):
    entries = [json.loads(line) for line in (trained / "log.jsonl").read_text("utf-8").splitlines()]
    assert [entry["epoch"] for entry in entries] == [1, 2, 3, 4, 5, 6]
    elapsed = [entry["elapsed_s"] for entry in entries]
    assert elapsed == sorted(elapsed)
    assert 0 < elapsed[0] < elapsed[1]
    assert entries[-1]["loss"] < 0.8 * entries[0]["loss"]
    best = open_line_run(trained).best()
    assert best is not None
    assert best["cer"] == min((entry["cer"] for entry in entries), key=lambda cer: cer["drawn"])


def test_what_is_learned_from_is_read_beside_what_is_held_out(trained: Path, pool: LinePool):
    entries = [json.loads(line) for line in (trained / "log.jsonl").read_text("utf-8").splitlines()]
    assert all(entry["cer_learned"].keys() == entry["cer"].keys() for entry in entries)
    assert entries[-1]["cer_learned"]["drawn"] < entries[0]["cer_learned"]["drawn"]
    rows = [row for part, _ in learned_batches(pool) for row in part]
    assert rows
    assert not pool.validation[rows].any()


def test_a_finished_training_stays_as_it_is(trained: Path, tmp_path: Path):
    before = (trained / "log.jsonl").read_bytes()
    folder = trained.parent
    given = [str(folder / "tiny-lines.toml"), "--data", str(folder / "drawn"), "--out", str(trained)]
    train.main(given, standalone_mode=False)
    assert (trained / "log.jsonl").read_bytes() == before


def test_a_run_of_another_recipe_is_not_continued(trained: Path, tmp_path: Path):
    other = write_recipe(tmp_path / "other.toml", epochs=7)
    with pytest.raises(TrainingError, match="another recipe"):
        train.main([str(other), "--data", str(trained.parent / "drawn"), "--out", str(trained)], standalone_mode=False)


def test_runs_of_lines_and_of_glyphs_are_told_apart(trained: Path):
    with pytest.raises(TrainingError, match="a run of a line model"):
        open_run(trained)
    with pytest.raises(TrainingError, match="no run folder"):
        open_line_run(trained.parent)


def test_a_training_may_begin_with_the_weights_of_another(trained: Path, tmp_path: Path):
    given = [str(trained.parent / "tiny-lines.toml"), "--data", str(trained.parent / "drawn"), "--workers", "1"]
    train.main([*given, "--out", str(tmp_path / "run"), "--start-from", str(trained), "--epochs", "1"],
               standalone_mode=False)  # fmt: skip
    (entry,) = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines()]
    first = json.loads((trained / "log.jsonl").read_text("utf-8").splitlines()[0])
    assert entry["loss"] < 0.8 * first["loss"]


def test_what_one_run_drew_another_learns_from(trained: Path, tmp_path: Path):
    given = [str(trained.parent / "tiny-lines.toml"), "--data", str(trained.parent / "drawn"), "--workers", "1"]
    given += ["--epochs", "1", "--seed", "9", "--out", str(tmp_path / "run"), "--drawn-in", str(trained)]
    train.main(given, standalone_mode=False)
    assert (tmp_path / "run" / "pool.npz").read_bytes() == (trained / "pool.npz").read_bytes()
    record = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    assert (record["recipe"]["seed"], record["drawn_with_seed"]) == (9, 2)
    train.main(given, standalone_mode=False)  # goes on: it is at its end
    assert len((tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines()) == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('charset = " abc1"', 'charset = " abc12"', "drew something else.*charset was .* and is"),
        ("clean = 1", "clean = 2", r"drew something else.*sources\[0\].clean was 1 and is 2"),
    ],
)
def test_a_run_that_drew_something_else_lends_nothing(old: str, new: str, message: str, trained: Path, tmp_path: Path):
    other = tmp_path / "other.toml"
    other.write_text((trained.parent / "tiny-lines.toml").read_text("utf-8").replace(old, new), "utf-8")
    given = [str(other), "--data", str(trained.parent / "drawn"), "--out", str(tmp_path / "run")]
    with pytest.raises(TrainingError, match=message):
        train.main([*given, "--drawn-in", str(trained)], standalone_mode=False)
    with pytest.raises(TrainingError, match="no run folder"):
        train.main([*given, "--drawn-in", str(tmp_path)], standalone_mode=False)
    assert not (tmp_path / "run" / "pool.npz").exists()


def test_a_run_that_drew_from_other_data_lends_nothing(trained: Path, tmp_path: Path):
    own = write_lines(tmp_path / "drawn", 72, seed=6)
    given = [str(trained.parent / "tiny-lines.toml"), "--data", str(own), "--out", str(tmp_path / "run")]
    with pytest.raises(TrainingError, match=r"drew something else \(data\[0\]"):
        train.main([*given, "--drawn-in", str(trained)], standalone_mode=False)


def test_a_smaller_network_begins_with_the_first_layers_of_a_larger_one(trained: Path, tmp_path: Path):
    recipe = (trained.parent / "tiny-lines.toml").read_text("utf-8")
    smaller = tmp_path / "smaller.toml"
    smaller.write_text(recipe.replace("context = [1, 2]", "context = [1]"), "utf-8")
    other = tmp_path / "other.toml"
    other.write_text(recipe.replace("stages = [[8", "stages = [[6"), "utf-8")
    given = ["--data", str(trained.parent / "drawn"), "--workers", "1", "--start-from", str(trained), "--epochs", "1"]
    train.main([str(smaller), *given, "--out", str(tmp_path / "smaller")], standalone_mode=False)
    (entry,) = [json.loads(line) for line in (tmp_path / "smaller" / "log.jsonl").read_text("utf-8").splitlines()]
    first = json.loads((trained / "log.jsonl").read_text("utf-8").splitlines()[0])
    assert entry["loss"] < 0.8 * first["loss"]
    with pytest.raises(TrainingError, match="begins differently"):
        train.main([str(other), *given, "--out", str(tmp_path / "other")], standalone_mode=False)


@pytest.mark.parametrize(
    ("small", "large"), [("context = [1, 2]", "context = [1, 2, 4, 1]"), ("features = 32", "features = 40")]
)
def test_what_is_added_to_a_trained_network_does_nothing_at_first(
    small: str, large: str, trained: Path, tmp_path: Path, pool: LinePool
):
    recipe = (trained.parent / "tiny-lines.toml").read_text("utf-8")
    larger = tmp_path / "larger.toml"
    larger.write_text(recipe.replace(small, large), "utf-8")
    wanted = load_recipe(larger)
    assert isinstance(wanted, LineRecipe)
    before, added = load_lender(trained), build_line_network(wanted.network, height=48, classes=6)
    lend_line_weights(trained, wanted, added, ())
    lines = np.stack([np.resize(pool.line(row), (48, 256)) for row in range(6)])[..., np.newaxis]
    assert added.count_params() > before.count_params()
    assert np.allclose(predict_lines(before, lines), predict_lines(added, lines), atol=1e-4)


def test_a_smaller_network_learns_from_a_teacher_whose_stages_it_keeps(trained: Path, tmp_path: Path):
    recipe = (trained.parent / "tiny-lines.toml").read_text("utf-8")
    pupil = tmp_path / "pupil.toml"
    learned = f'[training]\nkeep_stages = 3\nteacher = "{trained}"\nteacher_share = 0.8'
    pupil.write_text(recipe.replace("context = [1, 2]", "context = [1]").replace("[training]", learned, 1), "utf-8")
    given = ["--data", str(trained.parent / "drawn"), "--workers", "1", "--start-from", str(trained), "--epochs", "4"]
    train.main([str(pupil), *given, "--out", str(tmp_path / "run")], standalone_mode=False)
    entries = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines()]
    assert entries[-1]["loss"] < 0.8 * entries[0]["loss"]
    _check_what_was_kept(trained, tmp_path / "run", stages=3)


def test_the_first_stages_alone_may_be_kept(trained: Path, tmp_path: Path):
    recipe = (trained.parent / "tiny-lines.toml").read_text("utf-8")
    other = tmp_path / "other.toml"
    other.write_text(recipe.replace("[training]", "[training]\nkeep_stages = 1", 1), "utf-8")
    given = ["--data", str(trained.parent / "drawn"), "--workers", "1", "--start-from", str(trained), "--epochs", "1"]
    train.main([str(other), *given, "--out", str(tmp_path / "run")], standalone_mode=False)
    _check_what_was_kept(trained, tmp_path / "run", stages=1)


def test_a_wider_network_is_averaged_with_the_one_it_began_with(trained: Path, tmp_path: Path):
    recipe = (trained.parent / "tiny-lines.toml").read_text("utf-8")
    wider = tmp_path / "wider.toml"
    wider.write_text(recipe.replace("features = 32", "features = 40"), "utf-8")
    given = ["--data", str(trained.parent / "drawn"), "--workers", "1", "--start-from", str(trained), "--epochs", "2"]
    train.main([str(wider), *given, "--out", str(tmp_path / "run")], standalone_mode=False)
    mean = load_averaged(open_line_run(tmp_path / "run"), [Part(trained)], ()).get_weights()
    own, narrow = load_lender(tmp_path / "run").get_weights(), load_lender(trained).get_weights()
    assert [array.shape for array in mean] == [array.shape for array in own]
    assert np.allclose(mean[0], (own[0] + narrow[0]) / 2)
    assert np.allclose(mean[-2][:, :, :32], (own[-2][:, :, :32] + narrow[-2]) / 2)
    assert np.allclose(mean[-2][:, :, 32:], own[-2][:, :, 32:] / 2)
    with pytest.raises(TrainingError, match="another network than"):
        load_averaged(open_line_run(trained), [Part(tmp_path / "run")], ())


def test_lines_are_learned_with_muon(trained: Path, tmp_path: Path):
    recipe = (trained.parent / "tiny-lines.toml").read_text("utf-8")
    other = tmp_path / "muon.toml"
    other.write_text(recipe.replace("[training]", '[training]\noptimizer = "muon"'), "utf-8")
    given = [str(other), "--data", str(trained.parent / "drawn"), "--workers", "1", "--out", str(tmp_path / "run")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge_hwr.export.commands.Console", Interrupting)
        with pytest.raises(click.Abort):
            train.main([*given, "--epochs", "6"], standalone_mode=False)
    train.main([*given, "--epochs", "6"], standalone_mode=False)
    entries = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines()]
    assert [entry["epoch"] for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert entries[-1]["loss"] < 0.8 * entries[0]["loss"]
    other.write_text(recipe.replace("[training]", '[training]\noptimizer = "sgd"'), "utf-8")
    with pytest.raises(RecipeError, match="optimizer"):
        train.main(given, standalone_mode=False)


def test_muon_steps_as_far_in_every_direction():
    layer = layers.Conv2D(12, 3, use_bias=False)
    layer.build((None, 8, 8, 4))
    optimizer = ConvolutionMuon(0.5, weight_decay=0.0)
    optimizer.build(layer.trainable_variables)
    before = layer.kernel.numpy()
    # In one direction the gradient is a hundred times what it is in others.
    rng = np.random.default_rng(1)
    gradient = rng.normal(size=(36, 12)) + 30 * np.outer(rng.normal(size=36), rng.normal(size=12))
    optimizer.apply([gradient.reshape(3, 3, 4, 12).astype(np.float32)])
    step = (before - layer.kernel.numpy()).reshape(36, 12)
    sizes = np.linalg.svd(step, compute_uv=False)
    assert sizes.max() < 2 * sizes.min()
    assert np.sqrt(np.mean(step**2)) == pytest.approx(0.5 * 0.2, rel=0.3)  # as far as AdamW goes
    assert np.sum(step * gradient) > 0


def test_norms_are_held_as_they_were_lent(trained: Path, tmp_path: Path):
    recipe = (
        (trained.parent / "tiny-lines.toml").read_text("utf-8").replace("[training]", "[training]\nhold_norms = true")
    )
    settled = tmp_path / "settled.toml"
    settled.write_text(recipe, "utf-8")
    given = [str(settled), "--data", str(trained.parent / "drawn"), "--workers", "1", "--epochs", "2"]
    with pytest.raises(UsageError, match="say which by --start-from"):
        train.main([*given, "--out", str(tmp_path / "nothing")], standalone_mode=False)
    train.main([*given, "--start-from", str(trained), "--out", str(tmp_path / "run")], standalone_mode=False)
    lent, learned = load_lender(trained).weights, _learned(tmp_path / "run")
    for before, after in zip(lent, learned, strict=True):
        assert np.array_equal(before, after) == ("moving" in before.path), before.path


def _check_what_was_kept(lender: Path, run: Path, *, stages: int) -> None:
    """Of a training that began with a lender, after its last step: so many stages are the lender's, the next is not."""
    lent, learned = load_lender(lender).get_weights(), _learned(run)
    assert all(np.array_equal(lent[at], learned[at]) for at in range(5 * stages))
    assert not np.array_equal(lent[5 * stages], learned[5 * stages])


def _learned(run: Path) -> list[np.ndarray[Any, Any]]:
    """The weights after the last step of a training."""
    found = open_line_run(run).checkpoint()
    assert found is not None
    with np.load(found[0] / "weights.npz") as arrays:
        return [arrays[f"model{at}"] for at in range(sum(name.startswith("model") for name in arrays))]


def test_a_network_with_stages_of_its_own_learns_from_a_teacher(trained: Path, tmp_path: Path):
    recipe = (trained.parent / "tiny-lines.toml").read_text("utf-8")
    pupil = tmp_path / "pupil.toml"
    pupil.write_text(recipe.replace("[training]", f'[training]\nteacher = "{trained}"', 1), "utf-8")
    given = ["--data", str(trained.parent / "drawn"), "--workers", "1", "--epochs", "4"]
    train.main([str(pupil), *given, "--out", str(tmp_path / "run")], standalone_mode=False)
    entries = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines()]
    assert entries[-1]["loss"] < 0.8 * entries[0]["loss"]


def test_teachers_that_cannot_teach_are_refused_before_anything_is_drawn(trained: Path, tmp_path: Path):
    recipe = (trained.parent / "tiny-lines.toml").read_text("utf-8")
    given = ["--data", str(trained.parent / "drawn"), "--out", str(tmp_path / "run"), "--workers", "1"]
    for number, (teacher, message) in enumerate(
        [("digits", "a glyph model, not a line model"), ("lines", "its charset is another one"), ("gone", "gone")]
    ):
        pupil = tmp_path / f"pupil{number}.toml"
        pupil.write_text(recipe.replace("[training]", f'[training]\nteacher = "{teacher}"', 1), "utf-8")
        with pytest.raises(TrainingError, match=message):
            train.main([str(pupil), *given], standalone_mode=False)
        assert not (tmp_path / "run" / "pool.npz").exists()


def test_stages_are_kept_of_a_lender_that_has_the_same(trained: Path, tmp_path: Path):
    recipe = (
        (trained.parent / "tiny-lines.toml").read_text("utf-8").replace("[training]", "[training]\nkeep_stages = 3")
    )
    pupil = tmp_path / "pupil.toml"
    given = [str(pupil), "--data", str(trained.parent / "drawn"), "--out", str(tmp_path / "run"), "--workers", "1"]
    pupil.write_text(recipe, "utf-8")
    with pytest.raises(UsageError, match="say which by --start-from"):
        train.main(given, standalone_mode=False)
    pupil.write_text(recipe.replace("[16]]", "[20]]"), "utf-8")
    with pytest.raises(TrainingError, match="its stages are others"):
        train.main([*given, "--start-from", str(trained)], standalone_mode=False)


@pytest.mark.parametrize("lender", ["digits", "a run of a glyph model"])
def test_a_glyph_model_lends_nothing_to_lines(trained: Path, tmp_path: Path, lender: str):
    if lender != "digits":
        folder = tmp_path / "glyphs"
        folder.mkdir()
        values = {"recipe": load_recipe("digits").to_json(), "preprocessing": {}, "versions": {}}
        (folder / "run.json").write_text(json.dumps(values), "utf-8")
        lender = str(folder)
    given = [str(trained.parent / "tiny-lines.toml"), "--data", str(trained.parent / "drawn"), "--start-from", lender]
    with pytest.raises(TrainingError, match="a glyph model, not a line model"):
        train.main([*given, "--out", str(tmp_path / "run")], standalone_mode=False)


def test_a_bundle_lends_weights_and_is_averaged_with(trained: Path, tmp_path: Path, pool: LinePool):
    bundle = tmp_path / "tiny.tflite"
    export.main([str(trained), "-o", str(bundle), "--method", "ptq", "--max-drop", "100"], standalone_mode=False)
    kernels = [
        tensor["shape"] for tensor in Interpreter(model_content=open_bundle(bundle).flatbuffer).get_tensor_details()
    ]
    assert any(tuple(shape[1:]) == (3, 2, 8) for shape in kernels), "the first convolution is in blocks of columns"
    lines = np.stack([np.resize(pool.line(row), (48, 256)) for row in range(6)])[..., np.newaxis]
    own, lent = predict_lines(load_lender(trained), lines), predict_lines(load_lender(bundle, [lines]), lines)
    own, lent = (scores - scores.max(axis=2, keepdims=True) for scores in (own, lent))
    assert np.abs(own - lent).max() < 0.1 * np.ptp(own)
    given = [str(trained.parent / "tiny-lines.toml"), "--data", str(trained.parent / "drawn"), "--workers", "1"]
    train.main([*given, "--out", str(tmp_path / "run"), "--start-from", str(bundle), "--epochs", "1"],
               standalone_mode=False)  # fmt: skip
    (entry,) = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines()]
    first = json.loads((trained / "log.jsonl").read_text("utf-8").splitlines()[0])
    assert entry["loss"] < 0.9 * first["loss"]
    both = [str(tmp_path / "run"), "-o", str(tmp_path / "both.tflite"), "--average-with", str(bundle)]
    export.main([*both, "--max-drop", "100", "--method", "ptq"], standalone_mode=False)
    assert open_bundle(tmp_path / "both.tflite").metadata.recipe["averaged_with"] == ["tiny.tflite"]


@pytest.mark.parametrize("name", ["widths", "texts", "group", "pixels", "height"])
def test_a_pool_of_lines_that_was_changed_is_refused(trained: Path, tmp_path: Path, name: str):
    with np.load(trained / "pool.npz") as packed:
        arrays = dict(packed)
    changed = {
        "widths": arrays["widths"] - 1,
        "texts": np.array(str(arrays["texts"]).replace("a", "z")),
        "group": arrays["group"] + np.uint8(1),
        "pixels": arrays["pixels"][:-1],
        "height": np.array([48]),
    }
    np.savez(tmp_path / "pool.npz", **(arrays | {name: changed[name]}))
    with pytest.raises(TrainingError, match=r"pool\.npz: cannot be read .*; delete it and train again"):
        LinePool.load(tmp_path / "pool.npz", " abc1")


def test_writers_are_either_trained_on_or_validated_with(pool: LinePool):
    assert 0 < pool.validation.sum() < 0.5 * len(pool)
    assert pool.describe()["drawn"]["train"] == int((~pool.validation).sum())
    assert {pool.line(row).shape[0] for row in range(len(pool))} == {48}


def test_trainings_with_other_seeds_are_validated_on_the_same_lines(trained: Path):
    source = ScannedLines.load(trained.parent / "drawn", open_line_run(trained).recipe.charset)
    drawn = [DrawnLines(source, LineDataRecipe("dataset", camera=1))]
    pools = [draw_line_pool(drawn, LinePreprocessing(), seed=seed, workers=1) for seed in (1, 2)]
    shown = [[pool.line(row).tobytes() for row in np.flatnonzero(pool.validation)] for pool in pools]
    learned = [[pool.line(row).tobytes() for row in np.flatnonzero(~pool.validation)] for pool in pools]
    assert shown[0] == shown[1]
    assert learned[0] != learned[1]


def test_batches_hold_every_line_once_and_about_the_same_number_of_columns(pool: LinePool):
    planned = plan_batches(pool.widths, 2048, np.random.default_rng(1))
    assert sorted(np.concatenate(planned).tolist()) == list(range(len(pool)))
    assert all(pool.widths[rows].sum() <= 1.2 * 2048 for rows in planned if len(rows) > 1)


def test_batches_of_an_epoch_are_of_lines_that_are_stretched_to_about_one_width(pool: LinePool):
    batches, stretches = plan_epoch(pool, 2048, 0.9, np.random.default_rng(1))
    training = np.flatnonzero(~pool.validation)
    assert sorted(np.concatenate(batches).tolist()) == training.tolist()
    assert 1 / 1.9 <= stretches.min() < 0.7
    assert 1.3 < stretches.max() <= 1.9
    wide = [pool.widths[rows] * stretches[rows] for rows in batches]
    assert sum(len(widths) * widths.max() for widths in wide) < 1.2 * sum(map(np.sum, wide))


def test_augmented_lines_keep_room_for_their_texts(pool: LinePool):
    strong = LineAugmentationRecipe(stretch=0.9, scale=0.5)
    planned, stretches = plan_epoch(pool, 2048, strong.stretch, np.random.default_rng(1))
    batches = list(prepare_lines(pool, planned, stretches, " abc1", strong, seed=4))
    again = list(prepare_lines(pool, planned, stretches, " abc1", strong, seed=4, threads=2))
    for rows, batch, same in zip(planned, batches, again, strict=True):
        assert batch.lengths.tolist() == [len(pool.texts[row]) for row in rows]
        assert all(steps > steps_needed(pool.texts[row]) for steps, row in zip(batch.steps, rows, strict=True))
        assert np.array_equal(batch.lines, same.lines)


def test_views_of_a_line_lie_side_by_side_and_differ_but_in_their_text_and_width(pool: LinePool):
    recipe = LineAugmentationRecipe()
    planned, stretches = plan_epoch(pool, 2048, recipe.stretch, np.random.default_rng(1))
    for rows, batch in zip(
        planned, prepare_lines(pool, planned, stretches, " abc1", recipe, seed=4, views=2), strict=True
    ):
        assert batch.lengths.tolist() == [len(pool.texts[row]) for row in np.repeat(rows, 2)]
        assert np.array_equal(batch.steps[::2], batch.steps[1::2])
        texts = np.split(batch.labels, np.cumsum(batch.lengths)[:-1])
        assert all(np.array_equal(one, other) for one, other in zip(texts[::2], texts[1::2], strict=True))
        assert not any(
            np.array_equal(one, other) for one, other in zip(batch.lines[::2], batch.lines[1::2], strict=True)
        )


STILL = dict.fromkeys(
    (
        *("stretch", "scale", "shear", "slope", "shift", "elastic", "contrast"),
        *("thicken_share", "thin_share", "blur_share", "remains_share", "erase_share"),
    ),
    0.0,
)
"""Changes nothing of a line."""


def test_letters_are_made_wider_and_narrower_in_their_order():
    bars = np.zeros((48, 600), np.uint8)
    for left in range(20, 600, 30):
        bars[:, left : left + 4] = 255
    for seed in range(20):
        changed = LineAugmenter(LineAugmentationRecipe(**STILL, widths=0.4), seed=seed)(bars, "", 1.0)
        begins = np.flatnonzero(np.diff((changed[24] > 127).astype(int)) == 1)
        assert changed.shape == bars.shape
        assert len(begins) == 20
        assert 15 < np.diff(begins).min() < 27
        assert 33 < np.diff(begins).max() < 60


def test_proportions_change_all_along_a_line_alike():
    ruled = np.zeros((48, 300), np.uint8)
    ruled[[12, 24, 36]] = 255
    apart = []
    for seed in range(20):
        changed = LineAugmenter(LineAugmentationRecipe(**STILL, proportions=4.0), seed=seed)(ruled, "", 1.0)
        assert (changed == changed[:, :1]).all()
        rows = [row - 6 + int(changed[row - 6 : row + 6, 0].argmax()) for row in (12, 24, 36)]
        apart += np.diff(rows).tolist()
    assert min(apart) < 10
    assert max(apart) > 14


def test_what_is_hidden_of_a_line_is_grey_and_the_rest_as_it_was(pool: LinePool):
    given = (pool.line(0), pool.texts[0], 1.0)
    shown = LineAugmenter(LineAugmentationRecipe(**STILL), seed=1)(*given)
    covered = LineAugmenter(LineAugmentationRecipe(**STILL, hide_share=0.999), seed=1)(*given)
    changed = np.flatnonzero((covered != shown).any(axis=0))
    assert 4 <= len(changed) <= shown.shape[1] // 2
    assert all(len(set(covered[:, column].tolist())) == 1 for column in changed)
    assert 64 <= covered[:, changed].min() <= covered[:, changed].max() < 192


def test_views_are_to_be_told_alike():
    scores, steps = np.random.default_rng(1).normal(size=(4, 9, 5)).astype(np.float32), np.array([9, 9, 6, 6])
    scores[1] = scores[0]
    apart = np.asarray(inconsistency(scores, steps))
    assert apart[:2] == pytest.approx(0, abs=1e-5)
    assert apart[2:].min() > 1
    scores[2, 6:] += 7 * np.arange(5)  # beyond the end of the line
    assert np.asarray(inconsistency(scores, steps)) == pytest.approx(apart, abs=1e-5)


def test_calibration_is_of_training_lines_and_spans_all_levels(pool: LinePool):
    lines = choose_calibration_lines(pool, 20, seed=1)
    assert len(lines) == 20
    assert len({line.shape for line in lines}) == 1
    assert min(line.min() for line in lines) == 0
    assert max(line.max() for line in lines) == 255


def test_an_export_measures_every_precision(trained: Path, tmp_path: Path):
    out = tmp_path / "tiny.tflite"
    given = [str(trained), "-o", str(out), "--max-drop", "100", "--test", str(trained.parent / "drawn")]
    export.main(given, standalone_mode=False)
    metadata = open_bundle(out).metadata
    assert metadata.task == "line"
    assert metadata.metrics["precisions"].keys() == {"float32", "float16", "dynamic", "int8"}
    assert any(name.endswith("(test)") for name in metadata.metrics["int8"])
    assert 0.3 < metadata.temperature < 5
    report = json.loads((trained / "export-tiny.json").read_text("utf-8"))
    assert report["precisions"]["int8"]["bytes"] < report["precisions"]["float32"]["bytes"]


def test_dilated_convolutions_stay_one_operation_each(trained: Path):
    network = load_lender(trained)
    lines = [np.zeros((48, 320), np.uint8)]
    for precision in get_args(Precision):
        flatbuffer = convert(network, precision, lines)
        operations = {row["op_name"] for row in Interpreter(model_content=flatbuffer)._get_ops_details()}
        assert operations <= {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "QUANTIZE", "DEQUANTIZE", "MINIMUM", "DELEGATE",
                              "RELU", "RELU6"}  # fmt: skip


def test_scores_are_counted_from_a_floor_below_every_best_one(trained: Path, pool: LinePool):
    model = load_keras(open_line_run(trained).best_model)
    lines = choose_calibration_lines(pool, 8, 1)
    floored = with_floor(model, lines)
    for line in lines:
        before, after = (predict_lines(network, line[np.newaxis, ..., np.newaxis]) for network in (model, floored))
        assert after.min() >= 0
        assert after.max(axis=2).min() > 0.9 * DEPTH
        above = after > 0
        shift = (before - after)[above]
        assert np.ptp(shift) < 1e-3  # only differences count, and they are the same


def test_a_network_that_says_nothing_too_readily_is_made_to_speak(trained: Path, pool: LinePool, monkeypatch):
    def blank_bias(network: Any) -> float:
        return float(network.get_layer("logits").get_weights()[1][-1])

    def errors(network: Any) -> float:
        rows = np.flatnonzero(pool.validation).tolist()
        scores = {row: predict_lines(network, pool.line(row)[np.newaxis, ..., np.newaxis])[0] for row in rows}
        rates = pool.error_rates({row: decode_sections(one, " abc1").text for row, one in scores.items()})
        return float(np.mean(list(rates.values())))

    model = load_keras(open_line_run(trained).best_model)
    kernel, bias = model.get_layer("logits").get_weights()
    bias[-1] += 2.0
    model.get_layer("logits").set_weights([kernel, bias])
    silent, before = blank_bias(model), errors(model)
    assert fit_blank_offset(model, pool, " abc1") == 0, "so few lines tell nothing"
    monkeypatch.setattr("edge_hwr.export.blank_offset._LEAST_LINES", 1)
    offset = fit_blank_offset(model, pool, " abc1")
    add_to_blank(model, offset)
    assert blank_bias(model) == pytest.approx(silent + offset)
    assert errors(model) < before


def test_fine_tuning_keeps_what_int8_would_lose(trained: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("edge_hwr.export.line_qat._STEPS", 30)
    out = tmp_path / "tuned.tflite"
    export.main([str(trained), "-o", str(out), "--method", "qat", "--max-drop", "9"], standalone_mode=False)
    metrics = open_bundle(out).metadata.metrics
    assert metrics["method"] == "qat"
    tuned, calibrated = metrics["precisions"]["int8 qat"], metrics["precisions"]["int8"]
    assert tuned["bytes"] < 1.1 * calibrated["bytes"]
    assert tuned["drop_points"] <= calibrated["drop_points"] + 3


def test_a_model_that_loses_too_much_is_not_written(trained: Path, tmp_path: Path, monkeypatch):
    out = tmp_path / "tiny.tflite"
    options = ExportOptions(precision="int8", max_drop=-200.0)
    with pytest.raises(GateError, match="points of CER"):
        export_line_run(open_line_run(trained), out, options, Console(quiet=True))
    assert not out.exists()


def test_a_recurrent_network_is_trained_and_exported_as_far_as_tflite_goes(trained: Path, tmp_path: Path):
    recipe = (trained.parent / "tiny-lines.toml").read_text("utf-8")
    (tmp_path / "crnn.toml").write_text(recipe.replace("context = [1, 2]", "context = []\nrecurrent = [12]"), "utf-8")
    given = [str(tmp_path / "crnn.toml"), "--data", str(trained.parent / "drawn"), "--workers", "1", "--epochs", "1"]
    train.main([*given, "--out", str(tmp_path / "run")], standalone_mode=False)
    out = tmp_path / "crnn.tflite"
    with pytest.raises(UsageError, match="use --precision float32 or float16 or dynamic"):
        export.main([str(tmp_path / "run"), "-o", str(out)], standalone_mode=False)
    export.main([str(tmp_path / "run"), "-o", str(out), "--precision", "dynamic", "--max-drop", "9"],
                standalone_mode=False)  # fmt: skip
    model = LineModel(open_bundle(out).flatbuffer)
    narrow, wide = (model.invoke(np.zeros((1, model.height, width, 1), np.uint8)) for width in (100, 300))
    assert narrow.shape == (25, 6)
    assert wide.shape == (75, 6)


def test_the_shipped_recipe_reads_western_european_text():
    recipe = load_recipe("lines")
    assert isinstance(recipe, LineRecipe)
    assert set("Où naît l'été? «Ça œuvre», 12 € à 5% & Ñandú, ÄÖÜß") <= set(recipe.charset)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('charset = " abc1"', 'charset = "abc1"'), "a blank"),
        (("kernel = 3", "kernel = 4"), "odd"),
        (("clean = 1", "clean = 0"), "at least one drawing"),
        (("stages = [[8], [12], [16]]", "stages = [[8]]"), "2 to 4 stages"),
        (("columns = 2048", "columns = 5"), "1024"),
        (("columns = 2048", "consistency = -0.1"), "0 to 1"),
        (('source = "dataset"', 'source = "unipen-lines"\nhold_out = false'), "true but for dataset"),
    ],
)
def test_recipes_that_cannot_be_are_refused(tmp_path: Path, change: tuple[str, str], message: str):
    path = write_recipe(tmp_path / "wrong.toml", epochs=1)
    path.write_text(path.read_text("utf-8").replace(*change), "utf-8")
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)


def test_texts_are_brought_to_what_can_be_told_apart_on_paper():
    assert (
        as_written("l\u2019e\u0301te\u0301 \u2014 \u201coui\u201d\u2026\u00a0 non") == 'l\'\u00e9t\u00e9 - "oui"... non'
    )
    assert untokenised("( ab ) , c !") == "(ab), c!"


def test_a_step_without_a_number_is_left_out_and_the_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    taken: list[float] = []

    def failing_once(model: Any, *given: Any) -> Any:
        step = step_function(model, *given)

        def taking(*batch: Any) -> Any:
            if len(taken) != 2:
                taken.append(float(step(*batch)))
                return taken[-1]
            own = model.get_weights()
            model.set_weights([np.full_like(array, np.inf) if array.ndim == 4 else array for array in own])
            poisoned = [variable.numpy() for variable in model.trainable_variables]
            taken.append(float(step(*batch)))
            for before, variable in zip(poisoned, model.trainable_variables, strict=True):
                assert np.array_equal(before, variable.numpy())
            assert all(np.isfinite(variable.numpy()).all() for variable in model.non_trainable_variables)
            model.set_weights(own)
            return taken[-1]

        return taking

    monkeypatch.setattr("edge_hwr.export.line_training.step_function", failing_once)
    run = train_run(tmp_path, epochs=1, lines=72)
    assert [number for number, loss in enumerate(taken) if not np.isfinite(loss)] == [2]
    assert "a step of epoch 1 gave no number and was left out" in caplog.text
    (entry,) = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    assert np.isfinite(entry["loss"])


def test_a_training_that_diverges_ends_in_a_line(trained: Path, tmp_path: Path):
    recipe = (trained.parent / "tiny-lines.toml").read_text("utf-8")
    wild = tmp_path / "wild.toml"
    wild.write_text(recipe.replace("learning_rate = 1e-2", "learning_rate = 1e38"), "utf-8")
    given = ["--data", str(trained.parent / "drawn"), "--workers", "1", "--epochs", "9", "--out", str(tmp_path / "run")]
    with pytest.raises(TrainingError, match=r"the loss is nan in epoch \d: lower learning_rate"):
        train.main([str(wild), *given], standalone_mode=False)


def test_the_learning_rate_rises_then_falls():
    rates = [learning_rate_at(done, peak=1.0, warmup=0.1) for done in np.linspace(0, 1, 50)]
    top = int(np.argmax(rates))
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) <= 1
    assert rates[-1] < 0.01


def test_averages_move_towards_the_weights():
    average = [np.zeros(3, np.float32)]
    update_average(average, [np.ones(3, np.float32)], 0.75)
    assert average[0] == pytest.approx(0.25)


def test_lines_without_writers_of_their_own_are_refused_with_a_clear_line(tmp_path: Path):
    recipe = write_recipe(tmp_path / "tiny.toml", epochs=1)
    dataset = write_lines(tmp_path / "drawn", 2)
    with pytest.raises(Exception, match="no lines to train on, or none to validate with"):
        train.main([str(recipe), "--data", str(dataset), "--out", str(tmp_path / "run"), "--workers", "1"],
                   standalone_mode=False)  # fmt: skip


def test_a_folder_called_as_a_model_does_not_hide_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lines").mkdir()
    assert lender_recipe(Path("lines")).task == "line"
