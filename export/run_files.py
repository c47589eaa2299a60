"""The files of a run folder, whatever it trains: written whole or not at all, read though they may be damaged."""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from edge_hwr.errors import TrainingError
from edge_hwr.files import write_atomically

from .arrays import write_arrays


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """An existing run folder, whatever it trains; `record` is what run.json holds."""

    path: Path
    record: dict[str, Any]

    @property
    def pool(self) -> Path:
        return self.path / "pool.npz"

    @property
    def best_model(self) -> Path:
        return self.path / "best.keras"

    def trained_model(self) -> Path:
        """The file of the best model; `TrainingError` where there is none yet, or as in `best`."""
        self.best()
        if not self.best_model.is_file():
            raise TrainingError(f"{self.path}: no best.keras in it yet: train it for an epoch at least")
        return self.best_model

    def drawn_pool(self) -> Path:
        """The file of what was drawn; `TrainingError` where there is none."""
        if not self.pool.is_file():
            raise TrainingError(f"{self.pool}: missing: draw it again by the `edge-hwr train` that made the run")
        return self.pool

    def best(self) -> dict[str, Any] | None:
        """Epoch and validation figures ("accuracy" or "cer", by group) of the best model so far.

        `TrainingError` where the model or its figures are missing or damaged: another one might take the place of a
        better one.
        """
        path = self.path / "best.json"
        if not path.is_file():
            # The first epoch may have been interrupted just before: then there is no checkpoint either.
            if self.best_model.is_file() and self._checkpoints():
                raise TrainingError(f"{path}: missing: put it back, or delete {self.best_model} to do without the best")
            return None
        without = f"put it back, or delete {path} to do without the best so far"
        if not self.best_model.is_file():
            raise TrainingError(f"{self.best_model}: missing: {without}")
        if not zipfile.is_zipfile(self.best_model):
            raise TrainingError(f"{self.best_model}: damaged: {without}")
        best = read_json(path)
        figures = best.get("accuracy", best.get("cer"))
        told = isinstance(figures, dict) and all(_is_number(figure) for figure in figures.values())
        if not (told and _is_count(best.get("epoch"))):
            raise TrainingError(f"{path}: not what a training writes: delete it to train on without the best so far")
        return best

    def save_best(self, save: Callable[[Path], None], figures: dict[str, Any]) -> None:
        """Replace the best model by what `save` writes to the path that it is given."""
        with reporting(self.path):
            temporary = self.path / "best.part.keras"
            save(temporary)
            os.replace(temporary, self.best_model)
            write_json(self.path / "best.json", figures)

    def save_json(self, name: str, value: dict[str, Any]) -> None:
        """Write a JSON object to a file of this name."""
        with reporting(self.path):
            write_json(self.path / name, value)

    def json(self, name: str) -> dict[str, Any]:
        """The JSON object in a file of this name; `TrainingError` where there is none."""
        return read_json(self.path / name)

    def save_arrays(self, name: str, **arrays: npt.NDArray[Any]) -> None:
        """Write an npz file of this name."""
        write_arrays(self.path / name, **arrays)

    def save_file(self, name: str, content: bytes) -> None:
        """Write a file of this name."""
        with reporting(self.path):
            write_atomically(self.path / name, content)

    def save_checkpoint(self, epoch: int, save: Callable[[Path], None], state: dict[str, Any]) -> None:
        """Keep what `save` writes into the folder that it is given, and drop older checkpoints."""
        with reporting(self.path):
            temporary = self.path / "checkpoint.part"
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            save(temporary)
            write_json(temporary / "state.json", state)
            os.replace(temporary, self.path / f"checkpoint-{epoch}")
        for number, folder in self._checkpoints():
            if number < epoch:
                shutil.rmtree(folder, ignore_errors=True)

    def checkpoint(self) -> tuple[Path, dict[str, Any]] | None:
        """The newest checkpoint's folder and state."""
        checkpoints = self._checkpoints()
        if not checkpoints:
            return None
        folder = max(checkpoints)[1]
        try:
            state = read_json(folder / "state.json")
        except TrainingError as error:
            raise TrainingError(f"damaged checkpoint: {error}; delete {folder} to start over") from error
        elapsed = state.get("elapsed")
        if not (_is_count(state.get("epoch")) and _is_count(state.get("step")) and _is_number(elapsed)):
            raise TrainingError(f"damaged checkpoint: {folder / 'state.json'}; delete {folder} to start over")
        return folder, state

    def log(self, entry: dict[str, Any]) -> None:
        """Append one line to log.jsonl."""
        with reporting(self.path), (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def forget_after(self, epoch: int) -> None:
        """Take out of log.jsonl what was logged after an epoch: of one that was interrupted before its checkpoint."""
        path = self.path / "log.jsonl"
        if not path.is_file():
            return
        kept = [line for line in path.read_text(encoding="utf-8").splitlines() if _epoch_of(line) <= epoch]
        self.save_file(path.name, "".join(f"{line}\n" for line in kept).encode())

    def _checkpoints(self) -> list[tuple[int, Path]]:
        found = [(folder.name.removeprefix("checkpoint-"), folder) for folder in self.path.glob("checkpoint-*")]
        return [(int(number), folder) for number, folder in found if number.isdecimal()]


@contextlib.contextmanager
def kept_from_others(path: Path) -> Iterator[None]:
    """Make a folder and keep other trainings out of it; `TrainingError` where one is in it already.

    The lock is on the folder itself, and gone with this process however that ends.
    """
    with reporting(path):
        if path.exists() and not path.is_dir():
            raise TrainingError(f"{path}: exists and is no run folder: choose another --out folder")
        path.mkdir(parents=True, exist_ok=True)
        folder = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TrainingError(f"{path}: another training is at work in it: choose another --out folder") from error
        yield
    finally:
        os.close(folder)


@contextlib.contextmanager
def reporting(path: Path) -> Iterator[None]:
    """Turn a full disk, a missing right and the like into one line."""
    try:
        yield
    except OSError as error:
        raise TrainingError(f"cannot write to {path}: {error.strerror or error}") from error


def write_json(path: Path, value: dict[str, Any]) -> None:
    write_atomically(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise TrainingError(f"{path}: cannot be read ({reason})") from error
    if not isinstance(value, dict):
        raise TrainingError(f"{path}: not a JSON object")
    return value


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < math.inf  # type: ignore[operator]


def _epoch_of(line: str) -> float:
    """Of a line of log.jsonl; one that is no such line was cut short, and comes last."""
    try:
        epoch = json.loads(line)["epoch"]
    except (ValueError, KeyError, TypeError):
        return math.inf
    return float(epoch) if _is_count(epoch) else math.inf
