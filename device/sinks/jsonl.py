"""JSON lines in a file: one object a line, one line a result."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType

from ..result import Result
from .lines import LineFile


class JsonLines:
    """Appends results to the file `path`, or standard output for "-".

    An object has `utc` (when the frame was taken, ISO 8601), `source`, `image`, `sequence`, `age_ms`, `confidence` and
    all that `edge-hwr read --json` prints. Rotation and `fsync` are those of LineFile.
    """

    def __init__(self, path: str | Path, *, rotate_bytes: int = 0, fsync: bool = False) -> None:
        self._file = LineFile(path, rotate_bytes=rotate_bytes, fsync=fsync, begin=b"{")

    def __enter__(self) -> JsonLines:
        self._file.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)

    def write(self, result: Result) -> None:
        self._file.append((json.dumps(result.record(), ensure_ascii=False) + "\n").encode())
