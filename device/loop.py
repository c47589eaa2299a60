"""The loop: frames from a source, through a reader and over time, to the sinks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from queue import Empty
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from edge_hwr.errors import PictureError, SourceTimeoutError
from edge_hwr.reading import Reading

from .capture import Capture
from .live import Live, State, Tally, View
from .region import Region
from .result import Result
from .retries import RetryBounds
from .scene import Scene
from .settle import RECORDED_FRAMES, Settler
from .sinks import Sink
from .sources import Frame, LiveSource, Source
from .systemd import Supervisor

PATIENCE_S = 15.0
"""A live source that shows nothing for so long has hung, whatever its driver thinks.

Longer than any source takes to open and to notice by itself that it has stalled, so that its own message comes first.
"""

STALL_S = 2.0
"""A live source that shows nothing for so long is called stalled; what follows is up to the source, and to patience."""

STOP_POLL_S = 0.1
"""How often a loop that waits for a frame looks whether it was asked to stop."""

READS_AFTER_CHANGE = 8
"""So many frames are read after each change in the scene, for their votes; the others not, once the text rests."""

IDLE_AFTER_S = 5.0
IDLE_PERIOD_S = 0.2
"""When nothing has changed for the first, the camera gives a frame in the second: so late is a change seen, at most."""


class FrameReader(Protocol):
    """What the loop needs of `edge_hwr.reader.Reader`."""

    def read(self, grey: NDArray[np.uint8], /) -> Reading: ...


@dataclass(frozen=True, slots=True)
class Watch:
    """How a loop is watched over: how long a silent source is borne with, and how often a failed one opened again."""

    patience_s: float = PATIENCE_S
    stall_s: float = STALL_S
    retries: RetryBounds = field(default_factory=RetryBounds)


def run_loop(
    source: Source,
    reader: FrameReader,
    sinks: Iterable[Sink],
    *,
    stop: threading.Event,
    max_frames: int | None = None,
    settle: bool = False,
    region: Region | None = None,
    live: Live | None = None,
    watch: Watch | None = None,
) -> Tally:
    """Read the frames of `source` until it ends, `stop` is set or `max_frames` were taken.

    Of a live source only the newest frame is taken, of files every one in order. Each is read, and its reading given to
    the sinks. With `settle`, frames in which nothing has changed are not read again, and the sinks are given what has
    settled over time, once and when it changes; pictures, each a document of its own, as without. The source is opened
    and closed here; reader and sinks belong to the caller. `live` shows all this to others while it happens.
    Raises SourceError when the source cannot be opened, stays dead or has frames that the region is not within,
    PictureError for a damaged picture and SinkError when a result cannot be delivered.
    """
    live = live or Live()
    supervisor = Supervisor()
    live.listen(_status(live, supervisor))
    start = time.monotonic()
    try:
        loop = _Loop(source, reader, tuple(sinks), stop, region, live, watch or Watch(), supervisor)
        loop.run(max_frames, settle)
    except BaseException as error:
        live.enter(State.FAILED, str(error))
        raise
    finally:
        supervisor.stopping()
        live.tally.seconds = time.monotonic() - start
    live.enter(State.ENDED)
    return live.tally


class _Loop:
    """One run, in one thread."""

    def __init__(
        self,
        source: Source,
        reader: FrameReader,
        sinks: tuple[Sink, ...],
        stop: threading.Event,
        region: Region | None,
        live: Live,
        watch: Watch,
        supervisor: Supervisor,
    ) -> None:
        self._source = source
        self._reader = reader
        self._sinks = sinks
        self._stop = stop
        self._region = region
        self._live = live
        self._watch = watch
        self._supervisor = supervisor
        self._scene = Scene()
        self._settler = Settler() if source.live else Settler(0.0, RECORDED_FRAMES)
        self._capture: Capture | None = None
        self._last: Result | None = None
        self._last_change = time.monotonic()
        self._reads_due = 0

    def run(self, max_frames: int | None, settle: bool) -> None:
        frames = self._newest() if self._source.live else self._every()
        tally = self._live.tally
        with closing(frames):
            while tally.frames != max_frames and (frame := next(frames, None)) is not None:
                if settle and not frame.name:
                    self._take_moment(frame)
                else:
                    self._take_document(frame)
                self._supervisor.ready()
                self._supervisor.beat()
        if not self._source.live and self._last is not None and (settled := self._settler.finish()) is not None:
            self._give(self._last, settled)

    def _take_document(self, frame: Frame) -> None:
        """A frame that stands for itself: read it, and give out its text."""
        try:
            reading = self._read(frame.grey)
        except PictureError as error:
            raise PictureError(f"{frame.name}: {error}" if frame.name else str(error)) from error
        result = self._count(frame, reading, unchanged=False)
        self._give(result, reading)
        self._live.show(View(frame, reading, reading, result.age_s, unchanged=False))

    def _take_moment(self, frame: Frame) -> None:
        """A frame of a sequence: read it if that is worth it, let it vote, and give out what has settled by it."""
        changed = self._scene.changed(self._region.crop(frame.grey) if self._region else frame.grey)
        if changed:
            self._reads_due = READS_AFTER_CHANGE
        settled = None
        if self._last is None or self._reads_due > 0 or not self._settler.resting:
            self._reads_due -= 1
            reading = self._read(frame.grey)
            settled = self._settler.update(reading, frame.time)
            unchanged = False
        else:
            reading, unchanged = self._last.reading, True
        self._last = result = self._count(frame, reading, unchanged=unchanged)
        if settled is not None:
            self._give(result, settled)
        self._live.show(View(frame, reading, self._settler.settled, result.age_s, unchanged))
        self._pace(changed)

    def _count(self, frame: Frame, reading: Reading, *, unchanged: bool) -> Result:
        age_s = time.monotonic() - frame.time
        tally = self._live.tally
        tally.frames += 1
        if not unchanged:
            tally.read += 1
            tally.lines += len(reading.lines)
            tally.lines_remembered += reading.remembered
        tally.count_age(age_s)
        return Result(self._source.name, frame.name, frame.sequence, frame.time, age_s, reading)

    def _read(self, grey: NDArray[np.uint8]) -> Reading:
        return self._region.read(self._reader.read, grey) if self._region else self._reader.read(grey)

    def _give(self, result: Result, reading: Reading) -> None:
        given = replace(result, reading=reading)
        for sink in self._sinks:
            sink.write(given)
        self._live.tally.settled += 1

    def _pace(self, changed: bool) -> None:
        now = time.monotonic()
        if changed:
            self._last_change = now
        if self._capture is not None:
            self._capture.pace(IDLE_PERIOD_S if now - self._last_change > IDLE_AFTER_S else 0.0)

    def _every(self) -> Generator[Frame, None, None]:
        with self._source:
            while not self._stop.is_set() and (frame := self._source.read()) is not None:
                self._live.enter(State.LIVE)
                yield frame

    def _newest(self) -> Generator[Frame, None, None]:
        live, watch = self._live, self._watch
        with Capture(cast("LiveSource", self._source), live, watch.retries) as self._capture:
            capture = self._capture
            while not self._stop.is_set():
                try:
                    frame = capture.mailbox.take(STOP_POLL_S)
                except Empty:
                    if capture.silent_s > watch.patience_s:
                        raise SourceTimeoutError(
                            f"{self._source.name} has hung: no frame for {watch.patience_s:g} s; check the camera and "
                            "its cable"
                        ) from None
                    # In this order: what makes the state live has ended the silence before.
                    if live.state is State.LIVE and capture.silent_s > watch.stall_s:
                        live.enter(State.STALLED, f"{self._source.name} has given no frame for {watch.stall_s:g} s")
                    if live.state in (State.STARTING, State.RECOVERING):
                        self._supervisor.beat()  # waiting is what the loop should do now, and not for ever
                    continue
                if frame is None:
                    return
                live.tally.dropped = capture.mailbox.dropped
                yield frame


def _status(live: Live, supervisor: Supervisor) -> Callable[[], None]:
    """A listener that tells systemd each change of state."""
    told: State | None = None

    def tell() -> None:
        nonlocal told
        if live.state is not told:
            told = live.state
            supervisor.status(f"{told}: {live.reason}" if live.reason else str(told))

    return tell
