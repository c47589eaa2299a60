"""How the picamera source drives picamera2, and what it says when that fails.

A stand-in of the few calls it makes; the real picamera2 is tried against libcamera's virtual camera elsewhere.
"""

from __future__ import annotations

import sys
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from barcode import numbered_frame

from edge_hwr.device.sources import open_source
from edge_hwr.errors import RuntimeMissingError, SourceError, SourceTimeoutError

WIDTH, HEIGHT, STRIDE = 224, 96, 256


class FakeCamera:
    """Gives one padded YUV picture again and again; the class attributes are set by a test to make it fail."""

    cameras = 1
    refusal: Exception | None = None
    failure: Exception | None = None
    pixel_format = "YUV420"
    camera_controls: dict[str, Any] = {}  # noqa: RUF012, as in picamera2 an attribute
    calls: list[str] = []  # noqa: RUF012, of all cameras of a test
    configuration: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, number: int) -> None:
        if self.refusal is not None:
            raise RuntimeError("Camera __init__ sequence did not complete.") from self.refusal

    @classmethod
    def global_camera_info(cls) -> list[dict[str, int]]:
        return [{"Num": number} for number in range(cls.cameras)]

    def create_video_configuration(self, **settings: Any) -> dict[str, Any]:
        self.configuration.update(settings)
        return settings

    def configure(self, configuration: dict[str, Any]) -> None:
        self.calls.append("configure")

    def stream_configuration(self, name: str) -> dict[str, Any]:
        return {"format": self.pixel_format, "size": (WIDTH, HEIGHT), "stride": STRIDE}

    def start(self) -> None:
        self.calls.append("start")

    @contextmanager
    def captured_request(self, wait: float) -> Iterator[FakeCamera]:
        if self.failure is not None:
            raise self.failure
        try:
            yield self
        finally:
            self.calls.append("release")

    def get_metadata(self) -> dict[str, int]:
        return {"SensorTimestamp": 123_500_000_000}

    def cancel_all_and_flush(self) -> None:
        self.calls.append("cancel")

    def close(self) -> None:
        self.calls.append("close")


class FakeMappedArray:
    def __init__(self, request: FakeCamera, stream: str) -> None:
        padded = np.full((HEIGHT * 3 // 2, STRIDE), 99, np.uint8)
        padded[:HEIGHT, :WIDTH] = numbered_frame(321)
        self.array = padded if request.pixel_format == "YUV420" else padded[:, :WIDTH]
        self._padded = padded

    def __enter__(self) -> FakeMappedArray:
        return self

    def __exit__(self, *_: object) -> None:
        self._padded[:] = 0  # the buffer goes back to the camera


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> type[FakeCamera]:
    class Camera(FakeCamera):
        calls: list[str] = []  # noqa: RUF012
        configuration: dict[str, Any] = {}  # noqa: RUF012

    module = types.ModuleType("picamera2")
    vars(module).update(Picamera2=Camera, MappedArray=FakeMappedArray)
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return Camera


@pytest.mark.parametrize("pixel_format", ["YUV420", "NV12"])
def test_a_frame_is_the_luma_without_padding(camera: type[FakeCamera], pixel_format: str) -> None:
    camera.pixel_format = pixel_format
    with open_source("picamera") as source:
        frames = [source.read(), source.read()]
    for sequence, frame in enumerate(frames):
        assert frame is not None
        np.testing.assert_array_equal(frame.grey, numbered_frame(321))
        assert (frame.sequence, frame.time) == (sequence, 123.5)
    assert camera.calls == ["configure", "start", "release", "release", "close"]
    assert camera.configuration["queue"] is False
    assert camera.configuration["buffer_count"] <= 5
    assert camera.configuration["controls"] == {}


def test_autofocus_is_asked_for_where_there_is_one(camera: type[FakeCamera]) -> None:
    camera.camera_controls = {"AfMode": (0, 2, 0)}
    with open_source("picamera"):
        assert list(camera.configuration["controls"]) == ["AfMode"]


def test_without_a_sensor_time_a_frame_has_that_of_its_arrival(
    camera: type[FakeCamera], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera, "get_metadata", lambda _: {})
    with open_source("picamera") as source:
        frame = source.read()
    assert frame is not None
    assert 0 <= time.monotonic() - frame.time < 10


def test_a_stall_cancels_the_waiting_job_before_the_camera_is_closed(camera: type[FakeCamera]) -> None:
    camera.failure = TimeoutError()
    with pytest.raises(SourceTimeoutError, match="picamera:0 has stalled"), open_source("picamera") as source:
        source.read()
    assert camera.calls == ["configure", "start", "cancel", "close"]


def test_a_camera_that_dies(camera: type[FakeCamera]) -> None:
    camera.failure = RuntimeError("failed to find buffer")
    with pytest.raises(SourceError, match="has died: failed to find buffer"), open_source("picamera") as source:
        source.read()
    assert camera.calls[-1] == "close"


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("refusal", RuntimeError("Device or resource busy"), "picamera:1 is busy: another program"),
        ("refusal", RuntimeError("sensor does not answer"), "picamera:1 cannot be opened: sensor does not answer"),
        ("cameras", 0, "picamera:1 is absent: no camera found"),
        ("cameras", 1, "picamera:1 is absent: only camera 0 found"),
        ("pixel_format", "YUYV", "gives YUYV, no YUV420: use v4l2:N"),
        ("start", lambda _: 1 / 0, "cannot be started: division by zero"),
    ],
)
def test_why_a_camera_cannot_be_opened(camera: type[FakeCamera], setting: str, value: object, message: str) -> None:
    camera.cameras = 2
    setattr(camera, setting, value)
    with pytest.raises(SourceError, match=message), open_source("picamera:1"):
        pass
    assert "configure" not in camera.calls or camera.calls[-1] == "close"


def test_without_picamera2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(RuntimeMissingError, match="apt install python3-picamera2"), open_source("picamera"):
        pass


def test_a_camera_that_was_pulled_out_is_told_from_one_that_stalls(camera: type[FakeCamera]) -> None:
    with open_source("picamera") as source:
        camera.failure = TimeoutError()
        camera.cameras = 0
        with pytest.raises(SourceError, match="picamera:0 was pulled out: plug it in again"):
            source.read()


def test_without_permission_no_camera_is_found(camera: type[FakeCamera], monkeypatch: pytest.MonkeyPatch) -> None:
    camera.cameras = 0
    monkeypatch.setattr("edge_hwr.device.sources.picamera.barred_devices", lambda: ["/dev/media0"])
    with (
        pytest.raises(SourceError, match="no permission on /dev/media0: `sudo usermod -aG video"),
        open_source("picamera"),
    ):
        pass
