"""Reading npz files that may be damaged: NumPy lets half a dozen kinds of errors through."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

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
