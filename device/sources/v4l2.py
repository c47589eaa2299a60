"""USB cameras and others of Video4Linux, through OpenCV."""

from __future__ import annotations

import errno
import os
import re
import time
from types import TracebackType

import cv2

from edge_hwr.errors import SourceError

from .decoder import grey
from .source import Frame

SIZE = (1280, 720)
"""Width and height to ask for; the driver gives the nearest it has."""

_YUYV = cv2.VideoWriter.fourcc(*"YUYV")
_REMEDIES = {
    errno.ENOENT: "no such camera: is it plugged in? `v4l2-ctl --list-devices` lists what there is",
    errno.EACCES: "permission denied: add yourself to the group `video` and log in again",
    errno.EBUSY: "busy: another program is using it",
}


class V4l2Camera:
    """The camera `/dev/videoN`, or the one that a link (/dev/v4l/by-id/…) leads to whenever it is opened.

    Its frames carry the driver's timestamp where that is in monotonic time.
    """

    live = True

    def __init__(self, device: str) -> None:
        self.name = device
        self._capture: cv2.VideoCapture | None = None
        self._sequence = 0
        self._period_s = 0.0

    def __enter__(self) -> V4l2Camera:
        self._probe()
        number = re.fullmatch(r"/dev/video(\d+)", os.path.realpath(self.name))
        if number is None:
            raise SourceError(f"{self.name} leads to no camera: `v4l2-ctl --list-devices` lists what there is")
        capture = cv2.VideoCapture(int(number[1]), cv2.CAP_V4L2)
        if not capture.isOpened():
            capture.release()
            raise SourceError(f"{self.name} cannot be opened: busy, or not a camera that gives pictures")
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, SIZE[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, SIZE[1])
        if capture.get(cv2.CAP_PROP_FOURCC) == _YUYV:
            capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        self._capture, self._sequence, self._period_s = capture, 0, 0.0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def pace(self, period_s: float) -> None:
        """Frames before the period has passed are taken from the driver, so that none gets old, but not decoded."""
        self._period_s = period_s

    def read(self) -> Frame | None:
        """The next frame. OpenCV itself gives up on a camera that shows nothing for 10 seconds."""
        if self._capture is None:
            raise SourceError(f"{self.name} is not open")
        wanted_from = time.monotonic() + self._period_s
        intact = self._capture.grab()
        while intact and time.monotonic() < wanted_from:
            self._sequence += 1
            intact = self._capture.grab()
        intact, picture = self._capture.retrieve() if intact else (False, None)
        brightness = grey(picture) if intact and picture is not None else None
        if brightness is None:
            raise SourceError(f"{self.name} gives no picture any more: was it unplugged?")
        sequence, self._sequence = self._sequence, self._sequence + 1
        return Frame(brightness, self._exposure(self._capture), sequence)

    def _exposure(self, capture: cv2.VideoCapture) -> float:
        # Drivers stamp with the monotonic clock unless they are old; a stamp of another clock is far from now.
        now = time.monotonic()
        stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        return stamp if 0 <= now - stamp < 1 else now

    def _probe(self) -> None:
        """Ask the system why the camera cannot be opened: OpenCV does not say, and waits long for a busy one."""
        try:
            os.close(os.open(self.name, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            remedy = _REMEDIES.get(error.errno or 0, f"{error.strerror}: check the camera and its cable")
            raise SourceError(f"{self.name}: {remedy}") from error
