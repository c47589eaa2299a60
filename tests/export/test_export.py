"""Export by the command line's own path: every precision, the gate, and what the bundle knows of itself."""

from __future__ import annotations

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from click.testing import CliRunner
from conftest import write_dataset

from edge_hwr.bundle import open_bundle, verify_golden
from edge_hwr.datasets import open_dataset
from edge_hwr.errors import DatasetError, GateError, TrainingError, UsageError
from edge_hwr.evaluate import evaluate
from edge_hwr.export.averaging import Part
from edge_hwr.export.commands import export
from edge_hwr.export.networks import BACKBONES, build_network, predict
from edge_hwr.export.pool import Pool
from edge_hwr.export.quantize import choose_calibration, convert, load_keras
from edge_hwr.export.recipe import NetworkRecipe
from edge_hwr.export.run_folder import open_run
from edge_hwr.export.strip import strip
from edge_hwr.export.verify import fit_confidence, fit_temperature, mean_nll
from edge_hwr.runtime import TfliteModel


def run_export(run: Path, out: Path, *more: str) -> None:
    export.main([str(run), "-o", str(out), *more], standalone_mode=False)


def copy_run(trained: Path, folder: Path) -> Path:
    """What an export needs of a run, to be tampered with."""
    folder.mkdir()
    for name in ("run.json", "best.keras", "pool.npz"):
        (folder / name).write_bytes((trained / name).read_bytes())
    return folder


def test_an_int8_bundle_reads_and_describes_itself(tmp_path: Path, trained: Path, dataset: Path) -> None:
    out = tmp_path / "small.tflite"
    result = CliRunner().invoke(export, [str(trained), "-o", str(out), "--max-drop", "5", "--test", str(dataset)])
    assert result.exit_code == 0, result.output
    assert all(precision in result.output for precision in ("float32", "float16", "dynamic", "int8"))
    assert re.search(r"drawn \(test\), int8: \d+\.\d\d%", result.output)

    bundle = open_bundle(out)
    metadata = bundle.metadata
    assert (metadata.name, metadata.precision, metadata.charset) == ("small", "int8", "0127")
    assert bundle.labels == ("0", "1", "2", "7")
    assert metadata.recipe["seed"] == 3
    assert "tensorflow-cpu" in metadata.versions or "tensorflow" in metadata.versions
    assert 0.05 < metadata.temperature < 20
    assert 0 < metadata.reject_below < 1
    assert set(metadata.metrics["precisions"]) == {"float32", "float16", "dynamic", "int8"}
    for figures in metadata.metrics["precisions"].values():
        assert figures["bytes"] > 1000
        assert figures["drop_points"] <= 5
    for precision in ("float32", "int8"):
        assert metadata.metrics[precision]["drawn (validation)"]["accuracy"] > 0.9
        assert metadata.metrics[precision]["drawn (test)"]["samples"] == 320

    model = TfliteModel(bundle.flatbuffer)
    assert (model.input_dtype, model.output_dtype) == (np.uint8, np.int8)
    report = verify_golden(bundle, model)
    assert (report.samples, report.decisions_changed) == (2, 0)
    assert report.largest_difference <= 2
    outputs = np.sort(bundle.golden()[1].astype(int), axis=1)
    assert (outputs[:, -1] - outputs[:, -2]).min() > 4, "no golden sample is a close call"

    measured = evaluate(bundle, open_dataset(dataset))
    assert measured.accuracy == pytest.approx(metadata.metrics["int8"]["drawn (test)"]["accuracy"], abs=1e-4)
    assert measured.bytes == out.stat().st_size
    assert bundle.size - len(bundle.flatbuffer) < 9000, "what comes along is small"


@pytest.mark.parametrize("precision", ["float16", "dynamic"])
def test_the_other_precisions_are_bundles_too(tmp_path: Path, trained: Path, precision: str) -> None:
    out = tmp_path / "other.tflite"
    run_export(trained, out, "--precision", precision, "--max-drop", "5")
    bundle = open_bundle(out)
    assert bundle.metadata.precision == precision
    assert TfliteModel(bundle.flatbuffer).input_dtype == np.float32
    assert verify_golden(bundle, TfliteModel(bundle.flatbuffer)).decisions_changed == 0


def test_networks_of_two_runs_are_averaged(tmp_path: Path, trained: Path) -> None:
    import keras

    other = copy_run(trained, tmp_path / "other")
    network = keras.models.load_model(trained / "best.keras", compile=False)
    *weights, bias = network.get_weights()
    network.set_weights([*weights, bias + np.array([3, 0, 0, 0], bias.dtype)])
    network.save(other / "best.keras")
    run_export(trained, tmp_path / "alone.tflite", "--precision", "float32")
    run_export(trained, tmp_path / "both.tflite", "--precision", "float32", "--average-with", str(other))
    alone, both = open_bundle(tmp_path / "alone.tflite"), open_bundle(tmp_path / "both.tflite")
    glyphs = alone.golden()[0]
    more = TfliteModel(both.flatbuffer).invoke(glyphs) - TfliteModel(alone.flatbuffer).invoke(glyphs)
    assert np.allclose(more, [1.5, 0, 0, 0], atol=1e-4)
    assert (alone.metadata.recipe["averaged_with"], both.metadata.recipe["averaged_with"]) == ([], ["other"])

    run_export(trained, tmp_path / "most.tflite", "--precision", "float32", "--average-with", f"{other}=2")
    most = open_bundle(tmp_path / "most.tflite")
    more = TfliteModel(most.flatbuffer).invoke(glyphs) - TfliteModel(alone.flatbuffer).invoke(glyphs)
    assert np.allclose(more, [2, 0, 0, 0], atol=1e-4)
    assert most.metadata.recipe["averaged_with"] == ["other=2"]


def test_the_name_of_a_run_in_a_mean_may_hold_an_equals_sign(tmp_path: Path) -> None:
    (tmp_path / "pace=2").mkdir()
    assert Part.parse(str(tmp_path / "pace=2")) == Part(tmp_path / "pace=2")
    assert Part.parse("runs/pace=fast") == Part(Path("runs/pace=fast"))
    assert Part.parse("runs/pace=fast=0.5") == Part(Path("runs/pace=fast"), 0.5)


@pytest.mark.parametrize("part", ["lines=0", "lines=-1", "lines=nan", "lines=inf", "=2"])
def test_weights_that_make_no_mean_are_refused(tmp_path: Path, trained: Path, part: str) -> None:
    with pytest.raises(UsageError, match=r"RUN=WEIGHT"):
        run_export(trained, tmp_path / "a.tflite", "--average-with", part)
    assert not list(tmp_path.iterdir())


def test_networks_that_do_not_belong_together_are_not_averaged(tmp_path: Path, trained: Path) -> None:
    import keras

    other, out = copy_run(trained, tmp_path / "other"), tmp_path / "a.tflite"
    keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(4)]).save(
        other / "best.keras"
    )
    with pytest.raises(TrainingError, match="other: another network than"):
        run_export(trained, out, "--average-with", str(other))
    (other / "best.keras").unlink()
    with pytest.raises(TrainingError, match=r"other: no best\.keras"):
        run_export(trained, out, "--average-with", str(other))
    record = (other / "run.json").read_text("utf-8")
    (other / "run.json").write_text(record.replace('"0127"', '"0128"'), "utf-8")
    with pytest.raises(TrainingError, match="other: reads other characters than"):
        run_export(trained, out, "--average-with", str(other))
    with pytest.raises(TrainingError, match="no run folder"):
        run_export(trained, out, "--average-with", str(tmp_path))
    assert not out.exists()


def test_stripping_changes_no_answer(trained: Path) -> None:
    glyphs = Pool.load(trained / "pool.npz", 4).glyphs[:60]
    named = convert(load_keras(trained / "best.keras"), "int8", glyphs)
    stripped = strip(named)
    assert len(stripped) < len(named) - 1000
    assert strip(stripped) == stripped
    zero_points_of_16_channels = bytes([16, 0, 0, 0, *bytes(16 * 8)])
    assert named.count(zero_points_of_16_channels) == 4  # weights and biases of two layers
    assert stripped.count(zero_points_of_16_channels) == 1
    assert b"conv1_1" in named
    assert b"conv1_1" not in stripped
    batch = glyphs[..., np.newaxis]
    assert np.array_equal(TfliteModel(stripped).invoke(batch), TfliteModel(named).invoke(batch))


def test_a_gate_that_fails_leaves_no_file(tmp_path: Path, trained: Path) -> None:
    """Scores far from zero, all by the same amount: nothing to a float, but more than eight bits can tell apart."""
    run = copy_run(trained, tmp_path / "run")
    model = load_keras(run / "best.keras")
    logits = model.get_layer("logits")
    kernel, bias = logits.get_weights()
    logits.set_weights([kernel, bias + 5000])
    model.save(run / "best.keras")
    out = tmp_path / "bad.tflite"
    with pytest.raises(GateError, match="points"):
        run_export(run, out, "--method", "ptq")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]
    report = json.loads((run / "export-bad.json").read_text())
    assert report["precisions"]["int8"]["drop_points"] > 5
    worst = next(item for item in report["noise_db"] if item["layer"] == "output")
    assert worst is report["noise_db"][0], "the table shows where it happened"
    assert worst["sqnr_db"] < 10 < report["noise_db"][1]["sqnr_db"], "all is well up to there"
    run_export(run, out, "--precision", "float16")
    assert open_bundle(out).metadata.precision == "float16"


def test_fine_tuning_saves_what_calibration_cannot(tmp_path: Path, trained: Path) -> None:
    """Weights that no signal ever meets, but so large that in half of the channels the others are rounded away."""
    run = copy_run(trained, tmp_path / "run")
    model = load_keras(run / "best.keras")
    pool = Pool.load(run / "pool.npz", 4)
    known = pool.select(pool.labels >= 0)
    # By their order: Keras counts its names on from whatever this process has built before.
    norm = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    convolution = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)][1]
    gamma, beta, mean, variance = norm.get_weights()

    def silence(channel: int) -> float:
        """Accuracy without a channel of the first layer."""
        others = np.arange(len(gamma)) != channel
        norm.set_weights([gamma * others, beta * others, mean, variance])
        return known.accuracies(predict(model, known.glyphs).argmax(axis=1))["drawn"]

    channel = max(range(len(gamma)), key=silence)
    assert silence(channel) > 0.9
    (kernel,) = convolution.get_weights()
    kernel[1, 1, channel, ::2] = 250 * np.abs(kernel).max()
    convolution.set_weights([kernel])
    model.save(run / "best.keras")

    out = tmp_path / "tuned.tflite"
    run_export(run, out, "--max-drop", "3")
    bundle = open_bundle(out)
    figures = bundle.metadata.metrics["precisions"]
    assert bundle.metadata.metrics["method"] == "qat"
    assert figures["int8"]["drop_points"] > 3 >= figures["int8 qat"]["drop_points"]
    assert TfliteModel(bundle.flatbuffer).input_dtype == np.uint8
    report = json.loads((run / "export-tuned.json").read_text())
    assert {item["layer"] for item in report["noise_db"] if item["kind"] == "weights"} >= {"logits", convolution.name}
    assert (run / "export-tuned-noise.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("backbone", sorted(BACKBONES))
def test_folding_keeps_the_function_and_rounding_is_that_of_the_runtime(trained: Path, backbone: str) -> None:
    from edge_hwr.export.qat import fold_batch_norms, with_rounding

    glyphs = Pool.load(trained / "pool.npz", 4).glyphs[:60]
    keras.utils.set_random_seed(1)
    model = build_network(NetworkRecipe(backbone, ((8, 8), (16,)), 0.1), height=28, width=28, classes=3)  # type: ignore[arg-type]
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if layer.name.startswith("batch_normalization"):
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    folded = fold_batch_norms(model)
    exact = predict(model, glyphs)
    assert predict(folded, glyphs) == pytest.approx(exact, abs=1e-4)
    rounded = predict(with_rounding(folded, glyphs), glyphs)
    runtime = TfliteModel(convert(folded, "int8", glyphs))
    real = runtime.output_scale * (runtime.invoke(glyphs[..., np.newaxis]).astype(float) - runtime.output_zero_point)
    assert np.abs(rounded - real).max() <= 3 * runtime.output_scale


def test_bad_runs_and_names(tmp_path: Path, trained: Path) -> None:
    with pytest.raises(TrainingError, match="no run folder"):
        run_export(tmp_path, tmp_path / "a.tflite")
    with pytest.raises(UsageError, match=r"NAME\.tflite"):
        run_export(trained, tmp_path / "a.bin")
    with pytest.raises(UsageError, match="a way to int8"):
        run_export(trained, tmp_path / "a.tflite", "--precision", "dynamic", "--method", "qat")
    with pytest.raises(UsageError, match="make it first"):
        run_export(trained, tmp_path / "nowhere" / "a.tflite")
    (tmp_path / "folder.tflite").mkdir()
    with pytest.raises(UsageError, match="a folder is in its place"):
        run_export(trained, tmp_path / "folder.tflite")
    letters = write_dataset(tmp_path / "letters", "ab")
    with pytest.raises(DatasetError, match="outside of the charset"):
        run_export(trained, tmp_path / "a.tflite", "--test", str(letters))
    run = copy_run(trained, tmp_path / "run")
    (run / "best.keras").unlink()
    with pytest.raises(TrainingError, match=r"best\.keras"):
        run_export(run, tmp_path / "a.tflite")
    (run / "best.keras").write_bytes((trained / "best.keras").read_bytes()[:3000])
    with pytest.raises(TrainingError, match=r"best\.keras: damaged, Keras cannot load it"):
        run_export(run, tmp_path / "a.tflite")
    (run / "pool.npz").write_bytes((trained / "pool.npz").read_bytes()[:3000])
    with pytest.raises(TrainingError, match=r"pool\.npz"):
        run_export(run, tmp_path / "a.tflite")
    (run / "run.json").write_text("{")
    with pytest.raises(TrainingError, match=r"run\.json"):
        run_export(run, tmp_path / "a.tflite")


def test_calibration_is_stratified_and_spans_the_input(trained: Path) -> None:
    run = open_run(trained)
    pool = Pool.load(run.pool, 4)
    few = choose_calibration(pool, 40, seed=1)
    assert few.shape == (40, 28, 28)
    assert (few.min(), few.max()) == (0, 255)
    rows = [np.flatnonzero((pool.glyphs == glyph).all(axis=(1, 2))) for glyph in few[1:]]
    assert not any(pool.validation[row].all() for row in rows), "validation glyphs do not calibrate"
    labels = np.array([pool.labels[row[0]] for row in rows])
    assert set(np.unique(labels).tolist()) == {-1, 0, 1, 2, 3}
    assert np.bincount(labels + 1).max() <= 9


def test_int8_takes_the_bytes_of_the_preprocessing_as_they_are(trained: Path) -> None:
    run = open_run(trained)
    pool = Pool.load(run.pool, 4)
    flatbuffer = convert(load_keras(run.best_model), "int8", choose_calibration(pool, 64, seed=1))
    interpreter = Interpreter(model_content=flatbuffer)
    scale, zero_point = interpreter.get_input_details()[0]["quantization"]
    assert (np.float32(scale), zero_point) == (np.float32(1 / 255), 0)
    floats = [tensor["name"] for tensor in interpreter.get_tensor_details() if tensor["dtype"] == np.float32]
    assert floats == [], "no float tensor anywhere"


def test_temperature_and_threshold_mean_what_they_say() -> None:
    rng = np.random.default_rng(3)
    scores = rng.normal(0, 2, (4000, 6)).astype(np.float32)
    powers = np.exp(scores)
    shares = np.cumsum(powers / powers.sum(axis=1, keepdims=True), axis=1)
    labels = (rng.random((4000, 1)) > shares).sum(axis=1).clip(0, 5).astype(np.int16)
    assert fit_temperature(scores * 3, labels) == pytest.approx(3, rel=0.1), "scores three times too sure"
    assert mean_nll(scores, labels) < mean_nll(scores * 3, labels)

    junk = np.zeros((500, 6), np.float32)
    both = np.concatenate([scores * 3, junk])
    confidence = fit_confidence(both, np.concatenate([labels, np.full(500, -1, np.int16)]), keep=0.95)
    assert 0.95 <= confidence.kept < 0.97
    assert confidence.rejected_junk == 1.0
    assert confidence.rejected_errors is not None
    assert confidence.rejected_errors > 0.1
