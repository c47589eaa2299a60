"""Video files."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from types import TracebackType

from edge_hwr.errors import SourceError
from edge_hwr.files import shown

from .decoder import Decoder
from .source import READ_TIMEOUT_S, Frame

log = logging.getLogger(__name__)

_OF_SOUND_TOO = (".mkv", ".webm", ".ts", ".m2ts", ".mts")
"""Containers whose duration is that of their sound, too, if it is longer."""

SHORTFALL = 0.1
"""A video that ends this part of its promised duration too early was cut; containers round, and estimate, by less."""


class Video:
    """The frames of the video file `path`, every one, in order."""

    live = False

    def __init__(self, path: Path) -> None:
        self.name = shown(path)
        self._location = str(path.absolute())  # a relative name with a colon would be a protocol to FFmpeg
        self._decoder: Decoder | None = None
        self._sequence = 0
        self._damaged = 0

    def __enter__(self) -> Video:
        self._decoder = Decoder(self._location, READ_TIMEOUT_S)
        self._sequence = self._damaged = 0
        if not self._decoder.opened:
            raise SourceError(f"{self.name} is no video that can be read: damaged, cut short or of an unknown format")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None

    def read(self) -> Frame | None:
        """The next frame; damaged ones are left out. Raises SourceError at the end of a video that is cut short."""
        decoder = self._decoder
        if decoder is None:
            raise SourceError(f"{self.name} is not open")
        while True:
            start = time.monotonic()
            if not decoder.grab():
                self._check_end(decoder)
                return None
            picture = decoder.retrieve()
            sequence, self._sequence = self._sequence, self._sequence + 1
            if picture is not None:
                return Frame(picture, start, sequence)
            self._damaged += 1
            log.warning("%s: frame %d is damaged and left out", self.name, sequence)

    def _check_end(self, decoder: Decoder) -> None:
        if self._sequence == self._damaged:
            raise SourceError(f"{self.name} has no frame that can be read: the video is empty or damaged")
        end_s, duration_s = decoder.end_s, decoder.duration_s
        if end_s < (1 - SHORTFALL) * duration_s:
            ends = f"it ends after {end_s:.1f} s of {duration_s:.1f} s"
            if not self._location.lower().endswith(_OF_SOUND_TOO):
                raise SourceError(f"{self.name} is cut short: {ends}")
            log.warning("%s is cut short, or has sound without a picture at its end: %s", self.name, ends)
