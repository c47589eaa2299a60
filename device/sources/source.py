"""What every source does."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

READ_TIMEOUT_S = 5.0
"""How long a live source may take to open, and again to give a frame, before it counts as stalled."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One grey picture, uint8 (height, width), which nobody else writes to.

    `time` is its exposure in seconds of `time.monotonic` where the hardware tells it, else its arrival. `sequence`
    counts the frames of the source from 0. `name` is the file name of a picture, empty otherwise.
    """

    grey: NDArray[np.uint8]
    time: float
    sequence: int
    name: str = ""


class Source(Protocol):
    """A context manager that gives frames, for use in one thread.

    A `live` source goes on whether or not its frames are read; another waits for its reader.
    """

    @property
    def name(self) -> str:
        """What to call the source in messages; holds no password."""
        ...

    @property
    def live(self) -> bool: ...

    def __enter__(self) -> Self:
        """Open the source. Raises SourceError."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def read(self) -> Frame | None:
        """Wait, within a deadline of the source's own, for the next frame; None at the end.

        Raises SourceTimeoutError when the deadline passed and SourceError when the source died. After an error the
        source has to be closed; it may be opened again.
        """
        ...


class LiveSource(Source, Protocol):
    """A source that is `live`."""

    def pace(self, period_s: float) -> None:
        """From now on a frame every `period_s` seconds is enough; 0 for all there are.

        What is left out costs as little as the source can make it; what is given is as new as ever.
        """
        ...
