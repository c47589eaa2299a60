"""From what a user types to a source."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import cv2

from edge_hwr.errors import SourceError, UsageError
from edge_hwr.picture import is_picture

from .picamera import Picamera
from .picamera_settings import PicameraSettings
from .pictures import Pictures
from .source import READ_TIMEOUT_S, Source
from .stream import Stream
from .v4l2 import V4l2Camera
from .video import Video

URL_SCHEMES = ("http", "https", "rtsp", "rtsps")


def open_source(spec: str, *, timeout_s: float = READ_TIMEOUT_S) -> Source:
    """The source that `spec` names; nothing is opened before it is entered.

    `spec` is a picture file or a folder of them, a video file, an http(s) or rtsp(s) URL, `/dev/videoN`, a link to it
    (/dev/v4l/by-id/…) or `v4l2:N`,
    `picamera` or `picamera:N`, with settings after a comma (see PicameraSettings.parse). `timeout_s` is the deadline of
    a live source for opening and for each frame. Raises UsageError for what is none of these, and SourceError for a
    file that is not there.
    """
    if match := re.fullmatch(r"picamera(?::(\d+))?(?:,(.*))?", spec):
        return Picamera(int(match[1] or 0), PicameraSettings.parse(match[2] or ""), timeout_s=timeout_s)
    if match := re.fullmatch(r"(?:v4l2:|/dev/video)(\d+)", spec):
        return V4l2Camera(f"/dev/video{match[1]}")
    if spec.startswith("/dev/v4l/") and "\0" not in spec:
        return V4l2Camera(spec)
    if "://" in spec:
        return _open_url(spec, timeout_s)
    return _open_path(spec)


def _open_url(url: str, timeout_s: float) -> Source:
    try:
        parts = urlsplit(url)
        usable = parts.scheme.lower() in URL_SCHEMES and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"no address of a stream: give {', '.join(URL_SCHEMES)} and a host, as in rtsp://HOST/PATH")
    return Stream(url, timeout_s=timeout_s)


def _open_path(spec: str) -> Source:
    path = Path(spec)
    try:
        if spec and path.is_dir():  # an empty path would be the current folder
            return Pictures(path)
        size = path.stat().st_size if path.is_file() else None
    except (OSError, ValueError):  # a path too long, a folder that may not be looked into, a null character
        size = None
    if size is None:
        raise SourceError(
            f"{spec!r} is no source: give a picture, a folder, a video, an address such as rtsp://HOST/PATH, "
            "v4l2:0 or picamera"
        )
    # Raw Motion JPEG begins as a picture does.
    film = path.suffix.lower() in (".mjpeg", ".mjpg")
    if is_picture(path) or (size and not film and cv2.haveImageReader(str(path))):
        return Pictures(path)
    if not size:
        raise SourceError(f"{spec} is empty: give a file with a picture or a video in it")
    return Video(path)
