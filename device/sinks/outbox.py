"""What is still to be delivered, on disk: nothing is lost while the other side is away, or we are."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from edge_hwr.errors import SinkError

from ..result import Result
from .database import open_database

log = logging.getLogger(__name__)

LIMIT = 100_000
"""How many results are kept; a fuller outbox drops the oldest, and says so."""

_TABLE = """
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, tried INTEGER NOT NULL DEFAULT 0)
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """A result on its way: `id` counts from 1 and never repeats; a `tried` one may have arrived before."""

    id: int
    body: str
    tried: bool

    def to_json(self) -> dict[str, Any]:
        """The result's record with `id` and `duplicate`, whether it may have been delivered already."""
        return {"id": self.id, "duplicate": self.tried, **json.loads(self.body)}


class Outbox:
    """Results in the order they came, in the database `path`; used by one thread that posts and one that delivers.

    `path` may be ":memory:", for what need not survive the process.
    """

    def __init__(self, path: str | Path, *, limit: int = LIMIT) -> None:
        self._path = path
        self._limit = limit
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._count = 0
        self._dropped = 0

    def __enter__(self) -> Outbox:
        try:
            self._database = open_database(self._path, _TABLE, alone=True)
            (self._count,) = self._database.execute("SELECT COUNT(*) FROM outbox").fetchone()
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise SinkError(f"{self._path} is used by another run: give each an outbox of its own") from error
            raise SinkError(f"{self._path} cannot be opened: {error}; choose another folder for the outbox") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    @property
    def lasts(self) -> bool:
        """Whether what is left in it will be there at the next start."""
        return str(self._path) != ":memory:"

    def __len__(self) -> int:
        return self._count

    def post(self, result: Result) -> None:
        """Add a result. Raises SinkError when it cannot be written."""
        self._change("INSERT INTO outbox (body) VALUES (?)", [(json.dumps(result.record(), ensure_ascii=False),)], 1)
        if self._count > self._limit:
            self._change("DELETE FROM outbox WHERE id = (SELECT MIN(id) FROM outbox)", [()], -1)
            self._dropped += 1
            if self._dropped % 1000 == 1:
                log.error(
                    "%s holds %d results: the oldest are dropped, %d so far", self._path, self._limit, self._dropped
                )

    def after(self, last_id: int, count: int) -> list[Letter]:
        """Up to `count` letters that follow `last_id`, and from now on count as tried."""
        query = "SELECT id, body, tried FROM outbox WHERE id > ? ORDER BY id LIMIT ?"
        try:
            with self._lock:
                rows = self._open().execute(query, (last_id, count)).fetchall()
        except sqlite3.Error as error:
            raise SinkError(f"{self._path} cannot be read: {error}; is its disk still there?") from error
        letters = [Letter(number, body, bool(tried)) for number, body, tried in rows]
        if letters:
            self._change("UPDATE outbox SET tried = 1 WHERE id = ?", [(letter.id,) for letter in letters], 0)
        return letters

    def delivered(self, ids: Iterable[int]) -> None:
        """Forget letters that have arrived."""
        gone = [(number,) for number in ids]
        if gone:
            self._change("DELETE FROM outbox WHERE id = ?", gone, -1)

    def _change(self, statement: str, parameters: list[tuple[Any, ...]], growth: int) -> None:
        """Run a statement with each of some parameters; the outbox grows by so many letters for each row changed."""
        try:
            with self._lock:
                with self._open() as database:
                    # Not one for each asked for: what has arrived may have been dropped meanwhile.
                    changed = database.executemany(statement, parameters).rowcount
                self._count += growth * changed  # once it is on the disk, which may be full
        except sqlite3.Error as error:
            raise SinkError(f"{self._path} cannot be written: {error}; make room") from error

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            raise SinkError(f"{self._path} is closed")
        return self._database
