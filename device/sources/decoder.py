"""Grey pictures out of what FFmpeg can open, through OpenCV."""

from __future__ import annotations

import os
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

# OpenCV takes options for FFmpeg from here alone. Packets that FFmpeg knows to be damaged are left out: decoded, they
# would show parts of an older frame. The first option is what OpenCV sets when the variable is absent.
os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp|fflags;discardcorrupt")

_MJPEG = cv2.VideoWriter.fourcc(*"MJPG")
_I420 = cv2.VideoWriter.fourcc(*"I420")
_RAW = -1
_ERRORS_ALONE = 2
"""Level of OpenCV's log."""
_END_OF_JPEG = b"\xff\xd9"


class Decoder:
    """An open video or stream at `location`; `opened` is False where there is none.

    Whatever the codec, no colour is decoded where that can be helped: of Motion JPEG only the luma is, and of planar
    YUV the Y plane is taken as it is.
    """

    def __init__(self, location: str, timeout_s: float) -> None:
        timeout_ms = round(1e3 * timeout_s)
        parameters = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms]
        self._capture = cv2.VideoCapture(location, cv2.CAP_FFMPEG, parameters)
        self._grabbed = 0
        self.opened = self._capture.isOpened()
        upright = self._capture.get(cv2.CAP_PROP_ORIENTATION_META) == 0  # OpenCV would turn packets, too
        # FFmpeg fills the missing rest of a cut JPEG with the frame before; a packet can be checked before decoding.
        self._jpeg = (
            upright and self._number(cv2.CAP_PROP_FOURCC) == _MJPEG and self._capture.set(cv2.CAP_PROP_FORMAT, _RAW)
        )
        if not self._jpeg and self._number(cv2.CAP_PROP_CODEC_PIXEL_FORMAT) == _I420:
            self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
            # Asked for planes as they are, OpenCV warns at each frame that it gives the first one: what is wanted here.
            log: Any = getattr(cv2.utils, "logging", cv2)  # OpenCV 4 has it all in one place
            log.setLogLevel(min(log.getLogLevel(), _ERRORS_ALONE))

    @property
    def duration_s(self) -> float:
        """Seconds that the container promises; 0 where it does not say, as in a live stream."""
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        frames = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        return frames / rate if rate > 0 and frames > 0 else 0.0

    @property
    def end_s(self) -> float:
        """Seconds from the beginning to the end of the frame that was grabbed last."""
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        # The position counts where frames come at no fixed rate, the count where OpenCV keeps no position: for packets.
        before_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        return max(before_s + 1 / rate, self._grabbed / rate) if rate > 0 else before_s

    def grab(self) -> bool:
        """Go to the next frame; False at the end, on failure and after the timeout: then nothing more will come."""
        grabbed = self._capture.grab()
        self._grabbed += grabbed
        return grabbed

    def retrieve(self) -> NDArray[np.uint8] | None:
        """The grabbed frame, uint8 (height, width); None if it is damaged."""
        intact, picture = self._capture.retrieve()
        if not intact or picture is None:
            return None
        return decode_jpeg(cast("NDArray[np.uint8]", picture)) if self._jpeg else grey(picture)

    def close(self) -> None:
        self._capture.release()

    def _number(self, property_id: int) -> int:
        value = self._capture.get(property_id)
        return int(value) if abs(value) < 2**32 else 0


def decode_jpeg(packet: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The luma of a JPEG, uint8 (height, width); None if the JPEG is damaged or cut short."""
    # The end marker may be followed by padding, as in AVI files.
    if packet.size < 4 or packet.tobytes().rstrip(b"\0")[-2:] != _END_OF_JPEG:
        return None
    try:
        return cast("NDArray[np.uint8] | None", cv2.imdecode(packet, cv2.IMREAD_GRAYSCALE))
    except cv2.error:
        return None


def grey(picture: NDArray[Any]) -> NDArray[np.uint8] | None:
    """The brightness of a picture as OpenCV gives it (BGR, BGRA, packed YUYV, grey), uint8; None for deeper ones."""
    if picture.dtype != np.uint8:
        return None
    if picture.ndim == 2:
        return picture
    match picture.shape[2]:
        case 1 | 2:  # YUYV: every other byte is Y
            return np.ascontiguousarray(picture[..., 0])
        case 3:
            return cast("NDArray[np.uint8]", cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
        case _:
            return cast("NDArray[np.uint8]", cv2.cvtColor(picture, cv2.COLOR_BGRA2GRAY))
