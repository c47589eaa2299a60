"""The cameras of a Raspberry Pi, through picamera2."""

from __future__ import annotations

import logging
import time
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any

from edge_hwr.errors import RuntimeMissingError, SourceError, SourceTimeoutError

from ..causes import root_cause
from ..devices import barred_devices
from .picamera_settings import PicameraSettings
from .source import READ_TIMEOUT_S, Frame

log = logging.getLogger(__name__)

BUFFERS = 4  # more than 5 run a Pi out of contiguous memory

LUMA_FIRST = frozenset(("YUV420", "YVU420", "NV12", "NV21"))

DEFAULTS = PicameraSettings()


class Picamera:
    """Camera `number` of the Pi; `timeout_s` is the deadline for each frame. What it lacks of `settings` is left out.

    Frames are the Y plane of the camera's YUV picture, and carry the sensor's own time of exposure.
    """

    live = True

    def __init__(
        self, number: int = 0, settings: PicameraSettings = DEFAULTS, *, timeout_s: float = READ_TIMEOUT_S
    ) -> None:
        self.name = f"picamera:{number}"
        self._number = number
        self._settings = settings
        self._timeout_s = timeout_s
        self._camera: Any = None
        self._id: str | None = None
        self._size = (0, 0)
        self._sequence = 0

    def __enter__(self) -> Picamera:
        self._camera = self._open()
        try:
            self._start(self._camera)
        except Exception as error:
            self._close()
            if isinstance(error, SourceError):
                raise
            raise SourceError(f"{self.name} cannot be started: {root_cause(error)}") from error
        self._sequence = 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def pace(self, period_s: float) -> None:
        """The camera itself is slowed down, and warms the Pi less."""
        if self._camera is not None and "FrameDurationLimits" in self._camera.camera_controls:
            duration_us = max(round(1e6 * period_s), self._settings.frame_us)
            self._camera.set_controls({"FrameDurationLimits": (duration_us, duration_us)})

    def read(self) -> Frame | None:
        """The next frame. Raises SourceTimeoutError when the camera has stopped giving any."""
        if self._camera is None:
            raise SourceError(f"{self.name} is not open")
        from picamera2 import MappedArray

        width, height = self._size
        try:
            # One request holds both picture and metadata, and goes back to the camera at the end of the block.
            with self._camera.captured_request(wait=self._timeout_s) as request:
                stamp_ns = request.get_metadata().get("SensorTimestamp")
                arrival = time.monotonic()
                # Rows are as long as the stride, and the colour follows below. Copied, since the buffer goes back.
                with MappedArray(request, "main") as mapped:
                    luma = mapped.array[:height, :width].copy()
        except TimeoutError as error:
            # The job that waits for a frame stays queued: it would take a frame that nobody gives back.
            self._camera.cancel_all_and_flush()
            raise self._silence() from error
        except (RuntimeError, CancelledError) as error:
            raise SourceError(f"{self.name} has died: {root_cause(error)}") from error
        sequence, self._sequence = self._sequence, self._sequence + 1
        # The sensor's clock is that of time.monotonic.
        return Frame(luma, stamp_ns / 1e9 if stamp_ns else arrival, sequence)

    def _silence(self) -> SourceError:
        """What it means that no frame came. libcamera notices when a USB camera goes; a ribbon cable it cannot see."""
        if self._id not in (camera.get("Id") for camera in self._camera.global_camera_info()):
            return SourceError(f"{self.name} was pulled out: plug it in again")
        return SourceTimeoutError(f"{self.name} has stalled: no frame for {self._timeout_s:g} s; check the cable")

    def _open(self) -> Any:
        try:
            from picamera2 import Picamera2
        except (ImportError, ValueError) as error:  # ValueError: its extensions were built for another NumPy
            raise RuntimeMissingError(
                f"picamera2 cannot be imported ({root_cause(error)}): `sudo apt install python3-picamera2`, and make "
                "the virtual environment with --system-site-packages; `edge-hwr doctor` says more"
            ) from error
        try:
            cameras = Picamera2.global_camera_info()
            if self._number < len(cameras):
                self._id = cameras[self._number].get("Id")
                return Picamera2(self._number)
        except (RuntimeError, IndexError) as error:
            if "busy" in root_cause(error).lower():
                raise SourceError(f"{self.name} is busy: another program is using the camera; end it first") from error
            raise SourceError(f"{self.name} cannot be opened: {root_cause(error)}; check the cable") from error
        if barred := barred_devices():
            raise SourceError(
                f"{self.name}: no permission on {barred[0]}: `sudo usermod -aG video $USER`, then log in again"
            )
        found = {0: "no camera", 1: "only camera 0"}.get(len(cameras), f"only cameras 0 to {len(cameras) - 1}")
        raise SourceError(
            f"{self.name} is absent: {found} found; check the cable with the power off, then `rpicam-hello "
            "--list-cameras`"
        )

    def _start(self, camera: Any) -> None:
        controls, missing = self._settings.controls(camera.camera_controls)
        if missing:
            log.info("%s has no %s: left as it is", self.name, ", ".join(missing))
        # Without picamera2's queue each request is a frame exposed after the last was taken, never one that has waited.
        camera.configure(
            camera.create_video_configuration(
                main={"format": "YUV420", "size": self._settings.size},
                buffer_count=BUFFERS,
                queue=False,
                controls=controls,
            )
        )
        # The camera may have adjusted what it was asked for: what it gives is told only here.
        given = camera.stream_configuration("main")
        if given["format"] not in LUMA_FIRST:
            raise SourceError(f"{self.name} gives {given['format']}, no YUV420: use v4l2:N for a USB camera")
        self._size = given["size"]
        log.info("%s gives %s, %d x %d pixels", self.name, given["format"], *self._size)
        camera.start()

    def _close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()
