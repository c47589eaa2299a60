"""Comma-separated values, for spreadsheets: one row a result."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from ..result import Result
from .lines import LineFile

COLUMNS = ("utc", "source", "image", "sequence", "age_ms", "confidence", "text")


class Csv(LineFile):
    """Appends results to the file `path`, which begins with the names of the columns.

    Rotation and `fsync` are those of LineFile.
    """

    def __init__(self, path: str | Path, *, rotate_bytes: int = 0, fsync: bool = False) -> None:
        heading = ",".join(COLUMNS).encode() + b"\r\n"
        super().__init__(path, rotate_bytes=rotate_bytes, fsync=fsync, heading=heading)

    def write(self, result: Result) -> None:
        record = result.record()
        row = io.StringIO()
        csv.writer(row).writerow([record[column] for column in COLUMNS])
        self.append(row.getvalue().encode())
