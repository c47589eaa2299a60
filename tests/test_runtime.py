"""The runtime: any batch size, the same scores as one by one, and refusals in one line."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_hwr import runtime
from edge_hwr.bundle import Bundle
from edge_hwr.errors import ModelError, RuntimeMissingError
from edge_hwr.runtime import BUCKETS, TfliteModel, runtime_name


def pictures(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def quantized(drawn_bundle: Bundle) -> TfliteModel:
    return TfliteModel(drawn_bundle.flatbuffer)


def test_tensors_of_a_quantized_model(quantized: TfliteModel) -> None:
    assert quantized.input_shape == (1, 28, 28, 1)
    assert (quantized.input_dtype, quantized.output_dtype) == (np.uint8, np.int8)
    assert quantized.classes == 10
    assert quantized.output_scale > 0
    assert -128 <= quantized.output_zero_point <= 127


@settings(max_examples=25)
@given(count=st.integers(0, 200), seed=st.integers(0, 1000))
def test_a_batch_scores_as_its_samples_one_by_one(quantized: TfliteModel, count: int, seed: int) -> None:
    batch = pictures(count, seed)
    scores = quantized.invoke(batch)
    assert scores.shape == (count, 10)
    for row in {0, count // 2, count - 1} if count else set():
        np.testing.assert_array_equal(scores[row], quantized.invoke(batch[row : row + 1])[0])


def test_results_outlive_the_next_invoke(quantized: TfliteModel) -> None:
    first = quantized.invoke(pictures(5, seed=1))
    kept = first.copy()
    quantized.invoke(pictures(5, seed=2))
    np.testing.assert_array_equal(first, kept)


def test_no_batch_size_is_planned_twice(drawn_bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    name, interpreter = runtime.load_runtime()
    made = []

    def counting(**arguments: Any) -> Any:
        made.append(arguments)
        return interpreter(**arguments)

    monkeypatch.setattr(runtime, "load_runtime", lambda: (name, counting))
    model = TfliteModel(drawn_bundle.flatbuffer)
    for _ in range(3):
        for count in range(1, 130):
            model.invoke(pictures(count))
    assert len(made) == len(BUCKETS)


def test_a_float_model_is_fed_from_0_to_1(float_flatbuffer: bytes) -> None:
    model = TfliteModel(float_flatbuffer)
    assert (model.input_dtype, model.output_dtype) == (np.float32, np.float32)
    assert (model.output_scale, model.output_zero_point) == (1.0, 0)
    # The bias is zero before training, so without ink all scores are; in 0..1 they stay small.
    assert not model.invoke(np.zeros((3, 28, 28, 1), np.uint8)).any()
    scores = model.invoke(np.full((3, 28, 28, 1), 255, np.uint8))
    assert 0 < np.abs(scores).max() < 10


def test_two_threads_read_with_a_model_each(drawn_bundle: Bundle) -> None:
    expected = TfliteModel(drawn_bundle.flatbuffer).invoke(pictures(40))
    wrong = []

    def work() -> None:
        model = TfliteModel(drawn_bundle.flatbuffer, threads=2)
        wrong.extend(count for count in range(1, 41) if (model.invoke(pictures(40)[:count]) != expected[:count]).any())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert wrong == []


@pytest.mark.parametrize(
    "batch",
    [
        np.zeros((1, 28, 28), np.uint8),
        np.zeros((1, 20, 28, 1), np.uint8),
        np.zeros((1, 28, 28, 1), np.float32),
    ],
)
def test_a_batch_of_another_kind_is_refused(quantized: TfliteModel, batch: NDArray[Any]) -> None:
    with pytest.raises(ModelError, match="takes uint8 pictures"):
        quantized.invoke(batch)


@pytest.mark.parametrize("flatbuffer", [b"", b"TFL3", b"\x1c\0\0\0TFL3" + bytes(200)])
def test_what_is_no_model_is_refused(flatbuffer: bytes) -> None:
    with pytest.raises(ModelError, match="refuses the model"):
        TfliteModel(flatbuffer)


def test_models_that_read_no_glyphs_are_refused() -> None:
    keras, tf = pytest.importorskip("keras"), pytest.importorskip("tensorflow")

    def convert(*layers: Any) -> bytes:
        converted: bytes = tf.lite.TFLiteConverter.from_keras_model(keras.Sequential(layers)).convert()
        return converted

    row = convert(keras.layers.Input((9,)), keras.layers.Dense(2))
    with pytest.raises(ModelError, match="does not take one picture"):
        TfliteModel(row)
    image = convert(keras.layers.Input((8, 8, 1)), keras.layers.Conv2D(2, 3))
    with pytest.raises(ModelError, match="does not take one picture"):
        TfliteModel(image)


def test_planning_prints_nothing(drawn_bundle: Bundle, capfd: pytest.CaptureFixture[str]) -> None:
    TfliteModel(drawn_bundle.flatbuffer).invoke(pictures(3))
    print("still there", file=sys.stderr)
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "still there\n")


def test_a_runtime_that_lacks_a_module_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "ai_edge_litert"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "interpreter.py").write_text("import a_module_that_is_not_there\n")
    program = "from edge_hwr.runtime import runtime_name; runtime_name()"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules['tensorflow'] = None; {program}"],
        capture_output=True, text=True, timeout=60, env=environment,
    )  # fmt: skip
    assert "ai-edge-litert is installed but does not load (No module named 'a_module_that_is_not_there')" in done.stderr


def test_without_a_runtime_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("ai_edge_litert", "tflite_runtime", "tensorflow"):
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [])  # nothing that is not loaded yet can be found
    runtime.load_runtime.cache_clear()
    try:
        with pytest.raises(RuntimeMissingError, match="pip install ai-edge-litert"):
            runtime_name()
    finally:
        runtime.load_runtime.cache_clear()
