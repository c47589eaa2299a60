"""Training without TensorFlow: on JAX, as the same code does on PyTorch, and what comes of it exported here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drawn_lines import train_run

pytest.importorskip("jax", reason="comes with the extra `dev`")

from edge_hwr.bundle import open_bundle
from edge_hwr.errors import RuntimeMissingError, UsageError
from edge_hwr.export.backend import chosen_backend
from edge_hwr.export.commands import export, train
from edge_hwr.export.run_folder import open_line_run, open_run

PATIENCE_S = 280


def train_on_jax(*arguments: str | Path) -> None:
    done = run_on_jax(*arguments)
    assert done.returncode == 0, done.stderr
    assert "done after" in done.stdout


def run_on_jax(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`edge-hwr train` in a process of its own, in which there is no TensorFlow."""
    program = "import sys; sys.modules['tensorflow'] = None\nfrom edge_hwr.cli import main\nmain()"
    command = [sys.executable, "-c", program, "train", *map(str, arguments), "--workers", "1"]
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def losses(run: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (run / "log.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of lines on TensorFlow, its recipe and data, and a run on JAX that goes on from it."""
    folder = tmp_path_factory.mktemp("lines")
    train_run(folder, epochs=3, lines=72)
    train_on_jax(*going_on(folder), "--out", folder / "jax")
    return folder


def going_on(lines: Path) -> list[str]:
    given = [lines / "tiny-lines.toml", "--data", lines / "drawn", "--start-from", lines / "run", "--epochs", "2"]
    return list(map(str, given))


def test_glyphs_learn(recipe: Path, dataset: Path, tmp_path: Path) -> None:
    train_on_jax(recipe, "--data", dataset, "--out", tmp_path / "run")
    run = open_run(tmp_path / "run")
    best = run.best()
    assert best is not None
    assert best["accuracy"]["drawn"] > 90
    assert "jax" in run.record["versions"]
    export.main([str(run.path), "-o", str(tmp_path / "tiny.tflite")], standalone_mode=False)
    assert open_bundle(tmp_path / "tiny.tflite").metadata.metrics


def test_lines_learn_as_much_as_on_tensorflow(lines: Path) -> None:
    train.main([*going_on(lines), "--out", str(lines / "tensorflow"), "--workers", "1"], standalone_mode=False)
    # JAX fills batches up with lines once more, which batch norms see: much, among so few.
    (first, then), (own_first, own_then) = losses(lines / "jax"), losses(lines / "tensorflow")
    assert first == pytest.approx(own_first, rel=0.05)
    assert then == pytest.approx(own_then, rel=0.2)


def test_lines_are_exported(lines: Path, tmp_path: Path) -> None:
    export.main([str(lines / "jax"), "-o", str(tmp_path / "tiny.tflite"), "--max-drop", "100"], standalone_mode=False)
    assert open_bundle(tmp_path / "tiny.tflite").metadata.task == "line"


@pytest.mark.parametrize("more", ["", "consistency = 0.2"])
def test_lines_learn_from_a_teacher_with_norms_held(more: str, lines: Path, tmp_path: Path) -> None:
    pace = f"[training]\nhold_norms = true\nteacher = {str(lines / 'run')!r}\nteacher_share = 0.5\n{more}"
    taught = tmp_path / "taught.toml"
    taught.write_text((lines / "tiny-lines.toml").read_text("utf-8").replace("[training]", pace), "utf-8")
    given = going_on(lines)
    train_on_jax(taught, *given[1:], "--out", tmp_path / "run")
    train.main([str(taught), *given[1:], "--out", str(tmp_path / "other"), "--workers", "1"], standalone_mode=False)
    np.testing.assert_allclose(losses(tmp_path / "run"), losses(tmp_path / "other"), rtol=0.1)


def test_a_training_may_begin_with_a_bundle_that_ships(recipe: Path, dataset: Path, tmp_path: Path) -> None:
    text = recipe.read_text("utf-8").replace('"0127"', '"0123456789"').replace("1e-2", "1e-5")
    larger = tmp_path / "larger.toml"
    larger.write_text(text.replace("[[8], [16], [16]]", "[[8, 12], [16, 16], [20, 24]]"), "utf-8")
    given = ("--data", dataset, "--start-from", "digits-nano", "--epochs", "1", "--out", tmp_path / "run")
    train_on_jax(larger, *given)
    best = open_run(tmp_path / "run").best()
    assert best is not None
    assert best["accuracy"]["drawn"] > 80


@pytest.mark.parametrize(
    ("backend", "error", "message"),
    [
        ("numpy", UsageError, "KERAS_BACKEND=numpy: trains nothing: tensorflow, jax, torch do"),
        ("torch", RuntimeMissingError, "KERAS_BACKEND=torch: torch is not installed: pip install torch"),
    ],
)
def test_a_backend_that_cannot_train_is_told(
    backend: str, error: type[Exception], message: str, recipe: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(error, match=message):
        train.main([str(recipe), "--data", str(dataset)], standalone_mode=False)


def test_a_backend_that_cannot_start_is_told_before_the_drawing(recipe: Path, dataset: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge_hwr", "train", recipe, "--data", dataset, "--out", tmp_path / "run"]
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "abacus"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("edge-hwr: error: KERAS_BACKEND=jax: cannot start: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_step_that_gives_no_number_ends_a_training_before_its_weights_are_kept(lines: Path, tmp_path: Path) -> None:
    steep = tmp_path / "steep.toml"
    steep.write_text((lines / "tiny-lines.toml").read_text("utf-8").replace("1e-2", "1e30"), "utf-8")
    done = run_on_jax(steep, "--data", lines / "drawn", "--out", tmp_path / "run")
    assert done.returncode == 1
    assert "lower learning_rate" in done.stderr
    assert open_line_run(tmp_path / "run").checkpoint() is None


def test_a_run_that_goes_on_on_another_backend_says_so(lines: Path) -> None:
    assert "jax" not in open_line_run(lines / "run").record["versions"]
    train_on_jax(lines / "tiny-lines.toml", "--data", lines / "drawn", "--out", lines / "run")
    assert "jax" in open_line_run(lines / "run").record["versions"]


@pytest.mark.parametrize(
    ("settings", "backend"), [('{"backend": "jax"}', "jax"), ("{}", "tensorflow"), ("[", "tensorflow")]
)
def test_the_backend_is_the_one_that_keras_takes(
    settings: str, backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert chosen_backend() == "tensorflow"
    (tmp_path / "keras.json").write_text(settings)
    assert chosen_backend() == backend
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert chosen_backend() == "torch"


def test_only_tensorflow_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(UsageError, match="only tensorflow exports"):
        export.main([str(tmp_path), "-o", str(tmp_path / "tiny.tflite")], standalone_mode=False)
