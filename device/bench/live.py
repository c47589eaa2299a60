"""Measuring through the real loop, on frames of a camera, a stream, a video or pictures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from edge_hwr.errors import SourceError
from edge_hwr.reader import Reader
from edge_hwr.reading import Reading

from ..live import Live, State
from ..loop import run_loop
from ..result import Result
from ..sources import Source
from .measure import Budget, Timings, warm_up

_BLOCK = 8
_SAMPLING_S = 1.0


@dataclass(frozen=True, slots=True)
class LiveRun:
    """Timings of each reader, with the mean numbers of glyphs and lines it found in a frame, and what the run as a
    whole came to: frames read and dropped, in how many seconds."""

    timings: list[Timings]
    glyphs: list[float]
    lines: list[float]
    frames: int
    dropped: int
    seconds: float


def measure_live(
    source: Source,
    readers: Sequence[Reader],
    budget: Budget,
    rng: np.random.Generator,
    warm_up_page: NDArray[np.uint8],
    between: Callable[[], object] = lambda: None,
) -> LiveRun:
    """Read frames of `source` with the readers in turns, each round in random order.

    Stage "capture" is the time from the frame's exposure, where the hardware tells it (else its arrival, or the start
    of its decoding), to the start of reading; of a live source, "latency" is that from exposure to text. Files are read
    again and again until the budget is used up. `between` is called about once a second.

    Raises SourceError, SourceTimeoutError or PictureError when the source cannot be read to the end of the budget.
    """
    warm_ups = [warm_up(lambda reader=reader: reader.read(warm_up_page).ms) for reader in readers]  # type: ignore[misc]
    turns = _Turns(readers, rng)
    stop = threading.Event()
    collector = _Collector(turns, source.live, budget, stop, between)
    frames = dropped = 0
    seconds = 0.0
    while not stop.is_set():
        trouble: list[str] = []
        live = Live()
        live.listen(partial(_stop_at_trouble, live, stop, trouble))
        tally = run_loop(source, turns, [collector], stop=stop, live=live)
        if trouble:
            raise SourceError(f"{trouble[0]}; nothing is reported of a run with a gap in it")
        if tally.frames == 0 or (source.live and not stop.is_set()):
            raise SourceError(
                f"{source.name} ended after {tally.frames} frames, before the measurement did: try fewer --seconds"
            )
        frames, dropped, seconds = frames + tally.frames, dropped + tally.dropped, seconds + tally.seconds
    timings = []
    for index, warmed in enumerate(warm_ups):
        runs = collector.runs[index]
        timing = Timings(warmed, processor_s=turns.processor_s[index], elapsed_s=turns.elapsed_s[index])
        for start in range(0, len(runs), _BLOCK):
            timing.add(runs[start : start + _BLOCK])
        timings.append(timing)
    glyphs, lines = (
        [float(np.mean(counts)) for counts in of_readers] for of_readers in (collector.glyphs, collector.lines)
    )
    return LiveRun(timings, glyphs, lines, frames, dropped, seconds)


def _stop_at_trouble(live: Live, stop: threading.Event, trouble: list[str]) -> None:
    """The loop would wait for a camera that stalls, and open one again that fails: a measurement has to end there."""
    if live.state in (State.STALLED, State.RECOVERING) and not stop.is_set():
        trouble.append(live.reason)
        stop.set()


class _Turns:
    """A reader to the loop, which hands every frame to the reader whose turn it is."""

    def __init__(self, readers: Sequence[Reader], rng: np.random.Generator) -> None:
        self._readers = readers
        self._rng = rng
        self._round: list[int] = []
        self.current = 0
        self.processor_s, self.elapsed_s = ([0.0] * len(readers) for _ in range(2))

    def read(self, grey: NDArray[np.uint8], /) -> Reading:
        if not self._round:
            self._round = self._rng.permutation(len(self._readers)).tolist()
        self.current = self._round.pop()
        started, processor = time.monotonic(), time.thread_time()
        reading = self._readers[self.current].read(grey)
        self.processor_s[self.current] += time.thread_time() - processor
        self.elapsed_s[self.current] += time.monotonic() - started
        return reading


class _Collector:
    """A sink that keeps the timings, and stops the loop at the end of the budget."""

    def __init__(
        self, turns: _Turns, live: bool, budget: Budget, stop: threading.Event, between: Callable[[], object]
    ) -> None:
        readers = len(turns._readers)
        self.runs: list[list[Mapping[str, float]]] = [[] for _ in range(readers)]
        self.glyphs: list[list[int]] = [[] for _ in range(readers)]
        self.lines: list[list[int]] = [[] for _ in range(readers)]
        self._turns, self._live, self._budget, self._stop, self._between = turns, live, budget, stop, between
        self._deadline = time.monotonic() + budget.seconds
        self._sampled = 0.0

    def __enter__(self) -> _Collector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, result: Result) -> None:
        age_ms = 1000 * result.age_s
        times = {"capture": age_ms - result.reading.ms["total"], **result.reading.ms}
        if self._live:
            times["latency"] = age_ms
        self.runs[self._turns.current].append(times)
        self.glyphs[self._turns.current].append(len(result.reading.glyphs))
        self.lines[self._turns.current].append(len(result.reading.lines))
        least = min(map(len, self.runs))
        now = time.monotonic()
        # Every reader gets a frame, however short the budget.
        if least and (now > self._deadline or (self._budget.runs is not None and least >= self._budget.runs)):
            self._stop.set()
        if now - self._sampled >= _SAMPLING_S:
            self._between()
            self._sampled = time.monotonic()
