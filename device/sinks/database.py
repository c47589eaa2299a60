"""An SQLite database: one row a result, to be searched."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from types import TracebackType

from edge_hwr.errors import SinkError

from ..result import Result

_TABLE = """
CREATE TABLE IF NOT EXISTS results (
    id INTEGER PRIMARY KEY, utc TEXT NOT NULL, source TEXT NOT NULL, image TEXT NOT NULL, sequence INTEGER NOT NULL,
    age_ms REAL NOT NULL, confidence REAL NOT NULL, text TEXT NOT NULL, result TEXT NOT NULL)
"""
_INSERT = "INSERT INTO results VALUES (NULL, :utc, :source, :image, :sequence, :age_ms, :confidence, :text, :result)"
_COLUMNS = {"id", "utc", "source", "image", "sequence", "age_ms", "confidence", "text", "result"}

_OPENING_S = 5.0
_BUSY_S = 0.02


class Sqlite:
    """Adds results to the table `results` of the database `path`; its column `result` is the whole result as JSON.

    With `fsync` a row survives a power cut as soon as it is written, else at the latest some rows later. Others can
    read meanwhile. Raises SinkError when the database cannot be opened or written.
    """

    def __init__(self, path: str | Path, *, fsync: bool = False) -> None:
        self._path = path
        self._fsync = fsync
        self._database: sqlite3.Connection | None = None
        self._opened: os.stat_result

    def __enter__(self) -> Sqlite:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def write(self, result: Result) -> None:
        record = result.record()
        try:
            database = self._followed()
            with database:
                database.execute(_INSERT, {**record, "result": json.dumps(record, ensure_ascii=False)})
        except sqlite3.Error as error:
            raise SinkError(f"{self._path} cannot be written: {error}; choose another file or make room") from error

    def _followed(self) -> sqlite3.Connection:
        """The open database, or a new one where that was moved away or removed, as is done with old results."""
        if self._database is not None and self._is_there():
            return self._database
        if self._database is not None:
            # What is still in the file beside it would be lost: SQLite leaves it there.
            try:
                (busy, *_) = self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.Error:
                busy = False  # the disk has gone, and what was on it
            if busy:
                raise SinkError(f"{self._path} was moved away, and others read it still: results wait until they end")
        self._close()
        return self._open(_BUSY_S)

    def _open(self, patience_s: float = _OPENING_S) -> sqlite3.Connection:
        try:
            self._database = open_database(self._path, _TABLE, fsync=self._fsync, patience_s=patience_s)
            self._opened = os.stat(self._path)
            columns = {row[1] for row in self._database.execute("PRAGMA table_info(results)")}
        except (sqlite3.Error, OSError) as error:
            self._close()
            raise SinkError(f"{self._path} cannot be opened: {error}; choose another file") from error
        if columns != _COLUMNS:
            self._close()
            raise SinkError(f"{self._path} has a table `results` of another making; choose another file")
        return self._database

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), self._opened)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise SinkError(f"{self._path} cannot be reached: {error.strerror}") from error


def open_database(
    path: str | Path, table: str, *, fsync: bool = False, alone: bool = False, patience_s: float = _OPENING_S
) -> sqlite3.Connection:
    """A database with `table` in it, safe against crashes of the process, and with `fsync` against those of the power.

    With `alone` no other may open it meanwhile. Raises sqlite3.Error: where others have locked the database, after
    `patience_s` when it is opened, and at once later, as the loop must not wait for them. The connection may be used in
    any thread, by one at a time.
    """
    database = sqlite3.connect(path, timeout=patience_s, check_same_thread=False)
    try:
        if alone:
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {'FULL' if fsync else 'NORMAL'}")
        database.execute(table)
        database.execute(f"PRAGMA busy_timeout = {round(1000 * _BUSY_S)}")
    except sqlite3.Error:
        database.close()
        raise
    return database
