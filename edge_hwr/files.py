"""Whole files or none: what is written appears under its name only when all of it is on the disk."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from edge_hwr.errors import UsageError

_LONGEST_START = 200
"""Bytes of a name that a temporary file beside it begins with."""


def file_path(name: object) -> Path:
    """The path of a file that somebody names; `UsageError` for what names none."""
    if not isinstance(name, str | os.PathLike):
        raise UsageError(f"the path of a file is wanted, not {type(name).__name__}")
    path = os.fspath(name)
    if not path or "\0" in str(path):
        raise UsageError(f"{path!r}: no name of a file")
    return Path(os.fsdecode(path))


def read_file(path: str | Path) -> bytes:
    """What a file holds; `OSError` for a pipe or a device, too, which would be waited for."""
    path = Path(path)
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "not a file", str(path))
    return path.read_bytes()


def shown(name: str | Path) -> str:
    """A file's name as anything can write it: bytes that are no UTF-8 as \\xff."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def write_atomically(path: str | Path, data: bytes) -> None:
    """Write `data` to `path` through a temporary file beside it; `OSError` leaves the old file as it was.

    A link stays one, and what it leads to is written. `OSError` for a pipe or a device, too, which would be replaced.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "not a file", str(path))
    # A name may have 255 bytes: what is added to it must not be what makes it too long.
    start = os.fsdecode(os.fsencode(path.name)[:_LONGEST_START])
    partial = path.with_name(f".{start}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            if path.exists():  # what others may not read stays so
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        error.filename = str(path)  # the user has never heard of the temporary one
        raise
    finally:
        with contextlib.suppress(OSError):  # once it has its name, or was never made, there is none
            partial.unlink()
