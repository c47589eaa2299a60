"""What the first bytes of a picture file promise: its size in pixels, and whether all of the file is there.

Decoders find out too late: they allocate first, and they fill what a cut file lacks with grey.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import NamedTuple


class Header(NamedTuple):
    """Width and height in pixels before any EXIF rotation; `whole` is False for a file that was cut short.

    `transparent` says that it has a channel of how much each pixel covers; of such pictures `orientation` is EXIF's,
    1 (upright) to 8. `more` is True for a file of several pages.
    """

    width: int
    height: int
    whole: bool
    transparent: bool = False
    orientation: int = 1
    more: bool = False


def picture_header(data: bytes) -> Header | None:
    """Header of PNG, JPEG, WebP, BMP, TIFF or PNM data; None for anything else, or when the header itself is cut."""
    for signature, parse in _FORMATS:
        if re.match(signature, data, re.DOTALL):
            try:
                return parse(data)
            except (struct.error, IndexError, ValueError):
                return None
    return None


def unread_format(data: bytes) -> str | None:
    """The name of a format of pictures or pages that is known but not read; None for anything else."""
    return next((name for signature, name in _UNREAD if re.match(signature, data, re.DOTALL)), None)


def _png(data: bytes) -> Header:
    width, height = struct.unpack_from(">II", data, 16)
    # Grey or colour with alpha, or a transparent colour, which is told before the pixels.
    transparent = data[25] in (4, 6) or b"tRNS" in data[: data.find(b"IDAT")]
    position, orientation = 8, 1
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind, content = data[position + 4 : position + 8], position + 8
        position += 12 + length
        if kind == b"eXIf":
            orientation = _orientation(data[content : content + length])
        if kind == b"IEND":
            return Header(width, height, position <= len(data), transparent, orientation)
    return Header(width, height, False, transparent)


def _jpeg(data: bytes) -> Header | None:
    position = 2
    while True:
        while data[position + 1] == 0xFF:  # fill bytes before a marker
            position += 1
        marker = data[position + 1]
        if data[position] != 0xFF:
            return None
        # SOF0..SOF15 hold the size; C4, C8 and CC in their midst are tables.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, position + 5)
            # The end marker of an embedded thumbnail stands before this one.
            return Header(width, height, data.rfind(b"\xff\xd9") > position)
        (length,) = struct.unpack_from(">H", data, position + 2)
        position += 2 + length


def _webp(data: bytes) -> Header | None:
    whole = len(data) >= 8 + struct.unpack_from("<I", data, 4)[0]
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header(width & 0x3FFF, height & 0x3FFF, whole)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, whole, bool(bits >> 28 & 1))
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height, flags = int.from_bytes(data[27:30], "little") + 1, data[20]
        return Header(width, height, whole, bool(flags & 0x10), _webp_orientation(data) if flags & 0x08 else 1)
    return None


def _webp_orientation(data: bytes) -> int:
    position = 12
    while position + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, position + 4)
        if data[position : position + 4] == b"EXIF":
            return _orientation(data[position + 8 : position + 8 + length].removeprefix(b"Exif\0\0"))
        position += 8 + length + length % 2
    return 1


def _bmp(data: bytes) -> Header:
    offset, _, width, height = struct.unpack_from("<IIii", data, 10)
    (bits,) = struct.unpack_from("<H", data, 28)
    (compression,) = struct.unpack_from("<I", data, 30)
    row = (abs(width) * bits + 31) // 32 * 4
    whole = compression in (1, 2) or len(data) >= offset + row * abs(height)  # 1 and 2 are run lengths
    return Header(abs(width), abs(height), whole)


def _tiff(data: bytes) -> Header:
    tags, more = _tags(data)
    if not {256, 257} <= tags.keys():
        raise ValueError("a TIFF without its size")
    # Samples beside grey or colour that say how much a pixel covers; not of floating point, which is not read so.
    transparent = tags.get(338) in (1, 2) and tags.get(339) != 3
    return Header(tags[256], tags[257], True, transparent, more=more)  # a cut one is refused by the decoder


def _orientation(exif: bytes) -> int:
    """EXIF's orientation, 1 to 8; 1 where it tells none that there is."""
    try:
        told = _tags(exif)[0].get(274, 1)
    except (struct.error, IndexError):
        return 1
    return told if 1 <= told <= 8 else 1


def _tags(data: bytes) -> tuple[dict[int, int], bool]:
    """The whole numbers of the first directory of TIFF data by tag, the first of several, and whether there is another
    directory."""
    order = "<" if data[:2] == b"II" else ">"
    (directory,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, directory)
    tags = {}
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack_from(order + "HHI", data, entry)
        if kind in (3, 4):  # SHORT and LONG stand in the entry itself, unless they are too many
            one, place = "H" if kind == 3 else "I", entry + 8
            if values * struct.calcsize("=" + one) > 4:
                (place,) = struct.unpack_from(order + "I", data, place)
            (tags[tag],) = struct.unpack_from(order + one, data, place)
    end = directory + 2 + 12 * count
    return tags, any(data[end : end + 4])


def _pnm(data: bytes) -> Header | None:
    # Comments may stand between the numbers; one white space ends the header.
    match = re.match(rb"P([1-6])((?:\s|#[^\n]*\n)+)(\d+)((?:\s|#[^\n]*\n)+)(\d+)((?:\s|#[^\n]*\n)+(\d+))?\s", data)
    if match is None:
        return None
    kind, width, height = int(match[1]), int(match[3]), int(match[5])
    if kind < 4:
        return Header(width, height, True)  # plain text: a cut one is refused by the decoder
    if kind == 4:
        return Header(width, height, len(data) >= (width + 7) // 8 * height)
    if match[7] is None:
        return None
    depth = 2 if int(match[7]) > 255 else 1
    size = width * height * depth * (3 if kind == 6 else 1)
    return Header(width, height, len(data) >= match.end() + size)


_FORMATS: tuple[tuple[bytes, Callable[[bytes], Header | None]], ...] = (
    (rb"\x89PNG\r\n\x1a\n", _png),
    (rb"\xff\xd8\xff", _jpeg),
    (rb"RIFF....WEBP", _webp),
    (rb"BM", _bmp),
    (rb"II\*\0|MM\0\*", _tiff),
    (rb"P[1-6]\s", _pnm),
)

_UNREAD = (
    (rb"....ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)", "HEIC"),
    (rb"....ftypavi[fs]", "AVIF"),
    (rb"GIF8[79]a", "GIF"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000"),
    (rb"%PDF-", "PDF"),
    (rb"\s*(<\?xml[^>]*>\s*)?<svg\b", "SVG"),
)
