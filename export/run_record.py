"""run.json, the record of a run: what it was made from, by which nothing else is taken for it."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_hwr.errors import TrainingError
from edge_hwr.files import shown
from edge_hwr.line_preprocess import LinePreprocessing
from edge_hwr.preprocess import GlyphPreprocessing

from .backend import chosen_backend
from .line_recipe import LineRecipe
from .recipe import Recipe, recipe_from_json
from .recipe_difference import first_difference
from .run_files import read_json, reporting, write_json

_LIBRARIES = ("edge-hwr", "tensorflow", "tensorflow-cpu", "keras", "numpy", "opencv-python-headless", "ai-edge-litert")


def start_record(
    path: Path,
    recipe: Recipe | LineRecipe,
    preprocessing: GlyphPreprocessing | LinePreprocessing,
    digest: str,
    data: Sequence[Path],
) -> None:
    """Make a folder that is there (`kept_from_others`) a run folder of a recipe, a preprocessing of this digest, and
    data.

    `TrainingError` where there is another one already: of another recipe, other data or another preprocessing. One in
    which no epoch was trained yet holds nothing to be lost, and is replaced, with what was drawn for it.
    """
    record = {
        "recipe": recipe.to_json(),
        "preprocessing": preprocessing.to_json(),
        "preprocessing_digest": digest,
        "data": [_describe(file) for file in data],
        "versions": _versions(),
    }
    known = (path / "run.json").is_file()
    old, new = read_json(path / "run.json") if known else {}, json.loads(json.dumps(record))
    if known and not old.keys() >= record.keys():  # other programs call their files so, too
        raise TrainingError(f"{path}: its run.json is no record of a training here: choose another --out folder")
    changed = [key for key in ("recipe", "data", "preprocessing_digest") if old.get(key) != new[key]]
    if known and not changed:
        if added := new["versions"].keys() - old["versions"].keys():  # it goes on with another backend
            old["versions"] |= {name: new["versions"][name] for name in sorted(added)}
            with reporting(path):
                write_json(path / "run.json", old)
        return
    if known and ((path / "best.json").is_file() or any(path.glob("checkpoint-*"))):
        what = changed[0].replace("_", " ")
        if what == "recipe":
            what += f" ({first_difference(old['recipe'], new['recipe'])})"
        raise TrainingError(
            f"{path}: a run with another {what}: choose another --out folder, to which --start-from {path} lends its "
            "weights"
        )
    with reporting(path):
        if not known and any(path.iterdir()):
            raise TrainingError(f"{path}: exists and is no run folder: choose another --out folder")
        for drawn in ("pool.npz", "teachers.npz"):
            (path / drawn).unlink(missing_ok=True)
        write_json(path / "run.json", record)


def read_record(path: Path) -> tuple[dict[str, Any], Recipe | LineRecipe]:
    """What run.json holds, and the recipe in it."""
    if not (path / "run.json").is_file():
        raise TrainingError(f"{path}: no run folder (made by `edge-hwr train`): there is no run.json in it")
    record = read_json(path / "run.json")
    missing = [key for key in ("recipe", "preprocessing", "versions") if not isinstance(record.get(key), dict)]
    if missing:
        raise TrainingError(f"{path / 'run.json'}: no table {missing[0]!r} in it; start over in another folder")
    return record, recipe_from_json(record["recipe"], where=str(path / "run.json"))


def check_digest(path: Path, record: Mapping[str, Any], digest: str) -> None:
    """`TrainingError` unless a run's preprocessing, of this digest today, is what it was made with."""
    if record.get("preprocessing_digest") != digest:
        raise TrainingError(f"{path}: trained with another preprocessing than this version's: train it again")


def _describe(path: Path) -> dict[str, Any]:
    """Name, size and sha256 of a file, or of a folder's files together; no paths, which mean nothing elsewhere."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    digest, size = hashlib.sha256(), 0
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
        size += file.stat().st_size
    return {"name": shown(path.name), "bytes": size, "sha256": digest.hexdigest()}


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "machine": platform.machine()}
    for name in dict.fromkeys((*_LIBRARIES, chosen_backend())):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions
