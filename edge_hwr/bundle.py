"""A model bundle: one file that is a TFLite flatbuffer and, behind it, a zip with all that goes with the model.

Any TFLite runtime loads the file as it is, and `unzip -l` lists what edge-hwr adds: `labels.txt` (one label a line),
`edge_hwr.json` (the `Metadata`) and `golden.npz` (a few inputs and their outputs). The comment at the end of the zip is
the sha256 of all that stands before it, so that a file which was cut short or changed by one byte is not opened.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_hwr.ctc import decode_greedy
from edge_hwr.errors import BundleError, UsageError
from edge_hwr.files import file_path, read_file, write_atomically
from edge_hwr.line_preprocess import LinePreprocessing, line_preprocessing_digest
from edge_hwr.line_runtime import LineModel
from edge_hwr.preprocess import GlyphPreprocessing, preprocessing_digest
from edge_hwr.runtime import TfliteModel
from edge_hwr.sealed_zip import is_sealed, seal

SCHEMA = 1
"""The version of the layout of a bundle that is written, and the newest that is read."""

SHIPPED = Path(__file__).parent / "models"
"""The folder of the bundles that come with the package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What is known of a model, as it stands in `edge_hwr.json`.

    `task` is "glyph" (crops of single characters) or "line"; `height` and `width` are those of the input in pixels,
    `width` None where it is free. `charset` is the labels, joined. The confidence of a score is its softmax at
    `temperature`; glyphs below the confidence `reject_below` are rejected. `sha256` is that of the flatbuffer and is
    filled in by `write_bundle`.
    """

    name: str
    task: str
    height: int
    width: int | None
    polarity: str
    preprocessing: dict[str, Any]
    preprocessing_digest: str
    charset: str
    temperature: float
    reject_below: float
    precision: str
    metrics: dict[str, Any]
    recipe: dict[str, Any]
    versions: dict[str, Any]
    schema: int = SCHEMA
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """An open bundle: `size` is that of the file in bytes, `labels[k]` the text of class k."""

    path: Path
    size: int
    flatbuffer: bytes = field(repr=False)
    labels: tuple[str, ...]
    metadata: Metadata
    golden_npz: bytes = field(repr=False)

    def golden(self) -> tuple[NDArray[np.uint8], NDArray[Any]]:
        """The golden inputs, uint8 (K, height, width, 1), and the raw outputs they had at export: (K, classes), or of a
        line model (K, steps, classes)."""
        with np.load(io.BytesIO(self.golden_npz), allow_pickle=False) as arrays:
            return arrays["inputs"], arrays["outputs"]


@dataclass(frozen=True, slots=True)
class GoldenReport:
    """How far a runtime is from the golden outputs.

    `largest_difference` is in raw units (steps of int8, or real scores of a float model): a step or two between
    processors is normal. `decisions_changed` counts the samples whose best class, or text, is another one: it must be
    0.
    """

    samples: int
    largest_difference: float
    decisions_changed: int


def open_bundle(name_or_path: str | Path) -> Bundle:
    """Open a bundle that ships ("digits") or the file at a path.

    `BundleError` for a file that is missing, no bundle, damaged, of a newer schema, or made for another preprocessing.
    """
    path = _find(name_or_path)
    try:
        data = read_file(path)
    except OSError as error:
        raise BundleError(f"model {path}: {error.strerror}") from error
    _check_digest(path, data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            flatbuffer = data[: min(member.header_offset for member in archive.infolist())]
            members = {name: archive.read(name) for name in ("labels.txt", "edge_hwr.json", "golden.npz")}
        labels = tuple(members["labels.txt"].decode().removesuffix("\n").split("\n"))
        metadata = _read_metadata(path, json.loads(members["edge_hwr.json"]))
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"model {path}: not a bundle that edge-hwr can read ({error}): export it again") from error
    _check_consistency(path, metadata, flatbuffer, labels)
    return Bundle(path, len(data), flatbuffer, labels, metadata, members["golden.npz"])


def write_bundle(
    path: str | Path,
    flatbuffer: bytes,
    labels: Sequence[str],
    metadata: Metadata,
    golden_inputs: NDArray[np.uint8],
    golden_outputs: NDArray[Any],
) -> None:
    """Write a bundle, whole or not at all; the same arguments give the same bytes.

    `golden_inputs` is uint8 (K, height, width, 1), `golden_outputs` what the model makes of them, raw (K, classes), or
    for a line model (K, steps, classes), whose last class is no label but CTC's blank.
    """
    dimensions, classes = (3, len(labels) + 1) if metadata.task == "line" else (2, len(labels))
    if golden_outputs.ndim != dimensions or golden_outputs.shape[:: dimensions - 1] != (len(golden_inputs), classes):
        raise BundleError(
            f"golden outputs of {golden_outputs.shape} do not fit {len(golden_inputs)} inputs and {len(labels)} labels"
        )
    if any(not label or "\n" in label for label in labels):
        raise BundleError("a label must not be empty or hold a newline")
    metadata = replace(metadata, sha256=hashlib.sha256(flatbuffer).hexdigest())
    golden = io.BytesIO()
    np.savez(golden, inputs=golden_inputs, outputs=golden_outputs)
    members = {
        "labels.txt": "".join(f"{label}\n" for label in labels).encode(),
        "edge_hwr.json": json.dumps(asdict(metadata), separators=(",", ":"), ensure_ascii=False).encode(),
        "golden.npz": golden.getvalue(),
    }
    write_atomically(path, seal(members, after=flatbuffer))


def shipped_bundles() -> list[str]:
    """The names of the bundles that come with the package, sorted."""
    return sorted(path.stem for path in SHIPPED.glob("*.tflite"))


def verify_golden(bundle: Bundle, model: TfliteModel | LineModel | None = None) -> GoldenReport:
    """Replay the golden inputs through `model`, or one loaded from the bundle's flatbuffer, and compare."""
    model = model or load_model(bundle)
    inputs, expected = bundle.golden()
    if isinstance(model, LineModel):
        outputs = np.stack([model.invoke(line[np.newaxis]) for line in inputs])
        pairs = zip(outputs, expected, strict=True)
        changed = [_best_text(now, bundle.labels) != _best_text(then, bundle.labels) for now, then in pairs]
    else:
        outputs = model.invoke(inputs)
        changed = (outputs.argmax(axis=1) != expected.argmax(axis=1)).tolist()
    return GoldenReport(
        samples=len(inputs),
        largest_difference=float(np.abs(outputs.astype(np.float64) - expected).max(initial=0)),
        decisions_changed=sum(changed),
    )


def load_model(bundle: Bundle) -> TfliteModel | LineModel:
    """The model of a bundle, planned and ready."""
    kind = LineModel if bundle.metadata.task == "line" else TfliteModel
    return kind(bundle.flatbuffer)


def _best_text(raw: NDArray[Any], labels: Sequence[str]) -> str:
    return decode_greedy(raw.astype(np.float32), labels).text


def _find(name_or_path: str | Path) -> Path:
    path = file_path(name_or_path)
    shipped = shipped_bundles()
    if str(name_or_path) in shipped:
        return SHIPPED / f"{path}.tflite"
    try:
        folder, there = path.is_dir(), path.exists()
    except OSError as error:  # a folder on the way to it that may not be looked into
        raise BundleError(f"model {path}: {error.strerror}") from error
    if folder:
        raise BundleError(f"model {path}: a folder, not a bundle")
    if not there:
        raise BundleError(f"model {path}: no such file, nor a model that ships ({', '.join(shipped) or 'none does'})")
    return path


def _check_digest(path: Path, data: bytes) -> None:
    """`BundleError` unless the file ends in the digest of all that stands before it."""
    if is_sealed(data):
        return
    if not data:
        raise BundleError(f"model {path}: the file is empty")
    if b"edge_hwr.json" in data:
        raise BundleError(f"model {path}: damaged (cut short, or changed since it was written): copy it again")
    if data[4:8] == b"TFL3":
        raise BundleError(f"model {path}: no metadata: a plain .tflite, or cut short; make a bundle by edge-hwr export")
    raise BundleError(f"model {path}: not a model bundle")


def _read_metadata(path: Path, values: dict[str, Any]) -> Metadata:
    schema = values["schema"]
    if schema > SCHEMA:
        raise BundleError(f"model {path}: made by a newer edge-hwr (schema {schema}, known up to {SCHEMA}): upgrade")
    known = {item.name for item in fields(Metadata)}
    if known != values.keys():
        raise BundleError(f"model {path}: wrong metadata ({', '.join(sorted(known ^ values.keys()))}): export it again")
    return Metadata(**values)


def _check_consistency(path: Path, metadata: Metadata, flatbuffer: bytes, labels: tuple[str, ...]) -> None:
    if hashlib.sha256(flatbuffer).hexdigest() != metadata.sha256:
        raise BundleError(f"model {path}: the flatbuffer is not the one the metadata was written for: export it again")
    if "".join(labels) != metadata.charset:
        raise BundleError(f"model {path}: labels and charset differ: export it again")
    try:
        if metadata.task == "line":
            digest = line_preprocessing_digest(LinePreprocessing.from_json(metadata.preprocessing))
        elif metadata.task == "glyph":
            digest = preprocessing_digest(GlyphPreprocessing.from_json(metadata.preprocessing))
        else:
            raise BundleError(f"model {path}: of an unknown task ({metadata.task}): upgrade")
    except UsageError as error:
        raise BundleError(f"model {path}: {error}") from error
    if digest != metadata.preprocessing_digest:
        raise BundleError(f"model {path}: trained with another preprocessing than this version's: train it again")
