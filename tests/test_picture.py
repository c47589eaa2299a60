"""Picture files: what is whole is read upright, what is not is told in one line."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawing import sheet, write
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_hwr.errors import PictureError
from edge_hwr.picture import decode_picture, read_colour_picture, read_picture, write_picture
from edge_hwr.picture_header import Header, picture_header
from edge_hwr.reader import Reader

SUFFIXES = [".png", ".jpg", ".webp", ".bmp", ".tiff", ".pgm"]


def encoded(suffix: str, width: int = 120, height: int = 90, *options: int) -> bytes:
    page = sheet(width, height)
    write(page, "42", 20, 60)
    done, data = cv2.imencode(suffix, page, options)
    assert done
    return data.tobytes()


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises any size and holds next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    shape = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", shape) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pictures_of_every_format_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"page{suffix}"
    path.write_bytes(encoded(suffix))
    grey = read_picture(path)
    assert (grey.shape, grey.dtype) == ((90, 120), np.uint8)
    assert np.abs(grey.astype(int) - sheet(120, 90))[:20].mean() < 4
    assert read_colour_picture(path).shape == (90, 120, 3)


@pytest.mark.parametrize("lost", [20, 900])
def test_a_photograph_that_lost_bytes_in_its_midst_is_refused(capfd: pytest.CaptureFixture[str], lost: int) -> None:
    data = encoded(".jpg", 640, 480)
    middle = len(data) // 2
    with pytest.raises(PictureError, match=r"^page\.jpg: damaged: copy it again$"):
        decode_picture(data[:middle] + data[middle + lost :], "page.jpg")
    assert capfd.readouterr().err == ""
    assert decode_picture(data, "page.jpg").shape == (480, 640)


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=40)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_picture_cut_short_anywhere_is_refused(suffix: str, share: float) -> None:
    data = encoded(suffix)
    with pytest.raises(PictureError) as raised:
        decode_picture(data[: int(share * len(data))], "cut")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".webp", (cv2.IMWRITE_WEBP_QUALITY, 50)),
        (".webp", (cv2.IMWRITE_WEBP_QUALITY, 101)),
        (".jpg", (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
        (".pgm", (cv2.IMWRITE_PXM_BINARY, 0)),
    ],
)
def test_variants_of_the_formats_are_measured(suffix: str, options: tuple[int, int]) -> None:
    assert picture_header(encoded(suffix, 131, 77, *options)) == Header(131, 77, True)


def test_a_jpeg_is_turned_upright(tmp_path: Path) -> None:
    data = encoded(".jpg")
    # Orientation 6: the camera was turned; the picture must be rotated by 90 degrees clockwise.
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    turned = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    path = tmp_path / "turned.jpg"
    path.write_bytes(turned)
    np.testing.assert_array_equal(read_picture(path), cv2.rotate(decode_picture(data, ""), cv2.ROTATE_90_CLOCKWISE))


def test_a_jpeg_cut_behind_its_thumbnail_is_refused() -> None:
    thumbnail = encoded(".jpg", 16, 12)
    data = encoded(".jpg", 300, 200)
    application = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    whole = data[:2] + application + data[2:]
    assert decode_picture(whole, "whole").shape == (200, 300)
    with pytest.raises(PictureError, match="cut short"):
        decode_picture(whole[: len(whole) // 2 + len(application) // 2], "cut")


def test_a_file_of_16_bits_or_of_one_pixel() -> None:
    done, data = cv2.imencode(".png", np.full((4, 5), 40_000, np.uint16))
    assert done
    assert decode_picture(data.tobytes(), "deep").dtype == np.uint8
    assert decode_picture(encoded(".png", 1, 1), "tiny").shape == (1, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"hello\n" * 100, "not a picture"),
        (b"\xff\xd8\xff", "not a picture"),
        (b"GIF89a" + bytes(50), "GIF, which is not read"),
        (b"RIFF\x10\0\0\0WEBPnone" + bytes(30), "not a picture"),
        (b"II*\0\x08\0\0\0\0\0" + bytes(30), "not a picture"),
        (b"P5 12 ", "not a picture"),
        (png_header(20_000, 20_000), "20000x20000 pixels are too many"),
        (png_header(100, 100), "damaged"),
        (png_header(0, 0), "damaged"),
    ],
)
def test_what_is_no_picture_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "odd.png"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=rf"odd\.png: .*{message}"):
        read_picture(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff"])
def test_decoders_do_not_talk_to_the_terminal(suffix: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(encoded(suffix, 640, 480))
    for position in range(len(data) // 2, len(data) - 200, 97):
        data[position] ^= 0x55
    # What a decoder can make of a damaged file is up to it.
    with contextlib.suppress(PictureError):
        decode_picture(bytes(data), "damaged")
    print("still there", file=sys.stderr)
    assert capfd.readouterr() == ("", "still there\n")


@pytest.mark.parametrize("deep", [np.uint8, np.uint16])
@pytest.mark.parametrize("grey", [False, True])
def test_strokes_on_nothing_are_strokes_on_white(tmp_path: Path, deep: type, grey: bool) -> None:
    page = np.full((90, 120), 255, np.uint8)
    write(page, "42", 20, 60)
    full = np.iinfo(deep).max
    cover = ((255 - page.astype(np.float64)) / 255 * full).astype(deep)
    black = np.zeros_like(cover)
    cv2.imwrite(str(tmp_path / "note.png"), cv2.merge([black, black, black, cover]))
    if grey:
        (tmp_path / "note.png").write_bytes(grey_with_alpha(cover))
    read = read_picture(tmp_path / "note.png")
    assert np.abs(read.astype(int) - page).max() <= 1
    assert read_colour_picture(tmp_path / "note.png").shape == (90, 120, 3)


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 255, 255)])
def test_light_strokes_on_nothing_are_strokes_on_black(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    page = np.zeros((90, 160), np.uint8)
    write(page, "42", 20, 60, ink=255)
    strokes = np.full((90, 160, 3), colour, np.uint8)
    cv2.imwrite(str(tmp_path / "note.png"), np.dstack([strokes, page]))
    read = read_picture(tmp_path / "note.png")
    assert np.abs(read.astype(int) - page * (read.max() / 255)).max() <= 2
    reading = Reader("digits").read(read)
    assert (reading.text, reading.inverted) == ("42", True)


def test_dark_strokes_on_nothing_stay_on_white_with_a_highlighter_behind_them(tmp_path: Path) -> None:
    page = np.full((120, 400, 4), (0, 0, 0, 0), np.uint8)
    cv2.rectangle(page, (150, 30), (390, 110), (0, 255, 255, 255), -1)
    ink = np.zeros((120, 400), np.uint8)
    write(ink, "4567", 20, 90, size=50, pitch=90, ink=255, pen=4)
    page[ink > 128] = (40, 30, 30, 255)
    cv2.imwrite(str(tmp_path / "note.png"), page)
    reading = Reader("digits").read(read_picture(tmp_path / "note.png"))
    assert (reading.text.replace(" ", ""), reading.inverted) == ("4567", False)


EXIF = "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0{}\0\0\0\0\0\0\0"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_strokes_on_nothing_are_turned_upright(orientation: int, suffix: str) -> None:
    """As OpenCV turns a JPEG of the same page."""
    page = np.full((90, 120), 255, np.uint8)
    write(page, "42", 20, 60)
    clear = np.zeros_like(page)
    exif = EXIF.format(chr(orientation)).encode()
    lossless = (cv2.IMWRITE_WEBP_QUALITY, 101) if suffix == ".webp" else ()
    data = cv2.imencode(suffix, cv2.merge([clear, clear, clear, 255 - page]), lossless)[1].tobytes()
    if suffix == ".png":
        chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif))
        data = data[:33] + chunk + data[33:]
    else:
        size = struct.pack("<I", 119)[:3] + struct.pack("<I", 89)[:3]
        image = data[data.find(b"VP8L") :]
        body = b"WEBPVP8X" + struct.pack("<II", 10, 0x18) + size + image + b"EXIF" + struct.pack("<I", len(exif)) + exif
        data = b"RIFF" + struct.pack("<I", len(body)) + body
    jpeg = cv2.imencode(".jpg", page, (cv2.IMWRITE_JPEG_QUALITY, 100))[1].tobytes()
    marked = b"\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif
    upright = decode_picture(jpeg[:2] + marked + jpeg[2:], "upright")
    assert np.abs(decode_picture(data, "through").astype(int) - upright).max() < 20


def test_of_several_pages_the_first_is_read_and_that_is_told(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    pages = [np.full((60, 80), 255, np.uint8) for _ in range(2)]
    write(pages[0], "4", 20, 50)
    cv2.imwrite(str(tmp_path / "one.tif"), pages[0])
    np.testing.assert_array_equal(read_picture(tmp_path / "one.tif"), pages[0])
    assert not caplog.records
    cv2.imwritemulti(str(tmp_path / "two.tif"), pages)
    np.testing.assert_array_equal(read_picture(tmp_path / "two.tif"), pages[0])
    assert "of its pages, the first is read" in caplog.text


def test_a_transparent_tiff_is_on_white(tmp_path: Path) -> None:
    page = np.full((90, 120), 255, np.uint8)
    write(page, "42", 20, 60)
    clear = np.zeros_like(page)
    pixels = np.stack([clear, clear, clear, 255 - page], axis=-1).tobytes()
    # Size, 8 bits a sample (at 134), uncompressed, RGB, one strip (at 142) of four samples, the last one of them cover.
    entries = [(256, 120), (257, 90), (259, 1), (262, 2), (273, 142), (277, 4), (278, 90), (279, len(pixels)), (338, 2)]
    tags = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries]
    tags.insert(2, struct.pack("<HHII", 258, 3, 4, 134))
    directory = struct.pack("<H", len(tags)) + b"".join(tags) + struct.pack("<I", 0)
    data = struct.pack("<2sHI", b"II", 42, 8) + directory + struct.pack("<4H", 8, 8, 8, 8)
    assert len(data) == 142
    (tmp_path / "note.tif").write_bytes(data + pixels)
    assert np.abs(read_picture(tmp_path / "note.tif").astype(int) - page).max() <= 1


def grey_with_alpha(cover: np.ndarray) -> bytes:
    """A PNG of black that covers so much of what is below, as OpenCV does not write it."""
    height, width = cover.shape
    bits = 8 * cover.itemsize
    pixels = np.stack([np.zeros_like(cover), cover], axis=-1).astype(cover.dtype.newbyteorder(">"))
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, bits, 4, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_a_transparent_tiff_of_floating_point_is_told(tmp_path: Path) -> None:
    """The formats of its four samples do not stand in the entry of the directory, but where it points to."""
    page = np.ones((2, 3, 4), np.float32)
    samples = {256: [3], 257: [2], 258: [32] * 4, 259: [1], 262: [2], 273: [0], 277: [4], 278: [2], 279: [page.nbytes],
               338: [2], 339: [3] * 4}  # fmt: skip
    behind = 8 + 2 + 12 * len(samples) + 4
    entries, values = b"", b""
    for tag, numbers in samples.items():
        kind = "I" if tag in (273, 279) else "H"
        raw = struct.pack(f"<{len(numbers)}{kind}", *numbers)
        if len(raw) > 4:
            raw, values = struct.pack("<I", behind + len(values)), values + raw
        if tag == 273:
            raw = struct.pack("<I", behind + 16)
        entries += struct.pack("<HHI", tag, 4 if kind == "I" else 3, len(numbers)) + raw.ljust(4, b"\0")
    start = struct.pack("<2sHIH", b"II", 42, 8, len(samples))
    (tmp_path / "float.tif").write_bytes(start + entries + bytes(4) + values + page.tobytes())
    assert picture_header((tmp_path / "float.tif").read_bytes()) == Header(3, 2, True)
    with pytest.raises(PictureError, match="of a kind that is not read: save it as PNG or JPEG"):
        read_picture(tmp_path / "float.tif")


def test_pictures_are_read_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_picture(tmp_path / "page.png", sheet(60, 40))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    assert read_picture(tmp_path / "page.png").shape == (40, 60)


def test_a_large_picture_of_strokes_on_nothing_takes_little_memory(tmp_path: Path) -> None:
    strokes = np.zeros((3000, 4000, 4), np.uint8)
    strokes[1000:1100, 500:3500, 3] = 255
    write_picture(tmp_path / "note.png", strokes)
    code = (
        "import resource, sys; from edge_hwr import read_picture\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "before = peak(); picture = read_picture(sys.argv[1])\n"
        "print((peak() - before) / picture.size, picture[1050, 2000], picture[10, 10])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "note.png")], capture_output=True, text=True, check=True, timeout=60
    )
    taken, stroke, paper = done.stdout.split()
    assert (stroke, paper) == ("0", "255")
    assert float(taken) < 16


def test_transparent_webp(tmp_path: Path) -> None:
    page = np.full((90, 120), 255, np.uint8)
    write(page, "42", 20, 60)
    clear = np.zeros_like(page)
    for name, options in (
        ("lossless.webp", (cv2.IMWRITE_WEBP_QUALITY, 101)),
        ("lossy.webp", (cv2.IMWRITE_WEBP_QUALITY, 90)),
    ):
        cv2.imwrite(str(tmp_path / name), cv2.merge([clear, clear, clear, 255 - page]), options)
        assert np.abs(read_picture(tmp_path / name).astype(int) - page).mean() < 4


@pytest.mark.parametrize(
    ("begin", "named"),
    [
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x1cftypavif", "AVIF"),
        (b"GIF89a", "GIF"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x0cjP  \r\n", "JPEG 2000"),
        (b'<?xml version="1.0"?>\n<svg xmlns="">', "SVG"),
    ],
)
def test_formats_that_are_not_read_are_named(tmp_path: Path, begin: bytes, named: str) -> None:
    (tmp_path / "picture").write_bytes(begin + bytes(100))
    with pytest.raises(PictureError, match=f"{named}, which is not read: save it as"):
        read_picture(tmp_path / "picture")


def test_a_name_that_is_too_long_is_told() -> None:
    with pytest.raises(PictureError, match="File name too long"):
        read_picture("a" * 300)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="No such file"):
        read_picture(tmp_path / "nowhere.png")
    with pytest.raises(PictureError, match=r"a folder: name the pictures in it"):
        read_picture(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(PictureError, match="not a file"):
        read_picture(tmp_path / "pipe.png")
    huge = tmp_path / "huge.png"
    huge.touch()
    os.truncate(huge, 10**10)
    with pytest.raises(PictureError, match="too large"):
        read_picture(huge)


def test_a_real_picture_of_400_megapixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "vast.jpg"
    # Baseline JPEGs hold up to 65,535 pixels a side; the size alone is changed, so the rest of the file is real.
    data = bytearray(encoded(".jpg", 640, 480))
    start = data.find(b"\xff\xc0") + 5
    data[start : start + 4] = struct.pack(">HH", 20_000, 20_000)
    path.write_bytes(data)
    program = (
        "import resource, sys\n"
        "from edge_hwr.picture import read_picture\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_picture(sys.argv[1])\n"
        "except ValueError as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    message, kilobytes = done.stdout.splitlines()
    assert "20000x20000 pixels are too many" in message
    assert int(kilobytes) < 20_000
    assert done.stderr == ""


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str) -> None:
    page = sheet(64, 48, grain=0)
    write_picture(tmp_path / f"out{suffix}", page)
    assert np.abs(read_picture(tmp_path / f"out{suffix}").astype(int) - page).max() <= 3
    assert len(list(tmp_path.iterdir())) == 1


def test_a_name_may_be_as_long_as_names_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("写" * 83 + ".png")
    write_picture(path, sheet(60, 40))
    assert read_picture(path).shape == (40, 60)
    assert list(tmp_path.iterdir()) == [path]


def test_a_picture_that_no_file_of_its_kind_can_hold_is_told(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"70000x4 pixels do not fit into a \.jpg: scale the picture down"):
        write_picture(tmp_path / "strip.jpg", np.zeros((4, 70000), np.uint8))


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    page = sheet(64, 48)
    with pytest.raises(PictureError, match="cannot write pictures as"):
        write_picture(tmp_path / "page.txt", page)
    with pytest.raises(PictureError, match="No such file"):
        write_picture(tmp_path / "no" / "page.png", page)
    assert list(tmp_path.iterdir()) == []
