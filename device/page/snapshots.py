"""Snapshots: frames that somebody wanted to keep, with what was read in them."""

from __future__ import annotations

import json
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from edge_hwr.errors import SinkError

from ..live import View
from ..sinks.database import open_database
from .feed import SNAPSHOT_QUALITY, encode

KEPT = 200
"""So many snapshots are kept; a further one drops the oldest."""

_TABLE = """
CREATE TABLE IF NOT EXISTS snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT, utc TEXT NOT NULL, reading TEXT NOT NULL, picture BLOB NOT NULL)
"""


class Snapshots:
    """Kept in the database `path`, or in memory for ":memory:", under numbers that never repeat."""

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def __enter__(self) -> Snapshots:
        try:
            self._database = open_database(self._path, _TABLE)
        except sqlite3.Error as error:
            raise SinkError(f"snapshots cannot be kept in {self._path}: {error}; choose another file") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._database.close()

    def take(self, view: View) -> dict[str, Any]:
        """Keep a view; returns what `all` tells of it. Raises sqlite3.Error when the disk is full."""
        picture = encode(view.frame.grey, width=None, quality=SNAPSHOT_QUALITY)
        utc = datetime.now(UTC).isoformat(timespec="seconds")
        reading = view.reading.to_json()
        with self._lock, self._database as database:
            row = (utc, json.dumps(reading, ensure_ascii=False), picture)
            number = database.execute("INSERT INTO snapshots VALUES (NULL, ?, ?, ?)", row).lastrowid
            database.execute("DELETE FROM snapshots WHERE id <= ?", ((number or 0) - KEPT,))
        return {"id": number, "utc": utc, "reading": reading}

    def all(self) -> list[dict[str, Any]]:
        """Number, time and reading of each, the newest first."""
        with self._lock:
            rows = self._database.execute("SELECT id, utc, reading FROM snapshots ORDER BY id DESC").fetchall()
        return [{"id": number, "utc": utc, "reading": json.loads(reading)} for number, utc, reading in rows]

    def picture(self, number: int) -> bytes | None:
        """The JPEG of a snapshot; None if there is none of that number."""
        with self._lock:
            row = self._database.execute("SELECT picture FROM snapshots WHERE id = ?", (number,)).fetchone()
        return row[0] if row else None

    def drop(self, number: int) -> bool:
        """Forget a snapshot; False if there is none of that number."""
        with self._lock, self._database as database:
            return database.execute("DELETE FROM snapshots WHERE id = ?", (number,)).rowcount > 0
