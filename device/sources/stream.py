"""Network streams: HTTP (Motion JPEG and others) and RTSP."""

from __future__ import annotations

import logging
import time
from types import TracebackType
from urllib.parse import urlsplit

from edge_hwr.errors import SourceError, SourceTimeoutError

from .decoder import Decoder
from .source import READ_TIMEOUT_S, Frame

log = logging.getLogger(__name__)

_TOLD = (1, 10, 100, 1000, 10_000, 100_000, 1_000_000)
"""So many damaged frames are worth a line in the log."""


class Stream:
    """The stream at `url`; `timeout_s` is the deadline for its opening, and for each frame.

    Frames carry the time of their arrival.
    """

    live = True

    def __init__(self, url: str, *, timeout_s: float = READ_TIMEOUT_S) -> None:
        self.name = _without_secrets(url)
        self._url = url
        self._timeout_s = timeout_s
        self._decoder: Decoder | None = None
        self._sequence = 0
        self._damaged = 0
        self._period_s = 0.0
        self._given = 0.0

    def __enter__(self) -> Stream:
        start = time.monotonic()
        self._decoder = Decoder(self._url, self._timeout_s)
        self._sequence = 0
        self._period_s = self._given = 0.0
        if not self._decoder.opened:
            if time.monotonic() - start >= self._timeout_s:
                raise SourceTimeoutError(f"{self.name} did not answer within {self._timeout_s:g} s: is the camera on?")
            raise SourceError(
                f"{self.name} cannot be opened: check the address, user and password, and that it serves a video stream"
            )
        if self._decoder.duration_s and self.name.startswith("http"):
            # All of it comes at once: of what has the newest frame alone read, next to nothing would be left.
            self._decoder.close()
            raise SourceError(
                f"{self.name} is a recording or a picture, no live stream: download it, and give the file"
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None

    def pace(self, period_s: float) -> None:
        """Frames before the period has passed are received, so that none gets old, but not decoded."""
        self._period_s = period_s

    def read(self) -> Frame | None:
        """The next whole frame; damaged ones are left out. Returns None only at the end of a recording."""
        decoder = self._decoder
        if decoder is None:
            raise SourceError(f"{self.name} is not open")
        start = time.monotonic()
        while decoder.grab():
            arrival = time.monotonic()
            sequence, self._sequence = self._sequence, self._sequence + 1
            if arrival - self._given < self._period_s:
                continue
            picture = decoder.retrieve()
            if picture is not None:
                self._given = arrival
                return Frame(picture, arrival, sequence)
            self._damaged += 1
            # A camera with a bad cable may damage every other: the log is on an SD card.
            level = logging.WARNING if self._damaged in _TOLD else logging.DEBUG
            log.log(level, "%s: frame %d is damaged and left out, %d so far", self.name, sequence, self._damaged)
            if arrival - start >= self._timeout_s:
                raise SourceError(f"{self.name} has sent nothing but damaged frames for {self._timeout_s:g} s")
        if time.monotonic() - start >= self._timeout_s:
            raise SourceTimeoutError(f"{self.name} has stalled: no frame for {self._timeout_s:g} s")
        if decoder.duration_s and self._sequence:
            return None
        if self._sequence == 1:
            raise SourceError(
                f"{self.name} has ended after one picture: is it an address of snapshots, not of a stream?"
            )
        raise SourceError(f"{self.name} has ended: the connection was closed or broken")


def _without_secrets(url: str) -> str:
    """`url` without user, password and query, which may hold a token."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
