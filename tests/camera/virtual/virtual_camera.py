"""What a machine without a camera lacks below picamera2, and nothing more.

picamera2 and libcamera are the real ones, and libcamera's own pipeline handler "virtual" delivers pictures as frames.
Replaced are: the memory of the buffers (no DMA heap here), the list of raw modes (it has no raw stream), and the pace:
a virtual camera completes a request while it is queued, which no sensor does.

A test provokes a fault by creating a file in the folder VIRTUAL_CAMERA_FAULTS:

frozen      the sensor delivers nothing more, until the file is gone
unplugged   the same, and libcamera finds no camera any more when it looks next

VIRTUAL_CAMERA_RATE sets the frames a second, 30 if absent.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
import time
from collections import deque
from pathlib import Path
from types import ModuleType
from typing import Any

import libcamera
from picamera2.allocators import DmaAllocator
from picamera2.allocators.allocator import Allocator

RATE = float(os.environ.get("VIRTUAL_CAMERA_RATE", "30"))
FAULTS = Path(os.environ.get("VIRTUAL_CAMERA_FAULTS", "/opt/virtual/faults"))
DEVICE = "/dev/media0"
"""A plain file here: libcamera's pipeline handlers keep each other out by a lock on their media device, as we do."""


def install(picamera2: ModuleType) -> None:
    """Replace the seams in the module `picamera2.picamera2`."""
    camera_class = picamera2.Picamera2
    grab = camera_class._grab_camera
    picamera2.DmaAllocator = MemoryAllocator
    camera_class._grab_camera = lambda self, index: PacedCamera(grab(self, index), self)
    camera_class._get_raw_modes = _modes_as_if_raw


def _modes_as_if_raw(self: Any) -> list[dict[str, Any]]:
    formats = self.camera.generate_configuration([libcamera.StreamRole.Viewfinder]).at(0).formats
    return [
        {"format": str(name), "size": (size.width, size.height)}
        for name in formats.pixel_formats
        for size in formats.sizes(name)
    ]


class PacedCamera:
    """A libcamera camera whose requests are completed one a tick, and that one process at a time may use.

    `user` is the Picamera2 that it belongs to. It loses a request that is completed before it takes itself for started,
    which no sensor is quick enough to do: the ticks wait for that. A tick without a request is a dropped frame, as with
    a sensor.
    """

    def __init__(self, camera: Any, user: Any) -> None:
        self._camera = camera
        self._user = user
        self._device: int | None = None
        self._queue: deque[Any] = deque()
        self._stopped = threading.Event()
        self._ticking: threading.Thread | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._camera, name)

    def __eq__(self, other: object) -> bool:
        return other is self or other is self._camera

    def __hash__(self) -> int:
        return hash(self._camera)

    def acquire(self) -> None:
        device = os.open(DEVICE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
        try:
            fcntl.lockf(device, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(device)
            # As libcamera's binding says it; a test compares this with libcamera's own.
            raise RuntimeError("Failed to acquire camera: Device or resource busy") from None
        self._device = device
        self._camera.acquire()

    def release(self) -> None:
        self._camera.release()
        if self._device is not None:
            os.close(self._device)
            self._device = None

    def start(self, controls: Any = None) -> None:
        self._camera.start(controls) if controls else self._camera.start()
        self._stopped.clear()
        self._ticking = threading.Thread(target=self._tick, daemon=True, name="sensor")
        self._ticking.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._ticking is not None:
            self._ticking.join()
            self._ticking = None
        self._camera.stop()
        self._queue.clear()

    def queue_request(self, request: Any) -> None:
        self._queue.append(request)

    def _tick(self) -> None:
        due = time.monotonic()
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            due += 1 / RATE
            if (FAULTS / "unplugged").exists():
                # Read by libcamera when it next looks for cameras: there is no such pipeline.
                os.environ["LIBCAMERA_PIPELINES_MATCH_LIST"] = "none"
            elif self._queue and self._user.started and not (FAULTS / "frozen").exists():
                self._camera.queue_request(self._queue.popleft())


class MemoryAllocator(DmaAllocator):
    """Buffers of NV12, two planes in one piece of shared memory, in place of those of a DMA heap."""

    class Sync(DmaAllocator.DmaSync):
        """Nothing has to be flushed; picamera2 only asks for the mapping."""

        def __enter__(self) -> Any:
            return self.get_buffer()

        def __exit__(self, *_: object) -> None:
            pass

        def get_buffer(self) -> Any:
            return self.allocator.mapped_buffers[self._DmaSync__fb]

    def __init__(self) -> None:
        Allocator.__init__(self)  # DmaAllocator's own would open the heap
        self.dmaHeap = None
        self.mapped_buffers: dict[Any, mmap.mmap] = {}
        self.mapped_buffers_used: dict[int, bool] = {}
        self.frame_buffers: dict[Any, list[Any]] = {}
        self.open_fds: list[int] = []
        self.libcamera_fds: list[int] = []
        self.sync = self.Sync
        self._unusable: list[Any] = []

    def allocate(self, libcamera_config: Any, _use_case: object) -> None:
        self.libcamera_fds = []
        self.cleanup()
        for file in self.open_fds:
            os.close(file)
        self.frame_buffers, self.open_fds = {}, []
        for stream in libcamera_config:
            self.frame_buffers[stream.stream] = [self._buffer(stream) for _ in range(stream.buffer_count)]

    def _buffer(self, stream: Any) -> Any:
        file = os.memfd_create("frame", os.MFD_CLOEXEC)
        os.ftruncate(file, stream.frame_size)
        self.open_fds.append(file)
        luma = stream.stride * stream.size.height
        planes = []
        for offset, length in ((0, luma), (luma, stream.frame_size - luma)):
            plane = libcamera.FrameBuffer.Plane()
            plane.fd, plane.offset, plane.length = file, offset, length
            planes.append(plane)
        # The virtual pipeline of libcamera 0.4 never sets the status of a frame: it is what the memory held before, and
        # picamera2 drops frames that were no success. Kept, so that the same memory is not handed out again.
        while (buffer := libcamera.FrameBuffer(planes)).metadata.status != libcamera.FrameMetadata.Status.Success:
            self._unusable.append(buffer)
        inner = buffer.planes[0].fd
        self.libcamera_fds.append(inner)
        self.mapped_buffers_used[inner] = False
        self.mapped_buffers[buffer] = mmap.mmap(file, stream.frame_size)
        return buffer
