"""JSON lines in a file: one object a line, one line a result."""

from __future__ import annotations

import json
from pathlib import Path

from ..result import Result
from .lines import LineFile


class JsonLines(LineFile):
    """Appends results to the file `path`, or standard output for "-".

    An object has `utc` (when the frame was taken, ISO 8601), `source`, `image`, `sequence`, `age_ms`, `confidence` and
    all that `edge-hwr read --json` prints. Rotation and `fsync` are those of LineFile.
    """

    def __init__(self, path: str | Path, *, rotate_bytes: int = 0, fsync: bool = False) -> None:
        super().__init__(path, rotate_bytes=rotate_bytes, fsync=fsync, begin=b"{")

    def write(self, result: Result) -> None:
        self.append((json.dumps(result.record(), ensure_ascii=False) + "\n").encode())
