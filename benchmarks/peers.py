"""Our reader beside its peers, on the same pictures, and our network beside other runtimes, on the same input.

    python benchmarks/peers.py [--float32 FILE] [--json FILE]         (make bench-peers sets up all it needs)

Everything has one thread, and takes turns in random order in every round. What is not installed is left out, and the
report says so. RapidOCR and Tesseract read any print; edge-hwr's digits model reads digits alone: they are compared as
what one could take to read handwritten digits on a small machine, not as equals.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import one_line

from edge_hwr.bundle import open_bundle
from edge_hwr.datasets import open_dataset
from edge_hwr.device.bench.bare import BareModel
from edge_hwr.device.bench.measure import Budget, measure_by_turns
from edge_hwr.metrics import character_error_rate
from edge_hwr.reader import Reader
from edge_hwr.runtime import TfliteModel

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
BATCH = 40
Grey = np.ndarray[Any, np.dtype[np.uint8]]


class MissingPeerError(Exception):
    """A peer that is not installed; the message says what is missing."""


def edge_hwr() -> tuple[str, Callable[[Grey], str]]:
    reader = Reader("digits")
    return "edge-hwr, digits", lambda grey: reader.read(grey).text


def rapidocr() -> tuple[str, Callable[[Grey], str]]:
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise MissingPeerError("rapidocr is not installed") from error
    threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    engine = RapidOCR(params={**threads, "Global.log_level": "error"})

    def read(grey: Grey) -> str:
        found = engine(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))
        return "\n".join(found.txts or ())

    return f"RapidOCR {version('rapidocr')}", read


def tesseract() -> tuple[str, Callable[[Grey], str]]:
    if not shutil.which("tesseract"):
        raise MissingPeerError("tesseract is not installed (apt install tesseract-ocr)")
    name = subprocess.run(["tesseract", "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    command = ["tesseract", "stdin", "stdout", "--psm", "6", "-c", "tessedit_char_whitelist=0123456789"]

    def read(grey: Grey) -> str:
        picture = cv2.imencode(".pgm", grey)[1].tobytes()
        done = subprocess.run(
            command,
            input=picture,
            capture_output=True,
            timeout=120,
            check=True,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
        return done.stdout.decode()

    return f"{name}, a process a picture", read


def compare_readers() -> tuple[list[dict[str, Any]], list[str]]:
    """Milliseconds a picture and character errors of each peer, over the sample pictures."""
    samples = list(open_dataset(ROOT / "samples"))
    truths = [digits(sample.text) for sample in samples]
    peers, skipped = [], []
    for start in (edge_hwr, rapidocr, tesseract):
        try:
            peers.append(start())
        except MissingPeerError as reason:
            skipped.append(f"{start.__name__}: {reason}")
    guesses: dict[str, list[str]] = {}
    times: dict[str, list[float]] = {name: [] for name, _ in peers}
    rng = np.random.default_rng(0)
    for name, read in peers:  # the first turn warms up, and is what the errors are counted in
        guesses[name] = [digits(read(sample.picture)) for sample in samples]
    for _ in range(ROUNDS):
        for sample in samples:
            for index in rng.permutation(len(peers)).tolist():
                name, read = peers[index]
                started = time.monotonic()
                read(sample.picture)
                times[name].append(1000 * (time.monotonic() - started))
    rows = [
        {"name": name, "ms_p50": statistics.median(times[name]), "cer": character_error_rate(truths, guesses[name])}
        for name, _ in peers
    ]
    return rows, skipped


def digits(text: str) -> str:
    """The digits of a text alone: forms have printed words on them, which are not what is asked for."""
    return re.sub(r"\D", "", text.replace("\\n", "\n"))


def networks(float32: Path, folder: Path) -> tuple[list[tuple[str, int, Callable[[], object]]], list[str]]:
    """One network in every runtime, alone and in batches: name, batch, what to run; and what is left out, and why."""
    bundle = open_bundle("digits")
    model = TfliteModel(bundle.flatbuffer)
    inputs = {n: np.random.default_rng(0).integers(0, 256, (n, *model.input_shape[1:]), np.uint8) for n in (1, BATCH)}
    runs: list[tuple[str, int, Callable[[], object]]] = []
    for batch, pictures in inputs.items():
        runs.append(("edge-hwr, int8", batch, partial(model.invoke, pictures)))
        runs.append(("LiteRT bare, int8", batch, BareModel(bundle.flatbuffer, batch=batch).run))
    try:
        whole = float32.read_bytes()
    except OSError as error:
        return runs, [f"the network in float32: {error}"]
    plain = folder / "float32.tflite"
    plain.write_bytes(whole)
    if reason := name_tensors(plain):
        return runs, [f"OpenCV DNN and ONNX Runtime: {reason}"]
    for batch, pictures in inputs.items():
        runs.append(("LiteRT bare, float32", batch, BareModel(whole, batch=batch).run))
        planes = np.ascontiguousarray((pictures.astype(np.float32) / 255).transpose(0, 3, 1, 2))
        network = cv2.dnn.readNetFromTFLite(str(plain))
        runs.append((f"OpenCV {cv2.__version__} DNN, float32", batch, partial(forward, network, planes)))
    try:
        session = onnx_session(plain, folder / "float32.onnx")
    except MissingPeerError as reason:
        return runs, [f"ONNX Runtime: {reason}"]
    name, feed = f"ONNX Runtime {version('onnxruntime')}, float32", session.get_inputs()[0].name
    for batch, pictures in inputs.items():
        runs.append((name, batch, partial(session.run, None, {feed: pictures.astype(np.float32) / 255})))
    return runs, []


def forward(network: Any, planes: Any) -> None:
    network.setInput(planes)
    network.forward()


def name_tensors(model: Path) -> str:
    """Give the tensors of a .tflite names, which ours has none of: without them tf2onnx fails and OpenCV crashes.

    In a process of its own, so that TensorFlow is not loaded where times are measured. Gives why it failed, or "".
    """
    command = [sys.executable, "-c", _NAMING, str(model)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


_NAMING = """
import sys
from tensorflow.lite.tools import flatbuffer_utils
model = flatbuffer_utils.read_model(sys.argv[1])
for graph in model.subgraphs:
    graph.name = b"main"
    for number, tensor in enumerate(graph.tensors):
        tensor.name = b"tensor%d" % number
flatbuffer_utils.write_model(model, sys.argv[1])
"""


def onnx_session(model: Path, onnx: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPeerError("onnxruntime is not installed") from error
    command = [sys.executable, "-m", "tf2onnx.convert", "--tflite", str(model), "--output", str(onnx)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise MissingPeerError(f"tf2onnx cannot convert the network: {done.stderr.strip().splitlines()[-1]}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])


def compare_networks(float32: Path, seconds: float) -> tuple[list[dict[str, Any]], list[str]]:
    """Microseconds a glyph of each runtime, for single glyphs and batches."""

    def timed(work: Callable[[], object]) -> Callable[[], dict[str, float]]:
        def once() -> dict[str, float]:
            started = time.monotonic()
            work()
            return {"total": 1000 * (time.monotonic() - started)}

        return once

    with tempfile.TemporaryDirectory() as folder:
        runs, skipped = networks(float32, Path(folder))
        timings = measure_by_turns([timed(work) for _, _, work in runs], Budget(seconds), np.random.default_rng(0))
    rows = []
    for (name, batch, _), timing in zip(runs, timings, strict=True):
        values = np.concatenate([np.asarray(block) for block in timing.blocks["total"]])
        rows.append({"name": name, "batch": batch, "us_per_glyph": 1000 * float(np.median(values)) / batch})
    return rows, skipped


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--float32", type=Path, default=ROOT / "build/digits-float32.tflite", help="float32 network")
    parser.add_argument("--seconds", type=one_line.seconds, default=10.0, help="for the runtimes")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    readers, absent = compare_readers()
    runtimes, missing = compare_networks(options.float32, options.seconds)
    for row in readers:
        print(f"{row['name']:<44}{row['ms_p50']:>10.2f} ms a picture{row['cer']:>8.1%} character errors")
    for row in runtimes:
        print(f"{row['name']:<44}{row['us_per_glyph']:>10.2f} us a glyph, batch {row['batch']}")
    for reason in absent + missing:
        print(f"left out: {reason}")
    if options.json:
        report = {"readers": readers, "runtimes": runtimes, "left_out": absent + missing}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    one_line.run(main)
