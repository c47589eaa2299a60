"""What the loop is doing at the moment, for whoever watches it: page, metrics, watchdog, broker.

The loop and its capture thread write, everybody else reads; nobody who reads can hold the loop up.
"""

from __future__ import annotations

import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from edge_hwr.reading import Reading

from .sources import Frame

log = logging.getLogger(__name__)

AGE_BOUNDS_S = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds of the buckets in which ages are counted; a last bucket holds what is older."""


HUNG_S, HUNG_READINGS, FIRST_READING_S = 10.0, 4.0, 30.0
"""A live loop that shows nothing for so many seconds, and so many times as long as the longest reading so far took,
hangs; at first nobody knows how long one takes."""


class State(StrEnum):
    """What a loop can be in. It goes from `starting` to `live`, and back to `live` from what went wrong."""

    STARTING = "starting"
    LIVE = "live"
    STALLED = "stalled"  # open, but no frame for a while, or nothing done with those that come
    RECOVERING = "recovering"  # closed after a failure, and about to be opened again
    FAILED = "failed"  # given up
    ENDED = "ended"  # as asked, or at the end of a recording


@dataclass(slots=True)
class Tally:
    """What a run of the loop came to so far.

    `frames` were taken, `read` of them by the model and the others unchanged; `dropped` came while the reader was busy.
    `lines` counts the lines of the frames that were read, and `lines_remembered` those of them that had not changed and
    were not read again. `settled` counts the texts that were given to the sinks, `retries` the times that the source
    was opened again.
    `oldest_s` is the greatest age of a result in seconds, `ages` how many results fell into each bucket of
    AGE_BOUNDS_S, `age_sum_s` the sum of all ages.
    """

    frames: int = 0
    read: int = 0
    lines: int = 0
    lines_remembered: int = 0
    dropped: int = 0
    settled: int = 0
    retries: int = 0
    seconds: float = 0.0
    oldest_s: float = 0.0
    age_sum_s: float = 0.0
    ages: list[int] = field(default_factory=lambda: [0] * (len(AGE_BOUNDS_S) + 1))

    def count_age(self, age_s: float) -> None:
        self.ages[bisect_left(AGE_BOUNDS_S, age_s)] += 1
        self.age_sum_s += age_s
        self.oldest_s = max(self.oldest_s, age_s)


@dataclass(frozen=True, slots=True)
class View:
    """One frame and what is known of it.

    `reading` is that of the frame, or of the one before where `unchanged`; `settled` the text over time, None before
    there is one. `age_s` is the time from the exposure until the text was known.
    """

    frame: Frame
    reading: Reading
    settled: Reading | None
    age_s: float
    unchanged: bool


class Live:
    """State, newest view and tally of one loop. All methods may be called from any thread."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._changed = threading.Lock()
        self._state = State.STARTING
        self._reason = ""
        self._since = time.monotonic()
        self._view: View | None = None
        self._shown = self._since
        self._longest_s = 0.0
        self._listeners: tuple[Callable[[], None], ...] = ()

    @property
    def state(self) -> State:
        """The state of the loop; a live one that does not go round any more is stalled, whatever its source does."""
        return State.STALLED if self._hung_s() else self._state

    @property
    def reason(self) -> str:
        """Why the loop is in its state, in one line; empty when all is well."""
        if hung_s := self._hung_s():
            return f"nothing was read for {hung_s:.0f} s: the model, a full pipe or a disk holds the loop up"
        return self._reason

    @property
    def seconds_in_state(self) -> float:
        return self._hung_s() or time.monotonic() - self._since

    @property
    def view(self) -> View | None:
        """The newest frame that was read."""
        return self._view

    def enter(self, state: State, reason: str = "") -> None:
        """Change the state, unless it is final; the change is logged."""
        with self._changed:
            before = self._state
            if before is state or before in (State.FAILED, State.ENDED):
                return
            lasted_s = self.seconds_in_state
            self._state, self._reason, self._since = state, reason, time.monotonic()
        # What is failed ends the program, whose last words it will be.
        log.log(
            logging.WARNING if state in (State.STALLED, State.RECOVERING) else logging.INFO,
            "%s after %.1f s %s%s",
            state,
            lasted_s,
            before,
            f": {reason}" if reason else "",
        )
        self._tell()

    def show(self, view: View) -> None:
        """Publish the newest view."""
        self._view = view
        self._longest_s = max(self._longest_s, view.reading.ms.get("total", 0.0) / 1e3)
        self._shown = time.monotonic()
        self._tell()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener`, which must be quick, after each view and change of state; returns what ends that."""
        with self._changed:
            self._listeners = (*self._listeners, listener)

        def forget() -> None:
            with self._changed:
                self._listeners = tuple(other for other in self._listeners if other is not listener)

        return forget

    def _hung_s(self) -> float:
        """Seconds since the last frame was done with, of a live loop that needs longer than it can be meant to; else 0.

        The loop itself cannot say it. Nor is it the thread that drains the source, which goes on.
        """
        if self._state is not State.LIVE:
            return 0.0
        allowed_s = HUNG_S + (HUNG_READINGS * self._longest_s if self._view is not None else FIRST_READING_S)
        since_s = time.monotonic() - max(self._shown, self._since)
        return since_s if since_s > allowed_s else 0.0

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()
