"""What is measured: a bundle, read with from frame to text, or a plain .tflite, of which only the invoke is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_hwr.bundle import Bundle, open_bundle, shipped_bundles, verify_golden
from edge_hwr.datasets import Dataset
from edge_hwr.errors import BundleError, ModelError
from edge_hwr.evaluate import evaluate

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
        if bundle and bundle.metadata.task != "glyph":
            raise ModelError(f"model {model}: bench measures glyph models; `edge-hwr evaluate` times a model of lines")
        path = bundle.path if bundle else Path(model)
        flatbuffer = bundle.flatbuffer if bundle else path.read_bytes()
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
    """How the bundle reads on this device: its share of right answers on a dataset, and its golden outputs replayed."""
    result = evaluate(bundle, dataset)
    golden = verify_golden(bundle)
    return {
        "dataset": dataset.name,
        "samples": result.samples,
        "accuracy": result.accuracy,
        "accuracy_caseless": result.accuracy_caseless,
        "golden": {
            "samples": golden.samples,
            "largest_difference": golden.largest_difference,
            "decisions_changed": golden.decisions_changed,
        },
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
