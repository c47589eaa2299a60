"""What a user may ask of a Pi camera, and what is asked of cameras that have more or fewer controls."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_hwr.device.sources import open_source
from edge_hwr.device.sources.picamera_settings import PicameraSettings
from edge_hwr.errors import UsageError

SENSOR: dict[str, tuple[Any, Any, Any]] = {
    "FrameDurationLimits": (33333, 120000, None),
    "ExposureTime": (0, 66666, None),
    "ScalerCrop": ((0, 0, 64, 64), (16, 8, 4608, 2592), (0, 0, 4608, 2592)),
}


def test_nothing_asked_is_the_default() -> None:
    assert PicameraSettings.parse("") == PicameraSettings()


def test_all_of_it() -> None:
    settings = PicameraSettings.parse("size=640x480,rate=12.5,exposure=8000,crop=0.25:0.5:0.5:0.25")
    assert settings == PicameraSettings((640, 480), 12.5, 8000, (0.25, 0.5, 0.5, 0.25))
    controls, missing = settings.controls(SENSOR)
    assert controls == {
        "FrameDurationLimits": (80000, 80000),
        "ExposureTime": 8000,
        "ScalerCrop": (16 + 1152, 8 + 1296, 2304, 648),
    }
    assert missing == []


def test_a_camera_is_asked_for_no_control_that_it_lacks() -> None:
    controls, missing = PicameraSettings.parse("exposure=8000,crop=0:0:1:1").controls({"AfMode": (0, 2, 0)})
    assert controls == {"AfMode": 2}
    assert missing == ["FrameDurationLimits", "ExposureTime", "ScalerCrop"]


@pytest.mark.parametrize(
    "text",
    [
        "speed=3",
        "rate",
        "rate=fast",
        "rate=0",
        "rate=nan",
        "size=640",
        "size=641x480",
        "size=10x10",
        "exposure=-1",
        "exposure=1.5",
        "crop=0:0:1",
        "crop=0.5:0:0.6:1",
        "crop=nan:0:1:1",
        "crop=0:0:0:1",
    ],
)
def test_what_cannot_be_meant(text: str) -> None:
    with pytest.raises(UsageError, match="picamera:0,size=1280x720"):
        open_source(f"picamera:1,{text}")


@given(st.text(max_size=60))
def test_any_text_is_settings_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert PicameraSettings.parse(text).frame_us > 0


@given(
    st.floats(0, 0.9),
    st.floats(0, 0.9),
    st.floats(0.01, 0.1),
    st.floats(0.01, 0.1),
    st.integers(64, 9000),
    st.integers(64, 9000),
)
def test_a_crop_lies_within_the_sensor(x: float, y: float, w: float, h: float, width: int, height: int) -> None:
    known = {"ScalerCrop": ((0, 0, 1, 1), (8, 8, width, height), (8, 8, width, height))}
    controls, _ = PicameraSettings(crop=(x, y, w, h)).controls(known)
    left, top, wide, high = controls["ScalerCrop"]
    assert 8 <= left <= left + wide <= 8 + width + 1
    assert 8 <= top <= top + high <= 8 + height + 1
