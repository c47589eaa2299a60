"""Drawing spread over processes that neither outlive the training nor leave it waiting when one of them is killed."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

import cv2
from rich.console import Console
from rich.progress import track

from edge_hwr.errors import TrainingError

log = logging.getLogger(__name__)

LOGGED_EVERY_S = 60.0
"""Between lines that tell how far a drawing is, where there is no terminal to show a bar."""

Job = TypeVar("Job")
Part = TypeVar("Part")


def draw_in_processes(
    draw: Callable[..., Part], jobs: Sequence[Job], *, given: tuple[Any, ...], workers: int, what: str
) -> list[Part]:
    """`draw(job, *given)` of every job, in their order, in as many processes; `given` goes to each of them once.

    What `draw` raises is raised here. `TrainingError` where a process was killed.
    """
    log.info("%s in %s", what, "one process" if workers == 1 else f"{workers} processes")
    # Spawned, not forked: the caller may have started the threads of TensorFlow already.
    spawn = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(workers, spawn, _start, (draw, given)) as executor:
            parts, console = executor.map(_draw, jobs), Console(stderr=True)
            if not console.is_terminal:
                return list(_logged(parts, what, len(jobs)))
            return list(track(parts, what, total=len(jobs), transient=True, console=console))
    except BrokenProcessPool as error:
        raise TrainingError(
            f"{what}: one of {workers} processes was killed, for want of memory perhaps: try fewer --workers"
        ) from error


def _logged(parts: Iterable[Part], what: str, total: int) -> Iterator[Part]:
    """The parts, and now and then a line of how many there are: what goes into a file shows no bar."""
    told = time.monotonic()
    for count, part in enumerate(parts, 1):
        if (now := time.monotonic()) - told >= LOGGED_EVERY_S and count < total:
            log.info("%s: %d %%", what, 100 * count // total)
            told = now
        yield part


_drawing: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
"""What a drawing process does, and with what; nothing in the process that trains."""


def _start(draw: Callable[..., Any], given: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the training, which then ends its processes
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    _drawing.append((draw, given))


def _draw(job: Any) -> Any:
    ((draw, given),) = _drawing
    return draw(job, *given)


def _end_with_parent() -> None:
    """A process that draws holds its own queue open, and would wait for jobs of a parent long dead."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
