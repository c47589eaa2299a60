"""The loop over live sources that hang, die, or go on for long."""

from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path

import pytest
from barcode import BarcodeReader, numbered_frame, write_video
from mjpeg_server import endless, serve

from edge_hwr.device import capture
from edge_hwr.device.loop import Watch, run_loop
from edge_hwr.device.retries import RetryBounds
from edge_hwr.device.sources import Frame, open_source
from edge_hwr.errors import SinkError, SourceError, SourceTimeoutError

FRAMES = 10_000
NO_RETRIES = Watch(retries=RetryBounds(limit=0))


class Camera:
    """A live source of numbered frames; at frame `breaks_at` it does what `fault` does."""

    live = True
    name = "test camera"

    def __init__(self, breaks_at: int = -1, fault: object = None) -> None:
        self.closed_by: str | None = None
        self._breaks_at = breaks_at
        self._fault = fault
        self._number = 0

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed_by = threading.current_thread().name

    def pace(self, period_s: float) -> None:
        pass

    def read(self) -> Frame | None:
        if self._number == self._breaks_at:
            if isinstance(self._fault, threading.Event):
                self._fault.wait(30)
            elif isinstance(self._fault, BaseException):
                raise self._fault
            return None
        frame = Frame(numbered_frame(self._number), time.monotonic(), self._number)
        self._number += 1
        return frame


def resident_kib() -> int:
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def test_a_source_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "CLOSING_S", 0.1)
    release = threading.Event()
    reader = BarcodeReader()
    with pytest.raises(SourceTimeoutError, match=r"test camera has hung: no frame for 0\.3 s"):
        run_loop(Camera(5, release), reader, (), stop=threading.Event(), watch=Watch(patience_s=0.3))
    release.set()
    assert reader.numbers[-1] == 4


@pytest.mark.parametrize("fault", [SourceError("unplugged"), TimeoutError("bus"), MemoryError("full"), SystemExit(3)])
def test_whatever_ends_the_capture_thread_ends_the_loop(fault: BaseException) -> None:
    camera = Camera(3, fault)
    with pytest.raises(type(fault)) as caught:
        run_loop(camera, BarcodeReader(), (), stop=threading.Event(), watch=NO_RETRIES)
    assert caught.value is fault
    assert camera.closed_by == "capture test camera"


def test_the_last_frame_before_the_end_is_read() -> None:
    reader = BarcodeReader(pause_s=0.01)
    tally = run_loop(Camera(200), reader, (), stop=threading.Event())
    assert reader.numbers[-1] == 199
    assert tally.frames == len(reader.numbers)
    assert tally.frames + tally.dropped == 200


def test_a_sink_that_fails_ends_the_loop_and_closes_the_source() -> None:
    class FullDisk:
        def __enter__(self) -> FullDisk:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def write(self, result: object) -> None:
            raise SinkError("disk full")

    camera = Camera()
    with pytest.raises(SinkError, match="disk full"):
        run_loop(camera, BarcodeReader(), [FullDisk()], stop=threading.Event())
    assert camera.closed_by == "capture test camera"


def test_stop_ends_a_loop_that_waits() -> None:
    stop, never = threading.Event(), threading.Event()
    camera = Camera(0, never)
    threading.Timer(0.1, stop.set).start()
    threading.Timer(0.2, never.set).start()
    tally = run_loop(camera, BarcodeReader(), (), stop=stop)
    assert tally.frames == 0
    assert tally.seconds < 5


def test_memory_and_descriptors_stay_flat_over_a_long_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.avi", FRAMES)
    reader = BarcodeReader()
    run_loop(open_source(str(path)), reader, (), stop=threading.Event(), max_frames=1000)
    resident, descriptors = resident_kib(), len(os.listdir("/proc/self/fd"))
    reader.numbers.clear()
    assert run_loop(open_source(str(path)), reader, (), stop=threading.Event()).frames == FRAMES
    assert reader.numbers == list(range(FRAMES))
    assert resident_kib() - resident < 4096
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_memory_threads_and_descriptors_stay_flat_over_a_long_stream() -> None:
    with serve(endless(0)) as url:
        run_loop(open_source(url), BarcodeReader(), (), stop=threading.Event(), max_frames=500)
    threads, resident, descriptors = threading.active_count(), resident_kib(), len(os.listdir("/proc/self/fd"))
    seen = 0
    while seen < FRAMES:
        with serve(endless(0)) as url:
            tally = run_loop(open_source(url), BarcodeReader(), (), stop=threading.Event(), max_frames=1000)
        seen += tally.frames + tally.dropped
    assert resident_kib() - resident < 4096
    assert threading.active_count() <= threads  # fewer, when one of a test before this one has ended meanwhile
    assert len(os.listdir("/proc/self/fd")) <= descriptors
