"""Delivery over a network, in a thread of its own, so that no slow or absent server holds the loop up."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self, TypeGuard

from edge_hwr.errors import EdgeHwrError, SinkEndedError, SinkError

from ..result import Result
from ..wording import counted
from .outbox import Outbox

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""Pause after a failed delivery; it doubles with each failure in a row."""

FAREWELL_S = 3.0
"""For how long, at the end, to deliver what is left; the rest stays in the outbox for the next start."""


class Delivery(ABC):
    """A sink that posts results to an outbox, which a thread empties in order.

    Raises SinkError at the end when results are left in an outbox that does not last.
    """

    name: str

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self._news = threading.Event()
        self._ending = threading.Event()
        self._deadline = float("inf")
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)

    def __enter__(self) -> Self:
        self.outbox.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadline = time.monotonic() + FAREWELL_S
        self._ending.set()
        self._news.set()
        self._thread.join(2 * FAREWELL_S)
        left = len(self.outbox)
        self.outbox.__exit__(kind, error, trace)
        if left and self.outbox.lasts:
            log.warning("%s: %s left in the outbox for the next start", self.name, counted(left, "result"))
        elif left:
            loss = f"{self.name}: {counted(left, 'result')} not delivered and lost (--outbox DIR would keep them)"
            if error is None:
                raise SinkError(loss)
            log.error("%s", loss)  # what ended the run is told by its own error

    def write(self, result: Result) -> None:
        """Post `result`. Raises SinkError when the outbox cannot be written, SinkEndedError if the thread has died."""
        if self._error is not None:
            raise SinkEndedError(f"{self.name}: delivery has ended: {self._error}") from self._error
        self.outbox.post(result)
        self._news.set()

    @abstractmethod
    def session(self) -> None:
        """Deliver, from the first letter of the outbox on, until `finished`. Raises OSError when that fails."""

    @property
    def finished(self) -> bool:
        """Whether to end: asked to, and nothing left or no time left."""
        return self._ending.is_set() and (not len(self.outbox) or time.monotonic() > self._deadline)

    def wait_for_news(self, timeout_s: float) -> None:
        """Wait until there is something to deliver, or to end."""
        self._news.wait(timeout_s)
        self._news.clear()

    def progressed(self) -> None:
        """To be called when something was delivered: the next failure is the first in a row."""
        self._failures = 0

    _failures = 0

    def _run(self) -> None:
        try:
            while not self.finished:
                try:
                    self.session()
                except (OSError, EdgeHwrError) as error:
                    self._failures += 1
                    level = logging.WARNING if self._failures == 1 else logging.DEBUG
                    log.log(level, "%s: %s; waiting: %s", self.name, error, counted(len(self.outbox), "result"))
                    if self._ending.wait(min(FIRST_PAUSE_S * 2 ** min(self._failures - 1, 10), LONGEST_PAUSE_S)):
                        time.sleep(0.1)  # the end is near: try again soon, but not without a pause
        except BaseException as error:  # told to the loop with its next result
            log.exception("%s: delivery has ended", self.name)
            self._error = error


def is_host(name: str | None) -> TypeGuard[str]:
    """Whether a name can be looked up at all: the encoding of those that cannot fails in whatever connects."""
    try:
        return bool(name and name.isprintable() and " " not in name and name.encode("idna"))
    except UnicodeError:
        return False
