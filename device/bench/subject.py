"""What is measured: a bundle, read with from frame to text, or a plain .tflite, of which only the invoke is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_hwr import metrics
from edge_hwr.bundle import Bundle, load_model, open_bundle, shipped_bundles, verify_golden
from edge_hwr.datasets import Dataset
from edge_hwr.errors import BundleError, ModelError
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
    opened: list[tuple[Path, bytes, Bundle | None]] = []
    for model in models:
        bundle = _open(model)
        path = bundle.path if bundle else Path(model)
        flatbuffer = bundle.flatbuffer if bundle else path.read_bytes()
        try:
            if bundle and bundle.metadata.task == "line":
                load_model(bundle)
            else:
                BareModel(flatbuffer).run()
        except ModelError as error:
            cut = "" if bundle else ", or the file was cut short"
            raise ModelError(f"model {path}: {error}{cut}") from error
        if path.resolve() in [known.resolve() for known, _, _ in opened]:
            raise BundleError(f"model {path}: named twice")
        opened.append((path, flatbuffer, bundle))
    names = _names([(path, bundle) for path, _, bundle in opened])
    return [Subject(name, *one) for name, one in zip(names, opened, strict=True)]


def _names(models: Sequence[tuple[Path, Bundle | None]]) -> list[str]:
    """A name for each: its own where no other has it, or that with its precision, or so much of its path."""
    own = [bundle.metadata.name if bundle else path.stem for path, bundle in models]
    precise = [f"{name} ({bundle.metadata.precision})" if bundle else name
               for name, (_, bundle) in zip(own, models, strict=True)]  # fmt: skip
    places = [path.resolve() for path, _ in models]
    return [
        next((names[index] for names in (own, precise) if names.count(names[index]) == 1), None)
        or _told_apart(place, [other for other in places if other != place])
        for index, place in enumerate(places)
    ]


def _told_apart(path: Path, others: Sequence[Path]) -> str:
    """The shortest end of a path that none of the others has."""
    ends = ["/".join(path.parts[-count:]) for count in range(1, len(path.parts) + 1)]
    return next((end for end in ends if not any(f"{other}".endswith(f"/{end}") for other in others)), str(path))


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
