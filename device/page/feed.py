"""What viewers are sent: the newest picture and all about it, made once for all of them and only if there are any."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..board import condition
from ..live import Live, State, View

PERIOD_S = 0.1
"""No viewer is sent more than a picture in this time: smooth enough to aim a camera by."""

HEARTBEAT_S = 1.0
"""Without anything new, viewers are told so often what holds."""

WIDTH = 960
"""Pictures are scaled down to this width at most."""

QUALITY, SNAPSHOT_QUALITY = 70, 90

_TEMPERATURE_S = 5.0


class Feed:
    """Turns what a Live shows into messages; lives in the thread of the server's event loop.

    A message is the length of some JSON, as 4 bytes in network order, the JSON, and a JPEG, which is left out where
    there is no new picture.
    """

    def __init__(self, live: Live) -> None:
        self.viewers = 0
        self._live = live
        self._version = 0
        self._news = asyncio.Event()
        self._encoding = asyncio.Lock()
        self._message: tuple[int, bytes] = (-1, b"")
        self._made_at = 0.0
        self._rate = _Rate(live)
        self._temperature: tuple[float, float | None] = (-1e9, None)
        self._forget: Callable[[], None] = lambda: None

    def __enter__(self) -> Feed:
        self._loop = asyncio.get_running_loop()
        self._forget = self._live.listen(self._on_change)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._forget()

    async def after(self, version: int) -> tuple[int, bytes]:
        """Version and bytes of the newest message, as soon as there is a newer one than `version`."""
        if self._version == version:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), HEARTBEAT_S)
            except TimeoutError:
                self._version += 1
        async with self._encoding:
            if self._message[0] <= version:
                await asyncio.sleep(self._made_at + PERIOD_S - time.monotonic())
                made = self._version
                about = await self.about()
                self._message = made, await asyncio.to_thread(_pack, about, self._live.view)
                self._made_at = time.monotonic()
            return self._message

    async def about(self) -> dict[str, Any]:
        """State, text and measures at the moment."""
        now = time.monotonic()
        if now - self._temperature[0] > _TEMPERATURE_S:
            self._temperature = now, (await asyncio.to_thread(condition)).temperature_c
        return {**about(self._live), "rate": self._rate.now(), "temperature_c": self._temperature[1]}

    def _on_change(self) -> None:
        """In the thread of the loop that reads: costs next to nothing without viewers."""
        self._version += 1
        if self.viewers and not self._news.is_set():
            self._loop.call_soon_threadsafe(self._news.set)


class _Rate:
    """Frames a second since the last question, over a second at least."""

    def __init__(self, live: Live) -> None:
        self._tally = live.tally
        self._since, self._frames, self._rate = time.monotonic(), live.tally.frames, 0.0

    def now(self) -> float:
        passed_s = time.monotonic() - self._since
        if passed_s >= 1:
            frames = self._tally.frames
            self._rate = round((frames - self._frames) / passed_s, 1)
            self._since, self._frames = time.monotonic(), frames
        return self._rate


def about(live: Live) -> dict[str, Any]:
    """State, counts and, once there is a frame, all that is known of the newest."""
    tally, view = live.tally, live.view
    known: dict[str, Any] = {
        "state": str(live.state),
        "reason": live.reason,
        "state_s": round(live.seconds_in_state, 1),
        "frames": tally.frames,
        "read": tally.read,
        "dropped": tally.dropped,
        "settled": tally.settled,
        "retries": tally.retries,
    }
    if view is None:
        return known
    settled = view.settled
    return known | {
        "sequence": view.frame.sequence,
        "age_ms": round(1e3 * view.age_s, 1),
        # A live frame gets older while no other comes; the end of a recording does not.
        "shown_ms": 0.0 if live.state is State.ENDED else round(1e3 * (time.monotonic() - view.frame.time), 1),
        "unchanged": view.unchanged,
        "reading": view.reading.to_json(),
        "text": settled.text if settled else None,
        "confidence": round(settled.confidence, 4) if settled and settled.lines else None,
    }


def encode(grey: NDArray[np.uint8], *, width: int | None = WIDTH, quality: int = QUALITY) -> bytes:
    """A grey picture as a JPEG, `width` pixels wide at most."""
    if width is not None and grey.shape[1] > width:
        height = max(round(grey.shape[0] * width / grey.shape[1]), 1)
        grey = np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def _pack(about: dict[str, Any], view: View | None) -> bytes:
    text = json.dumps(about, ensure_ascii=False).encode()
    return struct.pack(">I", len(text)) + text + (encode(view.frame.grey) if view is not None else b"")
