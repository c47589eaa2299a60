"""The bare invoke agrees with the benchmark that ai-edge-litert itself brings along (`litert-benchmark`)."""

from __future__ import annotations

import statistics
import sys
import time
import types
from pathlib import Path
from typing import Any

import pytest

from edge_hwr.device.bench.bare import BareModel

official = pytest.importorskip(
    "ai_edge_litert.tools.benchmark_litert_model", reason="no official benchmark to agree with"
)

ROUNDS, RUNS = 21, 40


@pytest.fixture(scope="module")
def flatbuffer() -> bytes:
    """A float32 network of a few hundred microseconds, beside which a call from Python is nothing."""
    keras = pytest.importorskip("keras", reason="models are made with the extra `export`")
    tf = pytest.importorskip("tensorflow")
    layers = keras.layers
    network = keras.Sequential(
        [
            layers.Input((48, 48, 1), batch_size=1),
            layers.Conv2D(24, 3, activation="relu"),
            layers.Conv2D(24, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10),
        ]
    )
    converted: bytes = tf.lite.TFLiteConverter.from_keras_model(network).convert()
    return converted


def test_the_bare_invoke_is_within_five_percent_of_the_official_tool(
    flatbuffer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(flatbuffer)
    # The tool rounds to a hundredth of a millisecond: with a clock a thousand times faster, to one of a microsecond.
    monkeypatch.setattr(official, "time", types.SimpleNamespace(perf_counter=lambda: 1000 * time.perf_counter()))
    arguments = ["litert-benchmark", f"--model={model}", f"--num_runs={RUNS}", "--warmup_runs=20", "--num_threads=1"]
    monkeypatch.setattr(sys, "argv", arguments)
    bare = BareModel(flatbuffer)
    assert bare.batch == 1
    ratios = []
    for _ in range(ROUNDS):  # in turns, so that whatever the machine does it does to both
        theirs: dict[str, Any] = official.run_benchmark(official.parse_args())
        for _ in range(20):
            bare.run()
        ours = statistics.median(1000 * bare.run() for _ in range(RUNS))
        ratios.append(ours / theirs["latency"]["median_ms"])
    capfd.readouterr()  # both libraries talk
    assert statistics.median(ratios) == pytest.approx(1, abs=0.05)
