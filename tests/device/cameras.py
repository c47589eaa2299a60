"""Live sources for tests, that do as they are told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge_hwr.device.sources import Frame

Picture = NDArray[np.uint8]


class Scripted:
    """A camera whose frame k is `picture(k)`, every `period_s`; an exception instead is raised, and ends an opening.

    `paces` are the periods it was asked for, `openings` the number of times it was opened. With None it has ended.
    """

    live = True
    name = "scripted camera"

    def __init__(self, picture: Callable[[int], Picture | Exception | None], period_s: float = 0.01) -> None:
        self.openings = 0
        self.paces: list[float] = []
        self._picture = picture
        self._period_s = period_s
        self._number = -1
        self._sequence = -1
        self._never = threading.Event()

    def __enter__(self) -> Scripted:
        self.openings += 1
        self._sequence = -1
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def pace(self, period_s: float) -> None:
        self.paces.append(period_s)

    def read(self) -> Frame | None:
        self._never.wait(self._period_s)
        self._number += 1
        picture = self._picture(self._number)
        if isinstance(picture, Exception):
            raise picture
        if picture is None:
            return None
        self._sequence += 1
        return Frame(picture, time.monotonic(), self._sequence)
