"""Npz files: written whole or not at all, and read though they may be damaged: NumPy has six kinds of errors then."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_hwr.errors import TrainingError

Arrays = dict[str, npt.NDArray[Any]]


def read_arrays(path: Path, names: Sequence[str] | None = None) -> Arrays:
    """The arrays of these names, or all, of an npz file; `ValueError` says why it cannot be read."""
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise ValueError("not a file")
    try:
        with np.load(path, allow_pickle=False) as packed:
            return {name: packed[name] for name in (packed.files if names is None else names)}
    except KeyError as error:
        raise ValueError(f"there is no such array in it: {error}") from error
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, TypeError) as error:
        raise ValueError(f"damaged, or no npz file: {error}") from error


def write_arrays(path: Path, **arrays: npt.NDArray[Any]) -> None:
    """Write an npz file, whole or not at all; `TrainingError` where it cannot be written."""
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:  # straight to the disk: a pool may have a gigabyte
            np.savez(file, allow_pickle=False, **arrays)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise TrainingError(f"cannot write {path}: {error.strerror or error}") from error


def check_array(
    array: npt.NDArray[Any],
    name: str,
    kind: type[np.generic],
    shape: tuple[int | None, ...],
    least: int | None = None,
    most: int | None = None,
) -> None:
    """`ValueError` unless an array is of this kind and shape (None: of any length), its values within bounds."""
    fits = len(array.shape) == len(shape) and all(
        wanted in (None, length) for wanted, length in zip(shape, array.shape, strict=True)
    )
    if not (fits and np.issubdtype(array.dtype, kind)):
        raise ValueError(f"{name} are {array.dtype} of {array.shape}")
    if array.size and ((least is not None and array.min() < least) or (most is not None and array.max() > most)):
        raise ValueError(f"{name} are not all within {least} to {most}")
