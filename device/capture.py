"""The thread that drains a live source, so that what is read is always the newest frame."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from types import TracebackType

from edge_hwr.errors import SourceError

from .live import Live, State
from .mailbox import Mailbox
from .retries import Retries, RetryBounds
from .sources import Frame, LiveSource

log = logging.getLogger(__name__)

CLOSING_S = 3.0
"""How long to wait for a source to be closed. A read that hangs in a driver must not keep the process from ending."""


class Capture:
    """Opens, reads and closes a source, all in one thread of its own; its frames are taken from `mailbox`.

    A source that has been live and fails is opened again, within the bounds of `retries`; frames go on counting. One
    that cannot be opened in the first place fails at once: it is not what the user meant. The thread never dies unseen:
    whatever ends it, the mailbox tells the taker.
    """

    def __init__(self, source: LiveSource, live: Live, retries: RetryBounds) -> None:
        self.mailbox: Mailbox[Frame] = Mailbox()
        self._source = source
        self._live = live
        self._retries = Retries(retries)
        self._bounds = retries
        self._stop = threading.Event()
        self._period_s = 0.0
        self._sequence = 0
        self._progress = time.monotonic()
        # A daemon, because a thread that is stuck in a driver would otherwise keep the interpreter from ending.
        self._thread = threading.Thread(target=self._run, name=f"capture {source.name}", daemon=True)

    @property
    def silent_s(self) -> float:
        """Seconds since the thread last came back from its source, with a frame or with an error."""
        return time.monotonic() - self._progress

    def pace(self, period_s: float) -> None:
        """Ask the source for a frame every `period_s` seconds and no more; 0 for as many as it has."""
        self._period_s = period_s

    def __enter__(self) -> Capture:
        self._progress = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(CLOSING_S)
        if self._thread.is_alive():
            log.warning("%s does not let go: left behind after %g s", self._source.name, CLOSING_S)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._drain()
                    break
                except SourceError as error:
                    self._recover(error)
        except BaseException as error:  # whatever it is, the taker has to know
            self.mailbox.close(error)
        else:
            self.mailbox.close()

    def _drain(self) -> None:
        """Read the source from its opening to its end."""
        first = self._sequence
        period_s = 0.0
        with self._source as source:
            while not self._stop.is_set():
                if period_s != self._period_s:
                    source.pace(period_s := self._period_s)
                frame = source.read()
                self._progress = time.monotonic()
                if frame is None:
                    return
                self._sequence = first + frame.sequence + 1
                self._live.enter(State.LIVE)
                self.mailbox.put(replace(frame, sequence=first + frame.sequence) if first else frame)

    def _recover(self, error: SourceError) -> None:
        """Wait before another try; raise `error` when there was no frame yet, or too many tries."""
        self._progress = time.monotonic()
        if self._sequence == 0 or self._bounds.limit == 0:
            raise error
        pause_s = self._retries.next_pause_s()
        if pause_s is None:
            bounds = self._bounds
            raise SourceError(f"{error}; given up after {bounds.limit} retries in {bounds.window_s:g} s") from error
        self._live.tally.retries += 1
        self._live.enter(State.RECOVERING, str(error))
        log.info("%s; opened again in %g s", error, pause_s)
        self._stop.wait(pause_s)
        self._progress = time.monotonic()
