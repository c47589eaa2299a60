"""What is measured: a bundle, read with from frame to text, or a plain .tflite, of which only the invoke is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_hwr import metrics
from edge_hwr.bundle import Bundle, load_model, open_bundle, shipped_bundles, verify_golden
from edge_hwr.datasets import Dataset
from edge_hwr.errors import BundleError
from edge_hwr.evaluate import evaluate
from edge_hwr.evaluate_lines import predict_lines

from .bare import BareModel


@dataclass(frozen=True, slots=True)
class Subject:
    """A model to measure; `bundle` is None for a plain .tflite. `name` is unique within a report."""

    name: str
    path: Path
    flatbuffer: bytes
    bundle: Bundle | None

    @property
    def precision(self) -> str | None:
        return self.bundle.metadata.precision if self.bundle else None

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "file": self.path.name,
            "bytes": self.path.stat().st_size,
            "sha256": hashlib.sha256(self.flatbuffer).hexdigest(),
            "bundle": self.bundle is not None,
            "precision": self.precision,
        }


def open_subjects(models: tuple[str, ...]) -> list[Subject]:
    """Open every model, a shipped name or a path, and try it once.

    `BundleError` for a file that is neither a bundle nor a TFLite flatbuffer; `ModelError` for a model that does not
    run here, or whose input nobody can guess.
    """
    subjects: list[Subject] = []
    for model in models:
        bundle = _open(model)
        path = bundle.path if bundle else Path(model)
        flatbuffer = bundle.flatbuffer if bundle else path.read_bytes()
        if bundle and bundle.metadata.task == "line":
            load_model(bundle)
        else:
            BareModel(flatbuffer).run()
        taken = {subject.name for subject in subjects}
        name = bundle.metadata.name if bundle else path.stem
        if name in taken and bundle:
            name = f"{name} ({bundle.metadata.precision})"
        if name in taken:
            name = str(path)
        if name in taken:
            raise BundleError(f"model {path}: named twice")
        subjects.append(Subject(name, path, flatbuffer, bundle))
    return subjects


def check_accuracy(bundle: Bundle, dataset: Dataset) -> dict[str, Any]:
    """How the bundle reads on this device: its share of right answers on a dataset, and its golden outputs replayed.

    Of a line model these are whole lines, and the character error rate "cer" comes with them.
    """
    golden = verify_golden(bundle)
    return {
        "dataset": dataset.name,
        "samples": len(dataset),
        **(_line_figures if bundle.metadata.task == "line" else _glyph_figures)(bundle, dataset),
        "golden": {
            "samples": golden.samples,
            "largest_difference": golden.largest_difference,
            "decisions_changed": golden.decisions_changed,
        },
    }


def _glyph_figures(bundle: Bundle, dataset: Dataset) -> dict[str, float]:
    result = evaluate(bundle, dataset)
    return {"accuracy": result.accuracy, "accuracy_caseless": result.accuracy_caseless}


def _line_figures(bundle: Bundle, dataset: Dataset) -> dict[str, float]:
    texts = predict_lines(bundle, dataset).texts
    return {
        "accuracy": metrics.accuracy(dataset.texts, texts),
        "accuracy_caseless": metrics.accuracy_caseless(dataset.texts, texts),
        "cer": metrics.character_error_rate(dataset.texts, texts),
    }


def _open(model: str) -> Bundle | None:
    """The bundle; None for a flatbuffer without metadata, which starts as every TFLite model does."""
    path = Path(model)
    try:
        return open_bundle(model)
    except BundleError:
        if model in shipped_bundles() or not path.is_file():
            raise
        with path.open("rb") as file:
            head = file.read(8)
        if head[4:] != b"TFL3" or b"edge_hwr.json" in path.read_bytes():
            raise
        return None
