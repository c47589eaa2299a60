"""A mailbox that holds one item: the newest."""

from __future__ import annotations

import threading
import time
from queue import Empty
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Hands items from one thread to another; a new item replaces one that nobody took.

    A queue would turn a slow reader into a growing delay. Here the reader always gets the newest frame, and what it was
    too slow for is counted in `dropped`.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self._error: BaseException | None = None
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many items were replaced before they were taken."""
        with self._changed:
            return self._dropped

    def put(self, item: T) -> None:
        """Leave `item` for the taker, at once. After `close` it is ignored."""
        with self._changed:
            if self._closed:
                return
            self._dropped += self._item is not None
            self._item = item
            self._changed.notify()

    def take(self, timeout: float) -> T | None:
        """Wait up to `timeout` seconds for an item.

        Returns None once the mailbox is closed and empty. Raises the error it was closed with, after the last item was
        taken, and queue.Empty if nothing came in time.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._item is None:
                if self._error is not None:
                    raise self._error
                if self._closed:
                    return None
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise Empty
                self._changed.wait(remaining)
            item, self._item = self._item, None
            return item

    def close(self, error: BaseException | None = None) -> None:
        """Nothing more will come; with an `error`, because of it. The first call counts."""
        with self._changed:
            if not self._closed:
                self._closed, self._error = True, error
                self._changed.notify_all()
