"""How a camera of the Pi is to be set up."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_hwr.errors import UsageError

CONTINUOUS_AUTOFOCUS = 2  # libcamera.controls.AfModeEnum.Continuous

_EXAMPLE = "picamera:0,size=1280x720,rate=15,exposure=8000,crop=0.25:0.25:0.5:0.5"


@dataclass(frozen=True, slots=True)
class PicameraSettings:
    """What is asked of a camera; it gives the nearest it has.

    `size` is the width and height of the frames in pixels, `rate` the frames a second, `exposure_us` the time of
    exposure in microseconds (None: the camera's own choice), and `crop` the part of the sensor that is read out, as
    fractions of its width and height: left, top, width, height.
    """

    size: tuple[int, int] = (1280, 720)
    rate: float = 30.0
    exposure_us: int | None = None
    crop: tuple[float, float, float, float] | None = None

    @classmethod
    def parse(cls, text: str) -> PicameraSettings:
        """From "size=1280x720,rate=15,exposure=8000,crop=X:Y:W:H", any of them or none. Raises UsageError."""
        values: dict[str, Any] = {}
        for item in filter(None, text.split(",")):
            key, _, value = item.partition("=")
            if key not in _PARSERS:
                raise UsageError(
                    f"{item!r} is no setting of a camera: give size, rate, exposure or crop, as in {_EXAMPLE}"
                )
            field, parse = _PARSERS[key]
            try:
                values[field] = parse(value)
            except ValueError as error:
                raise UsageError(f"the camera's {key} cannot be {value!r}: give it as in {_EXAMPLE}") from error
        return cls(**values)

    @property
    def frame_us(self) -> int:
        """Microseconds from one frame to the next."""
        return round(1e6 / self.rate)

    def controls(self, known: Mapping[str, tuple[Any, Any, Any]]) -> tuple[dict[str, Any], list[str]]:
        """libcamera's controls for a camera that has those of `known`, and the names of those it would need but lacks.

        `known` has least, greatest and default value of each control, as picamera2's `camera_controls`.
        """
        wanted: dict[str, Any] = {"FrameDurationLimits": (self.frame_us, self.frame_us)}
        if self.exposure_us is not None:
            wanted["ExposureTime"] = self.exposure_us
        if self.crop is not None:
            wanted["ScalerCrop"] = _crop(self.crop, known["ScalerCrop"][1]) if "ScalerCrop" in known else None
        missing = [name for name in wanted if name not in known]
        if "AfMode" in known:  # few cameras have a lens that moves, and nobody asked for one
            wanted["AfMode"] = CONTINUOUS_AUTOFOCUS
        return {name: value for name, value in wanted.items() if name in known}, missing


def _crop(part: tuple[float, float, float, float], whole: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """`part`, in fractions, of the rectangle `whole` in pixels of the sensor."""
    left, top, width, height = whole
    x, y, w, h = part
    return left + round(x * width), top + round(y * height), round(w * width), round(h * height)


def _parse_size(text: str) -> tuple[int, int]:
    width, height = map(int, text.split("x"))
    # The planes of YUV420 have half the width and height.
    if not (64 <= width <= 8192 and 64 <= height <= 8192) or width % 2 or height % 2:
        raise ValueError(text)
    return width, height


def _parse_rate(text: str) -> float:
    rate = float(text)
    if not 0.1 <= rate <= 240:
        raise ValueError(text)
    return rate


def _parse_exposure(text: str) -> int:
    exposure_us = int(text)
    if not 0 < exposure_us <= 10_000_000:
        raise ValueError(text)
    return exposure_us


def _parse_crop(text: str) -> tuple[float, float, float, float]:
    x, y, w, h = map(float, text.split(":"))
    if not all(map(math.isfinite, (x, y, w, h))) or min(x, y) < 0 or min(w, h) <= 0 or max(x + w, y + h) > 1:
        raise ValueError(text)
    return x, y, w, h


_PARSERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "size": ("size", _parse_size),
    "rate": ("rate", _parse_rate),
    "exposure": ("exposure_us", _parse_exposure),
    "crop": ("crop", _parse_crop),
}
