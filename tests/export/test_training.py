"""Training by the command line's own path: a tiny network, stopped, continued, misled and taught."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import write_dataset

from edge_hwr.bundle import open_bundle, shipped_bundles, write_bundle
from edge_hwr.errors import DatasetError, EdgeHwrError, RecipeError, RuntimeMissingError, TrainingError, UsageError
from edge_hwr.export.batches import Targets
from edge_hwr.export.commands import export, train
from edge_hwr.export.lending import lend_weights, load_lender, widened
from edge_hwr.export.networks import BACKBONES, build_network, predict
from edge_hwr.export.pool import Pool
from edge_hwr.export.quantize import convert
from edge_hwr.export.recipe import DistillationRecipe, NetworkRecipe, Recipe, load_recipe
from edge_hwr.export.run_files import kept_from_others
from edge_hwr.export.run_folder import open_run
from edge_hwr.export.sources import LabelledPictures
from edge_hwr.export.teachers import fit_ensemble, invite_teachers
from edge_hwr.picture import write_picture


def run_train(recipe: Path, dataset: Path, out: Path, *more: str) -> None:
    arguments = [str(recipe), "--data", str(dataset), "--out", str(out), "--workers", "1", *more]
    train.main(arguments, standalone_mode=False)


def variant(recipe: Path, folder: Path, *changes: tuple[str, str]) -> Path:
    text = recipe.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "variant.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_tiny_network_learns_and_records_all(trained: Path) -> None:
    run = open_run(trained)
    best = run.best()
    assert best is not None
    assert best["accuracy"]["drawn"] > 90
    assert best["accuracy"]["junk confidence"] < 90
    assert run.record["data"][0]["name"] == "drawn"
    assert len(run.record["data"][0]["sha256"]) == 64
    assert "keras" in run.record["versions"]
    epochs = [json.loads(line)["epoch"] for line in (trained / "log.jsonl").read_text().splitlines()]
    assert epochs == [1, 2, 3, 4]
    assert not list(trained.glob("*.part*"))


def test_a_finished_run_is_not_trained_on(trained: Path, recipe: Path, dataset: Path) -> None:
    before = (trained / "best.keras").stat().st_mtime_ns
    run_train(recipe, dataset, trained)
    assert (trained / "best.keras").stat().st_mtime_ns == before


def test_a_training_can_start_from_another_run(tmp_path: Path, recipe: Path, dataset: Path, trained: Path) -> None:
    gentle = variant(recipe, tmp_path, ("epochs = 4", "epochs = 1"), ("learning_rate = 1e-2", "learning_rate = 1e-5"))
    run_train(gentle, dataset, tmp_path / "run", "--start-from", str(trained))
    begun, lender = open_run(tmp_path / "run").best(), open_run(trained).best()
    assert begun is not None
    assert lender is not None
    assert begun["accuracy"]["drawn"] >= lender["accuracy"]["drawn"] - 5
    narrower = variant(recipe, tmp_path, ("[[8], [16], [16]]", "[[8], [16], [12]]"))
    with pytest.raises(TrainingError, match="network is another one"):
        run_train(narrower, dataset, tmp_path / "narrower", "--start-from", str(trained))


def test_a_training_can_learn_from_what_another_run_drew(
    tmp_path: Path, recipe: Path, dataset: Path, trained: Path
) -> None:
    run_train(recipe, dataset, tmp_path / "run", "--epochs", "1", "--seed", "9", "--drawn-in", str(trained))
    assert (tmp_path / "run" / "pool.npz").read_bytes() == (trained / "pool.npz").read_bytes()
    other = variant(recipe, tmp_path, ("clean = ", "camera = 1\nclean = "))
    with pytest.raises(TrainingError, match="drew something else"):
        run_train(other, dataset, tmp_path / "other", "--drawn-in", str(trained))


def test_a_training_can_start_from_a_narrower_network(tmp_path: Path, recipe: Path, trained: Path) -> None:
    wide = load_recipe(variant(recipe, tmp_path, ("[[8], [16], [16]]", "[[12], [16], [24]]")))
    assert isinstance(wide, Recipe)
    model = build_network(wide.network, height=28, width=28, classes=len(wide.charset))
    lend_weights(trained, wide, model, ())
    glyphs = Pool.load(trained / "pool.npz", 4).glyphs[:64]
    assert np.allclose(predict(model, glyphs), predict(load_lender(trained), glyphs), atol=1e-4)


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
def test_channels_that_are_added_do_nothing_at_first(backbone: str) -> None:
    narrow, wide = (
        build_network(NetworkRecipe(backbone, stages), height=28, width=28, classes=4)
        for stages in (((8, 8), (16,)), ((12, 12), (24,)))
    )
    wide.set_weights(widened(narrow.get_weights(), wide.get_weights()))
    glyphs = np.random.default_rng(2).integers(0, 256, (64, 28, 28), np.uint8)
    assert np.allclose(predict(wide, glyphs), predict(narrow, glyphs), atol=1e-4)


@pytest.mark.parametrize("precision", ["int8", "float32", "dynamic"])
def test_a_training_can_start_from_a_bundle(
    tmp_path: Path, recipe: Path, dataset: Path, trained: Path, precision: str
) -> None:
    bundle = tmp_path / "tiny.tflite"
    export.main([str(trained), "-o", str(bundle), "--precision", precision, "--max-drop", "9"], standalone_mode=False)
    gentle = variant(recipe, tmp_path, ("epochs = 4", "epochs = 1"), ("learning_rate = 1e-2", "learning_rate = 1e-5"))
    run_train(gentle, dataset, tmp_path / "run", "--start-from", str(bundle))
    begun, lender = open_run(tmp_path / "run").best(), open_run(trained).best()
    assert begun is not None
    assert lender is not None
    assert begun["accuracy"]["drawn"] >= lender["accuracy"]["drawn"] - 5
    mean = [str(tmp_path / "run"), "-o", str(tmp_path / "mean.tflite"), "--average-with", str(bundle)]
    export.main([*mean, "--max-drop", "9"], standalone_mode=False)
    averaged = open_bundle(tmp_path / "mean.tflite").metadata
    assert averaged.recipe["averaged_with"] == ["tiny.tflite"]
    accuracy = averaged.metrics["precisions"]["float32"]["accuracy"]
    assert 100 * accuracy >= lender["accuracy"]["drawn"] - 5


def test_a_bundle_whose_weights_cannot_be_read_lends_none(
    tmp_path: Path, recipe: Path, dataset: Path, trained: Path
) -> None:
    half, out = tmp_path / "half.tflite", tmp_path / "run"
    export.main([str(trained), "-o", str(half), "--precision", "float16"], standalone_mode=False)
    with pytest.raises(TrainingError, match=r"half\.tflite: its weights cannot be read back \(float16"):
        run_train(recipe, dataset, out, "--start-from", str(half))
    with pytest.raises(TrainingError, match="digits: its charset is another one"):
        run_train(recipe, dataset, out, "--start-from", "digits")
    with pytest.raises(TrainingError, match="absent: no run folder"):
        run_train(recipe, dataset, out, "--start-from", str(tmp_path / "absent"))
    assert not (out / "pool.npz").exists()


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
def test_a_network_is_recovered_from_its_bundle(tmp_path: Path, trained: Path, backbone: str) -> None:
    keras.utils.set_random_seed(3)
    run, network = open_run(trained), NetworkRecipe(backbone, ((8,), (12, 16), (20,)))
    model = build_network(network, height=28, width=28, classes=4)
    rng = np.random.default_rng(1)
    glyphs = rng.integers(0, 256, (40, 28, 28, 1), np.uint8)
    for layer in model.layers:  # norms that do something
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, array.shape) for array in layer.get_weights()])
    metadata = dataclasses.replace(
        open_bundle("digits").metadata, charset="0127", recipe=run.recipe.to_json() | {"network": asdict(network)}
    )
    flatbuffer = convert(model, "float32", [])
    outputs = predict(model, glyphs[..., 0])
    write_bundle(tmp_path / "a.tflite", flatbuffer, tuple("0127"), metadata, glyphs, outputs)
    recovered = load_lender(tmp_path / "a.tflite", [glyphs])
    assert np.allclose(predict(recovered, glyphs[..., 0]), outputs, atol=1e-3)
    # In training, too, it says much the same: its norms are made for these glyphs.
    trains = np.asarray(recovered(glyphs.astype(np.float32) / 255, training=True))
    assert np.allclose(trains, outputs, atol=1e-2)


@pytest.mark.parametrize("name", shipped_bundles())
def test_shipped_models_lend_their_weights(name: str) -> None:
    inputs, expected = open_bundle(name).golden()
    said = np.asarray(load_lender(Path(name), [inputs])(inputs.astype(np.float32) / 255, training=False))
    assert (said.reshape(expected.shape).argmax(axis=-1) == expected.argmax(axis=-1)).mean() > 0.9


def test_a_lender_that_does_not_fit_is_refused_before_the_drawing(
    tmp_path: Path, recipe: Path, dataset: Path, trained: Path
) -> None:
    other = variant(recipe, tmp_path, ('charset = "0127"', 'charset = "7012"'))
    out = tmp_path / "run"
    with pytest.raises(TrainingError, match="its charset is another one"):
        run_train(other, dataset, out, "--start-from", str(trained))
    assert not (out / "pool.npz").exists()
    run_train(other, dataset, out, "--epochs", "1")  # where nothing was drawn, another recipe may begin
    assert open_run(out).best() is not None


def test_a_missing_tensorflow_is_told_before_the_drawing(
    tmp_path: Path, recipe: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(RuntimeMissingError, match="train needs tensorflow"):
        run_train(recipe, dataset, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_two_trainings_do_not_share_a_folder(tmp_path: Path, recipe: Path, dataset: Path) -> None:
    with kept_from_others(tmp_path / "run"), pytest.raises(TrainingError, match="another training is at work in it"):
        run_train(recipe, dataset, tmp_path / "run")


def test_a_killed_training_goes_on_where_it_was(tmp_path: Path, recipe: Path, dataset: Path) -> None:
    longer = variant(recipe, tmp_path, ("epochs = 4", "epochs = 15"))
    out = tmp_path / "run"
    command = "from edge_hwr.cli import main; main()"
    arguments = ["train", str(longer), "--data", str(dataset), "--out", str(out), "--workers", "1"]
    process = subprocess.Popen([sys.executable, "-c", command, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout:
        for line in process.stdout:
            if line.startswith("epoch   2"):
                process.send_signal(signal.SIGKILL)
                break
    checkpoint = open_run(out).checkpoint()
    assert checkpoint is not None
    reached = checkpoint[1]["epoch"]
    assert 2 <= reached < 15

    run_train(longer, dataset, out)
    epochs = [json.loads(line)["epoch"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert epochs[-1] == 15
    assert epochs[epochs.index(reached) + 1 :] == list(range(reached + 1, 16)), "and none is trained twice"


def test_an_interrupted_training_says_how_it_goes_on(tmp_path: Path, recipe: Path, dataset: Path) -> None:
    out = tmp_path / "run"
    command = "from edge_hwr.cli import main; main()"
    arguments = ["train", str(recipe), "--data", str(dataset), "--out", str(out), "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-c", command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process, process.stdout, process.stderr:
        next(line for line in process.stdout if line.startswith("epoch   1"))
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert f"interrupted: the same command goes on with what is in {out}" in said.splitlines()


def test_the_best_on_disk_is_never_replaced_by_a_worse_one(
    tmp_path: Path, trained: Path, recipe: Path, dataset: Path
) -> None:
    """Killed between the best model and the checkpoint of its epoch: the checkpoint knows nothing of the best."""
    run = tmp_path / "run"
    run.mkdir()
    for name in ("run.json", "pool.npz"):
        (run / name).write_bytes((trained / name).read_bytes())
    shutil.copy(trained / "best.keras", run)
    before = (run / "best.keras").read_bytes()
    (run / "best.json").write_text('{"epoch": 3, "accuracy": {"drawn": 100.5}}')
    run_train(recipe, dataset, run)
    assert (run / "best.keras").read_bytes() == before
    assert open_run(run).checkpoint() is not None


def test_minutes_end_a_training(tmp_path: Path, recipe: Path, dataset: Path) -> None:
    run_train(recipe, dataset, tmp_path / "run", "--minutes", "0.03")
    entries = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert 1.8 <= entries[-1]["elapsed_s"] < 20
    assert open_run(tmp_path / "run").best() is not None


def test_another_recipe_or_a_foreign_folder_is_refused(
    tmp_path: Path, trained: Path, recipe: Path, dataset: Path
) -> None:
    with pytest.raises(TrainingError, match=r"another recipe \(seed was 3 and is 99\): choose another --out"):
        run_train(recipe, dataset, trained, "--seed", "99")
    with pytest.raises(TrainingError, match=r"another recipe \(network\.stages\[1\]\[0\] was 16 and is 20\)"):
        run_train(variant(recipe, tmp_path, ("[16], [16]", "[20], [16]")), dataset, trained)
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(TrainingError, match="no run folder"):
        run_train(recipe, dataset, tmp_path)


def test_a_folder_of_another_program_is_left_alone(tmp_path: Path, recipe: Path, dataset: Path) -> None:
    files = {"run.json": b'{"experiment": "mine"}', "pool.npz": b"mine"}
    for name, content in files.items():
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / name).write_bytes(content)
    with pytest.raises(TrainingError, match="no record of a training"):
        run_train(recipe, dataset, tmp_path / "run")
    assert {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()} == files


@pytest.mark.parametrize("missing", ["pool.npz", "best.json"])
def test_a_run_that_was_trained_is_never_given_another_recipe(
    tmp_path: Path, trained: Path, recipe: Path, dataset: Path, missing: str
) -> None:
    shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "run" / missing).unlink()
    before = (tmp_path / "run" / "run.json").read_bytes()
    with pytest.raises(TrainingError, match="another recipe"):
        run_train(variant(recipe, tmp_path, ('"0127"', '"7210"')), dataset, tmp_path / "run")
    assert (tmp_path / "run" / "run.json").read_bytes() == before


def test_a_run_in_which_nothing_was_trained_may_begin_anew(tmp_path: Path, recipe: Path, dataset: Path) -> None:
    with pytest.raises(TrainingError, match="one batch"):
        run_train(variant(recipe, tmp_path, ("batch = 32", "batch = 8000")), dataset, tmp_path / "run")
    run_train(
        variant(recipe, tmp_path, ("epochs = 4", "epochs = 1"), ("clean = 2", "clean = 1")), dataset, tmp_path / "run"
    )
    run = open_run(tmp_path / "run")
    assert run.best() is not None
    assert run.recipe.data[0].clean == 1


def test_a_run_goes_on_without_the_one_that_it_started_from(
    tmp_path: Path, recipe: Path, dataset: Path, trained: Path
) -> None:
    lender = shutil.copytree(trained, tmp_path / "lender")
    run_train(recipe, dataset, tmp_path / "run", "--start-from", str(lender), "--epochs", "1")
    shutil.rmtree(lender)
    run_train(recipe, dataset, tmp_path / "run", "--start-from", str(lender), "--epochs", "1")
    assert open_run(tmp_path / "run").best() is not None


def test_time_that_is_up_before_the_first_batch_leaves_no_untrained_network(
    tmp_path: Path, recipe: Path, dataset: Path
) -> None:
    with pytest.raises(TrainingError, match="no model of it is there: train for longer"):
        run_train(recipe, dataset, tmp_path / "run", "--minutes", "0.00001")
    with pytest.raises(UsageError, match="give one of them"):
        run_train(recipe, dataset, tmp_path / "run", "--minutes", "1", "--epochs", "1")
    assert open_run(tmp_path / "run").best() is None
    assert not (tmp_path / "run" / "log.jsonl").exists()


@pytest.mark.parametrize(
    "content", ["{}", '{"epoch": 4, "accuracy": 5}', '{"epoch": -4, "accuracy": {}}', '{"epoch": 4, "cer": {"a": "b"}}']
)
def test_damaged_figures_of_the_best_are_named(
    tmp_path: Path, trained: Path, recipe: Path, dataset: Path, content: str
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "best.json").write_text(content)
    with pytest.raises(TrainingError, match=r"best\.json: not what a training writes"):
        run_train(recipe, dataset, run)


@pytest.mark.parametrize(
    ("file", "content"),
    [("best.keras", None), ("best.json", None), ("best.keras", b"half of a"), ("best.keras", b"PK\x03\x04 half of a")],
)
def test_neither_the_best_model_nor_its_figures_may_get_lost(
    tmp_path: Path, trained: Path, recipe: Path, dataset: Path, file: str, content: bytes | None
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    (run / file).unlink()
    if content is not None:
        (run / file).write_bytes(content)
    for attempt in (
        lambda: run_train(recipe, dataset, run),
        lambda: export.main([str(run), "-o", str(tmp_path / "a.tflite")], standalone_mode=False),
    ):
        with pytest.raises(TrainingError, match=rf"{file}: (missing|damaged): put it back, or delete"):
            attempt()
    (run / ("best.json" if file == "best.keras" else "best.keras")).unlink()
    (run / file).unlink(missing_ok=True)
    with pytest.raises(TrainingError, match="no model of it is there: train for longer"):
        run_train(recipe, dataset, run)


def test_a_best_model_that_keras_cannot_load_is_named(tmp_path: Path, trained: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    content = bytearray((run / "best.keras").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    (run / "best.keras").write_bytes(content)
    with pytest.raises(TrainingError, match=r"best\.keras: damaged"):
        export.main([str(run), "-o", str(tmp_path / "a.tflite")], standalone_mode=False)


def test_an_epoch_that_was_interrupted_before_its_checkpoint_is_logged_once(
    tmp_path: Path, trained: Path, recipe: Path, dataset: Path
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    with (run / "log.jsonl").open("a") as log:
        log.write('{"epoch": 5, "loss": 1.0}\n{"epoch": 6, "lo')
    run_train(recipe, dataset, run)
    assert (run / "log.jsonl").read_text() == (trained / "log.jsonl").read_text()


@pytest.mark.parametrize(
    "change",
    [
        {"labels": np.zeros(5, np.int16)},
        {"labels": np.full(760, 4, np.int16)},
        {"group": np.full(760, 9, np.uint8)},
        {"validation": np.zeros((760, 2), bool)},
        {"glyphs": np.zeros((760, 28, 28), np.float32)},
    ],
)
def test_a_pool_that_was_changed_is_refused(
    tmp_path: Path, trained: Path, recipe: Path, dataset: Path, change: dict[str, np.ndarray]
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    with np.load(run / "pool.npz") as packed:
        arrays = dict(packed)
    assert len(arrays["labels"]) == 760
    np.savez(run / "pool.npz", **(arrays | change))
    for attempt in (
        lambda: run_train(recipe, dataset, run),
        lambda: export.main([str(run), "-o", str(tmp_path / "a.tflite")], standalone_mode=False),
    ):
        with pytest.raises(TrainingError, match=r"pool\.npz: cannot be read .*; delete it and train again"):
            attempt()
    (run / "pool.npz").unlink()
    with pytest.raises(TrainingError, match=r"pool\.npz: missing: draw it again"):
        export.main([str(run), "-o", str(tmp_path / "a.tflite")], standalone_mode=False)


@pytest.mark.parametrize(
    ("key", "value"), [("recipe", None), ("recipe", []), ("preprocessing", 5), ("preprocessing", {}), ("versions", "x")]
)
def test_a_record_of_other_types_is_refused(tmp_path: Path, trained: Path, key: str, value: object) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    record = json.loads((run / "run.json").read_text())
    if value == {}:
        value, record["preprocessing_digest"] = record[key] | {"margin": 3}, "0" * 64
    record[key] = value
    (run / "run.json").write_text(json.dumps(record))
    with pytest.raises(TrainingError, match=r"no table|another preprocessing"):
        export.main([str(run), "-o", str(tmp_path / "a.tflite")], standalone_mode=False)


@pytest.mark.parametrize("state", ["[]", '{"epoch": "4", "step": 1, "elapsed": 2}', '{"epoch": -1}'])
def test_a_checkpoint_that_counts_otherwise_is_refused(
    tmp_path: Path, trained: Path, recipe: Path, dataset: Path, state: str
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    (checkpoint,) = run.glob("checkpoint-*")
    (checkpoint / "state.json").write_text(state)
    with pytest.raises(TrainingError, match=r"damaged checkpoint: .*; delete .* to start over"):
        run_train(recipe, dataset, run)


def test_held_out_pictures_without_ink_are_refused_before_the_training(tmp_path: Path, recipe: Path) -> None:
    blank = write_dataset(tmp_path / "blank", "0127" * 30)
    rows = [line.split("\t")[0] for line in (blank / "labels.tsv").read_text().splitlines()[1:]]
    source = LabelledPictures.load(blank, "0127")
    for row in np.flatnonzero(source.validation).tolist():
        write_picture(blank / rows[row], np.full((96, 96), 255, np.uint8))
    with pytest.raises(DatasetError, match="shows any ink"):
        run_train(recipe, blank, tmp_path / "run")


@pytest.mark.parametrize(
    ("pictures", "classes", "said"),
    [
        (np.zeros((60, 784), np.uint8), np.zeros(60, np.uint8), "x_train must be"),
        (np.zeros((60, 28, 28), np.uint8), np.zeros(50, np.uint8), "y_train"),
        (np.zeros((60, 28, 28), np.uint8), np.uint8(4), "y_train"),
        (np.zeros((60, 28, 28), np.uint8), np.ones(60), "whole numbers"),
    ],
)
def test_an_odd_mnist_is_refused(tmp_path: Path, recipe: Path, pictures, classes, said: str) -> None:  # type: ignore[no-untyped-def]
    np.savez(tmp_path / "mnist.npz", x_train=pictures, y_train=classes)
    mnist = variant(recipe, tmp_path, ('"dataset"', '"mnist"'))
    with pytest.raises(DatasetError, match=said):
        run_train(mnist, tmp_path / "mnist.npz", tmp_path / "run")


def test_a_loss_that_is_no_number_stops_and_keeps_the_best(tmp_path: Path, recipe: Path, dataset: Path) -> None:
    wild = variant(recipe, tmp_path, ("learning_rate = 1e-2", "learning_rate = 1e30"))
    with pytest.raises(TrainingError, match="lower learning_rate"):
        run_train(wild, dataset, tmp_path / "run")
    assert not (tmp_path / "run" / "best.keras").exists()


def test_a_batch_larger_than_the_data_is_refused(tmp_path: Path, recipe: Path, dataset: Path) -> None:
    huge = variant(recipe, tmp_path, ("batch = 32", "batch = 8000"))
    with pytest.raises(TrainingError, match="one batch"):
        run_train(huge, dataset, tmp_path / "run")


def test_an_unknown_key_is_refused_before_anything_is_made(tmp_path: Path, recipe: Path, dataset: Path) -> None:
    odd = variant(recipe, tmp_path, ("epochs = 4", "epoch = 4"))
    with pytest.raises(RecipeError, match=r"training\.epoch"):
        run_train(odd, dataset, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("damage", ["state.json", "weights.npz"])
def test_a_damaged_checkpoint_says_what_to_do(
    tmp_path: Path, trained: Path, recipe: Path, dataset: Path, damage: str
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in ("run.json", "pool.npz"):
        (run / name).write_bytes((trained / name).read_bytes())
    (checkpoint,) = trained.glob("checkpoint-*")
    copy = run / checkpoint.name
    copy.mkdir()
    for file in checkpoint.iterdir():
        content = file.read_bytes()
        (copy / file.name).write_bytes(content[: len(content) // 2] if file.name == damage else content)
    with pytest.raises(EdgeHwrError, match=r"delete|cannot be read"):
        run_train(recipe, dataset, run)


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
def test_every_backbone_gives_logits(backbone: str) -> None:
    recipe = NetworkRecipe(backbone, ((4, 4), (8, 8), (8,)), dropout=0.1)  # type: ignore[arg-type]
    model = build_network(recipe, height=28, width=28, classes=5)
    logits = np.asarray(model(np.zeros((2, 28, 28, 1), np.float32)))
    assert logits.shape == (2, 5)
    assert np.isfinite(logits).all()
    assert not any(isinstance(layer, keras.layers.Softmax) for layer in model.layers)


def test_a_student_learns_from_teachers(tmp_path: Path, trained: Path, recipe: Path, dataset: Path) -> None:
    student = variant(
        recipe,
        tmp_path,
        ("seed = 3", "seed = 4"),
        ("[training]\nepochs = 4", f'[distillation]\nteachers = ["{trained}", "other"]\n\n[training]\nepochs = 2'),
    )
    other = tmp_path / "other"
    other.mkdir()
    for name in ("run.json", "best.keras", "best.json"):
        (other / name).write_bytes((trained / name).read_bytes())
    run_train(student, dataset, tmp_path / "run")
    report = json.loads((tmp_path / "run" / "teachers.json").read_text())
    assert report["weights"] == {str(trained): 0.5, "other": 0.5}
    assert report["accuracy"]["ensemble"]["drawn"] > 0.9
    with np.load(tmp_path / "run" / "teachers.npz") as packed:
        assert packed["logits"].dtype == np.float16
        assert len(packed["logits"]) == len(np.load(tmp_path / "run" / "pool.npz")["labels"])
    assert open_run(tmp_path / "run").best() is not None

    (tmp_path / "run" / "teachers.npz").write_bytes(b"cut short")
    with pytest.raises(TrainingError, match="ask the teachers again"):
        run_train(student, dataset, tmp_path / "run")
    np.savez(tmp_path / "run" / "teachers.npz", logits=np.zeros((760, 5), np.float16))
    with pytest.raises(TrainingError, match="ask the teachers again"):
        run_train(student, dataset, tmp_path / "run")


def test_a_bundle_teaches_too(tmp_path: Path, trained: Path, recipe: Path, dataset: Path) -> None:
    bundle = tmp_path / "teacher.tflite"
    export.main([str(trained), "-o", str(bundle), "--max-drop", "9"], standalone_mode=False)
    table = f'[distillation]\nteachers = ["{bundle}"]\n\n[training]\nepochs = 1'
    run_train(variant(recipe, tmp_path, ("[training]\nepochs = 4", table)), dataset, tmp_path / "run")
    report = json.loads((tmp_path / "run" / "teachers.json").read_text())
    assert report["accuracy"][str(bundle)]["drawn"] > 0.9
    digits = table.replace(str(bundle), "digits")
    with pytest.raises(TrainingError, match="teacher digits: reads other characters"):
        run_train(variant(recipe, tmp_path, ("[training]\nepochs = 4", digits)), dataset, tmp_path / "other")


def test_a_teacher_that_is_none_is_refused(tmp_path: Path, trained: Path, recipe: Path, dataset: Path) -> None:
    table = '[distillation]\nteachers = ["nobody"]\n\n[training]\n'
    with pytest.raises(TrainingError, match="nobody"):
        run_train(variant(recipe, tmp_path, ("[training]\n", table)), dataset, tmp_path / "run")
    table = table.replace("nobody", str(trained))
    other = variant(recipe, tmp_path, ("[training]\n", table), ('charset = "0127"', 'charset = "01278"'))
    with pytest.raises(TrainingError, match="charset"):
        run_train(other, dataset, tmp_path / "other")


def test_an_ensemble_trusts_the_better_member_more() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(4, size=600).astype(np.int16)
    truth = 4 * np.eye(4, dtype=np.float32)[labels]
    good, poor = (truth + rng.normal(0, noise, truth.shape).astype(np.float32) for noise in (2, 6))
    ensemble = fit_ensemble([good, poor], labels)
    assert ensemble.weights[0] > 0.6
    assert sum(ensemble.weights) == pytest.approx(1, abs=1e-3)

    def right(logits: np.ndarray) -> float:
        return float((logits.argmax(axis=1) == labels).mean())

    assert right(ensemble.combine([good, poor])) >= right(good) - 0.005


def test_teachers_are_asked_about_what_the_student_sees(
    tmp_path: Path, trained: Path, recipe: Path, dataset: Path
) -> None:
    table = f'[distillation]\nteachers = ["{trained}"]\naugmented = true\nweight = 1.0\n\n[training]\nepochs = 3'
    student = variant(recipe, tmp_path, ("seed = 3", "seed = 4"), ("[training]\nepochs = 4", table))
    run_train(student, dataset, tmp_path / "run")
    best = open_run(tmp_path / "run").best()
    assert best is not None
    assert best["accuracy"]["drawn"] > 80
    teachers = invite_teachers(open_run(tmp_path / "run"))
    glyphs = Pool.load(tmp_path / "run" / "pool.npz", 4).glyphs[:50]
    alone = predict(load_lender(trained), glyphs) / teachers.temperatures[0] / teachers.ensemble.temperature
    assert np.allclose(teachers(glyphs[..., np.newaxis].astype(np.float32) / 255), alone, atol=0.1 * np.ptp(alone))
    (tmp_path / "run" / "teachers.json").write_text('{"weights": {}}')
    with pytest.raises(TrainingError, match=r"teachers\.json: not what a training writes"):
        run_train(student, dataset, tmp_path / "run")


def test_targets_mix_labels_and_teachers() -> None:
    taught = np.array([[0, 10], [10, 0]], np.float16)
    distillation = DistillationRecipe(teachers=("t",), weight=0.5, temperature=1.0)
    targets = Targets.make(2, 0.0, taught, distillation)
    mixed = targets.of(np.array([0, 1]), np.array([0, 0], np.int16))
    assert mixed == pytest.approx(np.array([[0.5, 0.5], [1.0, 0.0]]), abs=1e-3)
    junk = Targets.make(2, 0.1, None, DistillationRecipe()).of(np.array([0]), np.array([-1], np.int16))
    assert junk == pytest.approx(np.array([[0.5, 0.5]]))
