"""The picamera source, on the real picamera2 and the real libcamera."""

from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from scene import Page

from edge_hwr.device.sources import Source, open_source
from edge_hwr.errors import SourceError, SourceTimeoutError
from edge_hwr.reader import Reader

SIZES = {"640x360": (360, 640), "1280x720": (720, 1280)}


@pytest.fixture(autouse=True)
def fault(page: Page, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Creating this folder's files makes the camera of this process fail."""
    import picamera2  # noqa: F401, puts the virtual camera in place
    import virtual_camera

    monkeypatch.setattr(virtual_camera, "FAULTS", tmp_path)
    return tmp_path


@pytest.mark.parametrize("size", SIZES)
def test_frames_are_the_luma_of_what_the_camera_sees(page: Page, size: str) -> None:
    with open_source(f"picamera,size={size}") as source:
        frame = source.read()
    assert frame is not None
    assert frame.grey.shape == SIZES[size]
    assert frame.grey.flags.c_contiguous
    assert frame.grey.flags.owndata
    seen = cv2.resize(cv2.imread(str(page.picture), cv2.IMREAD_GRAYSCALE), SIZES[size][::-1])
    difference = np.abs(frame.grey.astype(int) - seen.astype(int))
    # libcamera's virtual camera scales a picture in its own way.
    assert difference.mean() < (2 if size == "1280x720" else 6)


def test_the_text_of_a_frame(page: Page) -> None:
    with open_source("picamera") as source:
        frame = source.read()
    assert frame is not None
    assert Reader("digits").read(frame.grey).text == page.text


def test_time_is_that_of_the_exposure_in_monotonic_seconds() -> None:
    with open_source("picamera") as source:
        before = 0.0
        for sequence in range(20):
            frame = source.read()
            assert frame is not None
            assert frame.sequence == sequence
            assert 0 <= time.monotonic() - frame.time < 0.5
            assert frame.time > before
            before = frame.time


def test_a_frame_is_never_one_that_has_waited() -> None:
    """picamera2 can keep a finished frame for whoever comes; a reader that is late would get an old picture."""
    with open_source("picamera") as source:
        source.read()
        threading.Event().wait(1.0)
        called = time.monotonic()
        frame = source.read()
    assert frame is not None
    assert frame.time >= called - 1 / 30


def test_controls_that_a_camera_lacks_are_left_out() -> None:
    with open_source("picamera,rate=10,exposure=8000,crop=0.25:0.25:0.5:0.5") as source:
        assert source.read() is not None


def test_the_nearest_size_is_given() -> None:
    with open_source("picamera,size=1000x600") as source:
        frame = source.read()
    assert frame is not None
    assert frame.grey.shape in SIZES.values()


def test_a_frozen_camera_is_noticed_and_can_be_opened_again(fault: Path) -> None:
    source = open_source("picamera", timeout_s=1)
    with source:
        assert source.read() is not None
        (fault / "frozen").touch()
        started = time.monotonic()
        with pytest.raises(SourceTimeoutError, match="picamera:0 has stalled: no frame for 1 s; check the cable"):
            drain(source, 10)  # a few frames may be under way
    assert time.monotonic() - started < 5
    (fault / "frozen").unlink()
    with source:
        assert source.read() is not None


def test_a_camera_that_thaws_goes_on_without_being_opened_again(fault: Path) -> None:
    """After each timeout the job that waits has to go: left behind, it would take a frame and never give it back."""
    with open_source("picamera", timeout_s=1) as source:
        for _ in range(6):  # more than there are buffers
            (fault / "frozen").touch()
            with pytest.raises(SourceTimeoutError):
                drain(source, 10)
            (fault / "frozen").unlink()
            drain(source, 5)


def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="picamera:7 is absent: only cameras 0 to 1 found"), open_source("picamera:7"):
        pass


def test_a_camera_in_use_is_busy() -> None:
    with (
        open_source("picamera"),
        pytest.raises(SourceError, match="picamera:0 is busy: another program"),
        open_source("picamera"),
    ):
        pass


def test_busy_is_said_as_libcamera_says_it() -> None:
    """The virtual camera's own lock speaks with libcamera's words, since the source looks for them."""
    import libcamera
    from virtual_camera import PacedCamera

    camera = libcamera.CameraManager.singleton().cameras[0]
    held, refused = PacedCamera(camera, None), PacedCamera(camera, None)
    held.acquire()
    try:
        with pytest.raises(RuntimeError) as own:
            refused.acquire()
        with pytest.raises(RuntimeError) as libcameras:
            camera.acquire()
    finally:
        held.release()
    assert str(own.value) == str(libcameras.value)


def test_nothing_leaks_over_five_thousand_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    import virtual_camera

    monkeypatch.setattr(virtual_camera, "RATE", 500.0)
    with open_source("picamera,size=640x360") as source:
        drain(source, 500)
        before = footprint()
        drain(source, 5000)
        after = footprint()
    assert after[1:] == before[1:], "files and threads"
    assert after[0] - before[0] < 4 << 20, "bytes of memory"


def test_nothing_leaks_over_openings() -> None:
    source = open_source("picamera,size=640x360")
    for opening in range(25):
        if opening == 5:
            before = footprint()
        with source:
            assert source.read() is not None
    after = footprint()
    # picamera2 itself keeps the reading end of a pipe until its object is collected.
    assert after[1] - before[1] <= 2, "files"
    assert after[2] <= before[2], "threads"
    assert after[0] - before[0] < 16 << 20, "bytes of memory"


def drain(source: Source, frames: int) -> None:
    for _ in range(frames):
        frame = source.read()
        assert frame is not None


def footprint() -> tuple[int, int, int]:
    """Bytes in memory, open files and threads of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE"), len(os.listdir("/proc/self/fd")), threading.active_count()
