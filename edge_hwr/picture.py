"""Picture files: read as grey frames, with everything that can be wrong with them told in one line, and written."""

from __future__ import annotations

import logging
from math import isqrt
from pathlib import Path, PurePath
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.errors import PictureError
from edge_hwr.files import file_path, read_file, write_atomically
from edge_hwr.native_messages import native_messages_caught
from edge_hwr.picture_header import picture_header, unread_format

log = logging.getLogger(__name__)

Picture = NDArray[np.uint8]

MOST_PIXELS = 100_000_000
"""A larger picture is refused before it is decoded: it would take the memory of a small board."""

PICTURE_SUFFIXES = frozenset(
    (".bmp", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp")
)

_DAMAGE = (b"premature end of data segment", b"bad Huffman code")
"""What libjpeg says, and nothing else tells, where it fills a picture with what was never photographed."""

_MOST_BYTES = 8 * MOST_PIXELS  # an uncompressed picture of that size, 16 bits a channel

_LIGHT, _DARK, _DARK_SHARE = 180, 128, 0.02
"""Strokes on nothing whose mean brightness is more than the first, of 255, were not written on white, unless this share
of them is darker than the second: with dark ink, what is light is a card or a highlighter."""

_SAMPLED_COVER, _ROWS = 4_000_000, 64
"""Pixels that tell whether strokes are light, of a larger picture; rows that are blended at a time."""

_LEAST_CONTRAST = 60
"""Of 255: a picture with less between its darkest and its brightest shows no writing in either."""


def is_picture(path: PurePath) -> bool:
    """Whether a file is called as pictures are."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def read_picture(path: str | Path) -> Picture:
    """Grey picture of a file: uint8 (height, width), upright by its EXIF orientation.

    `PictureError` for a file that is missing, empty, cut short, damaged, no picture, or of more than `MOST_PIXELS`.
    """
    return decode_picture(_read(file_path(path)), str(path))


def read_colour_picture(path: str | Path) -> Picture:
    """Like `read_picture`, but BGR: uint8 (height, width, 3)."""
    return _decode(_read(file_path(path)), str(path), cv2.IMREAD_COLOR)


def decode_picture(data: bytes, name: str) -> Picture:
    """Grey picture, uint8 (height, width), of the bytes of a picture file; `name` stands in the errors."""
    return _decode(data, name, cv2.IMREAD_GRAYSCALE)


def write_picture(path: str | Path, picture: Picture) -> None:
    """Write a grey or BGR picture, whole or not at all, in the format of the path's suffix."""
    path = Path(path)
    try:
        written, data = cv2.imencode(path.suffix, picture)
    except cv2.error as error:
        raise PictureError(f"{path}: cannot write pictures as {path.suffix or 'a file without suffix'}") from error
    if not written:
        height, width = picture.shape[:2]
        raise PictureError(f"{path}: {width}x{height} pixels do not fit into a {path.suffix}: scale the picture down")
    try:
        write_atomically(path, data.tobytes())
    except OSError as error:
        raise PictureError(f"{path}: {error.strerror}") from error


_SAMPLED = 20_000
"""Pixels tell as well as all of a large picture whether it is light or dark."""


def is_light_on_dark(grey: Picture) -> bool:
    """Whether most of a picture is nearer its darkest than its brightest: ink is the lesser part of writing."""
    step = max(1, isqrt(grey.size // _SAMPLED))
    darkest, usual, brightest = np.percentile(grey[::step, ::step], (1, 50, 99.5))
    return bool(brightest - darkest >= _LEAST_CONTRAST and usual - darkest < 0.4 * (brightest - darkest))


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            folder = f"{path}: a folder: name the pictures in it, or read all by `edge-hwr run --source {path}`"
            raise PictureError(folder)
        if path.is_file() and path.stat().st_size > _MOST_BYTES:
            raise PictureError(f"{path}: too large for a picture ({path.stat().st_size:,} bytes)")
        return read_file(path)
    except OSError as error:
        raise PictureError(f"{path}: {error.strerror}") from error


def _decode(data: bytes, name: str, mode: int) -> Picture:
    if not data:
        raise PictureError(f"{name}: the file is empty")
    header = picture_header(data)
    if header is None:
        unread = unread_format(data)
        if unread:
            raise PictureError(f"{name}: {unread}, which is not read: save it as PNG or JPEG")
        raise PictureError(f"{name}: not a picture (PNG, JPEG, WebP, BMP, TIFF or PNM)")
    if header.width * header.height > MOST_PIXELS:
        raise PictureError(
            f"{name}: {header.width}x{header.height} pixels are too many (at most {MOST_PIXELS // 10**6} million): "
            "scale it down"
        )
    if not header.whole:
        raise PictureError(f"{name}: cut short: copy it again")
    picture: Any
    try:
        with native_messages_caught() as messages:  # libpng and libjpeg comment on every fault
            how = cv2.IMREAD_UNCHANGED if header.transparent else mode
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    except cv2.error:
        picture = None
    if picture is None or picture.dtype.kind != "u":
        raise PictureError(f"{name}: damaged, or of a kind that is not read: save it as PNG or JPEG")
    if any(message in messages for message in _DAMAGE):
        raise PictureError(f"{name}: damaged: copy it again")
    if header.more:
        log.warning("%s: of its pages, the first is read: save each as a picture of its own", name)
    if not header.transparent:
        return np.asarray(picture, np.uint8)
    return _upright(_on_paper(picture, mode), header.orientation)


def _upright(picture: Picture, orientation: int) -> Picture:
    """Turned as EXIF's orientation (1 to 8) says, which OpenCV leaves out where it keeps what is transparent."""
    if orientation >= 5:
        picture = np.swapaxes(picture, 0, 1)
    rows, columns = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}.get(orientation, (1, 1))
    return np.ascontiguousarray(picture[::rows, ::columns])


def _on_paper(picture: NDArray[Any], mode: int) -> Picture:
    """What covers paper, as programs for notes save strokes on nothing: white paper, which a decoder would make black,
    but black where the strokes are light."""
    if picture.dtype != np.uint8:
        picture = cv2.convertScaleAbs(picture, alpha=255 / np.iinfo(picture.dtype).max)
    if picture.ndim == 3 and picture.shape[2] == 4:
        picture = _blended(np.asarray(picture, np.uint8))
    if mode == cv2.IMREAD_GRAYSCALE and picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    elif mode == cv2.IMREAD_COLOR and picture.ndim == 2:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    return np.asarray(picture, np.uint8)


def _blended(picture: Picture) -> Picture:
    """BGRA on its paper, BGR."""
    step = max(1, isqrt(picture.shape[0] * picture.shape[1] // _SAMPLED_COVER))
    sample = np.ascontiguousarray(picture[::step, ::step])
    paper = 0 if _is_light(sample[..., :3].copy(), sample[..., 3].astype(np.float32) / 255) else 255
    blended = np.empty((*picture.shape[:2], 3), np.uint8)
    # Some rows at a time: a large picture of floating-point numbers would take the memory of a small board.
    for top in range(0, len(picture), _ROWS):
        rows = picture[top : top + _ROWS]
        cover = rows[..., 3:].astype(np.float32) / 255
        blended[top : top + _ROWS] = np.rint(rows[..., :3] * cover + paper * (1 - cover))
    return blended


def _is_light(colours: Picture, cover: NDArray[Any]) -> bool:
    """Whether what covers a smaller part of the paper would hardly be seen on white, and none of it is dark."""
    covered = float(cover.mean())
    if not 0 < covered < 0.5:
        return False
    grey = cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY)
    dark = float(cover[grey < _DARK].sum()) / cover.size
    return float((grey * cover).mean()) > _LIGHT * covered and dark < _DARK_SHARE * covered
