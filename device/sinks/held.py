"""Patience with a sink that cannot take results at the moment, as on a full disk."""

from __future__ import annotations

import logging
import time
from collections import deque
from types import TracebackType

from edge_hwr.errors import SinkEndedError, SinkError

from ..result import Result
from ..wording import counted
from .sink import Sink

log = logging.getLogger(__name__)

HOLD = 10_000
"""How many results are kept for a sink: some 50 MB of full pages."""

RETRY_S = 1.0

FAREWELL_S = 1.0
"""For how long, at the end, to try."""


class Held:
    """Hands results to `sink` and keeps, in their order, those that it could not take until it can.

    Raises SinkError when more than `hold` would have to be kept, at the end when some are left over, and at once when
    the sink has ended.
    """

    def __init__(self, sink: Sink, *, hold: int = HOLD) -> None:
        self._sink = sink
        self._hold = hold
        self._waiting: deque[Result] = deque()
        self._retry_at = 0.0

    @property
    def waiting(self) -> int:
        """How many results are kept back at the moment."""
        return len(self._waiting)

    def __enter__(self) -> Held:
        self._sink.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._hand_over_at_last()
        except SinkError as refusal:
            loss = f"{refusal} ({counted(len(self._waiting), 'result')} lost)"
            if error is None:
                raise SinkError(loss) from refusal
            log.error("%s", loss)  # what ended the run is told by its own error
        finally:
            self._sink.__exit__(kind, error, trace)

    def write(self, result: Result) -> None:
        self._waiting.append(result)
        if len(self._waiting) > 1 and time.monotonic() < self._retry_at and len(self._waiting) <= self._hold:
            return
        first_refusal = len(self._waiting) == 1
        try:
            self._hand_over()
        except SinkEndedError:
            raise
        except SinkError as refusal:
            if len(self._waiting) > self._hold:
                raise
            self._retry_at = time.monotonic() + RETRY_S
            if first_refusal:
                log.warning("%s: results are kept until it can be written", refusal)

    def _hand_over_at_last(self) -> None:
        deadline = time.monotonic() + FAREWELL_S
        while self._waiting:
            try:
                self._hand_over()
            except SinkError as refusal:
                if isinstance(refusal, SinkEndedError) or time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_S / 10)

    def _hand_over(self) -> None:
        kept = len(self._waiting)
        while self._waiting:
            self._sink.write(self._waiting[0])
            self._waiting.popleft()
        if kept > 1:
            log.info("%d results that were kept back are written", kept)
