"""Pictures, folders and videos, through the loop."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from barcode import BarcodeReader, jpeg, numbered_frame, write_video
from collector import Collector

from edge_hwr.device.loop import Tally, run_loop
from edge_hwr.device.sources import open_source
from edge_hwr.device.sources.v4l2 import V4l2Camera
from edge_hwr.errors import EdgeHwrError, PictureError, SourceError, UsageError
from edge_hwr.reader import Reader


def numbers_in(path: Path) -> list[int]:
    reader = BarcodeReader()
    run_loop(open_source(str(path)), reader, (), stop=threading.Event())
    return reader.numbers


def write_pictures(folder: Path, count: int) -> None:
    for number in range(count):
        cv2.imwrite(str(folder / f"page{number}.png"), numbered_frame(number))


def test_a_folder_is_read_by_name(tmp_path: Path) -> None:
    write_pictures(tmp_path, 5)
    (tmp_path / "labels.tsv").write_text("file\ttext\n")
    reader, collector = BarcodeReader(), Collector()
    tally = run_loop(open_source(str(tmp_path)), reader, [collector], stop=threading.Event())
    assert reader.numbers == [0, 1, 2, 3, 4]
    assert [result.name for result in collector.results] == [f"page{number}.png" for number in range(5)]
    assert [result.sequence for result in collector.results] == [0, 1, 2, 3, 4]
    assert (tally.frames, tally.dropped) == (5, 0)
    assert 0 < max(result.age_s for result in collector.results) == tally.oldest_s < tally.seconds


def test_a_picture_is_known_by_its_content_too(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(cv2.imencode(".png", numbered_frame(77))[1].tobytes())
    assert numbers_in(path) == [77]


@pytest.mark.parametrize("suffix", [".mjpeg", ".MJPG"])
def test_raw_motion_jpeg_is_a_video(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"film{suffix}"
    path.write_bytes(b"".join(jpeg(number) for number in range(8)))
    assert numbers_in(path) == list(range(8))


def test_max_frames_and_stop_end_the_loop(tmp_path: Path) -> None:
    write_pictures(tmp_path, 5)
    reader, stop = BarcodeReader(), threading.Event()
    assert run_loop(open_source(str(tmp_path)), reader, (), stop=stop, max_frames=2).frames == 2
    stop.set()
    assert run_loop(open_source(str(tmp_path)), reader, (), stop=stop) == Tally(seconds=pytest.approx(0, abs=1))


def test_a_damaged_picture_ends_the_run_and_is_named(tmp_path: Path) -> None:
    write_pictures(tmp_path, 3)
    (tmp_path / "page1.png").write_bytes((tmp_path / "page0.png").read_bytes()[:60])
    with pytest.raises(PictureError, match=r"page1\.png"):
        numbers_in(tmp_path)


def test_a_picture_that_is_no_page_is_named_too(tmp_path: Path) -> None:
    write_pictures(tmp_path, 1)
    cv2.imwrite(str(tmp_path / "wide.png"), np.full((20, 30_001), 255, np.uint8))
    with pytest.raises(PictureError, match=r"^wide\.png: a page of 30001 x 20 pixels"):
        run_loop(open_source(str(tmp_path)), Reader("lines"), (), stop=threading.Event())


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none here")
    with pytest.raises(SourceError, match="holds no pictures"):
        numbers_in(tmp_path)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("avi", "MJPG"), ("avi", "XVID"), ("mp4", "mp4v"), ("avi", "HFYU"), ("avi", "FFV1"), ("mkv", "VP80")],
)
@pytest.mark.parametrize("size", [(14 * 16, 96), (14 * 16 + 2, 98)])
def test_every_frame_of_a_video_is_read_in_order(
    tmp_path: Path, suffix: str, codec: str, size: tuple[int, int]
) -> None:
    """Codecs of luma planes, of packed colour and of JPEG packets; sizes that are aligned and that need padding."""
    path = write_video(tmp_path / f"video.{suffix}", 40, codec=codec, size=size)
    assert numbers_in(path) == list(range(40))


def test_frames_stay_what_they_were(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.avi", 10, codec="XVID")
    with open_source(str(path)) as source:
        frames = [source.read() for _ in range(10)]
        assert source.read() is None
    reader = BarcodeReader()
    for frame in frames:
        assert frame is not None
        assert frame.grey.dtype == np.uint8
        reader.read(frame.grey)
    assert reader.numbers == list(range(10))


def test_a_damaged_frame_of_a_video_is_left_out(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.avi", 20)
    data = bytearray(path.read_bytes())
    starts = [at for at in range(len(data)) if data.startswith(b"\xff\xd8\xff", at)]
    data[starts[7] : starts[7] + 2] = b"\0\0"
    path.write_bytes(data)
    assert numbers_in(path) == [number for number in range(20) if number != 7]


@pytest.mark.parametrize("codec", ["MJPG", "XVID"])
def test_a_video_cut_short_gives_its_frames_and_then_says_so(tmp_path: Path, codec: str) -> None:
    path = write_video(tmp_path / "video.avi", 100, codec=codec)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    reader = BarcodeReader()
    with pytest.raises(SourceError, match=r"cut short: it ends after [012]\.\d s of 4\.0 s"):
        run_loop(open_source(str(path)), reader, (), stop=threading.Event())
    assert reader.numbers == list(range(len(reader.numbers)))
    assert 10 < len(reader.numbers) < 90


def test_a_container_that_may_have_longer_sound_is_read_to_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(tmp_path / "video.mkv", 100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 10 < len(numbers_in(path)) < 90
    assert "is cut short, or has sound without a picture at its end" in caplog.text


def test_files_of_the_system_are_passed_over_and_other_pictures_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_pictures(tmp_path, 2)
    (tmp_path / "._page0.png").write_bytes(b"of macOS")
    (tmp_path / "IMG_1.HEIC").write_bytes(b"of a phone")
    cv2.imwrite(str(tmp_path / "page.jpg"), numbered_frame(2))
    (tmp_path / "page.jpg").rename(tmp_path / "page2.jfif")
    assert numbers_in(tmp_path) == [0, 1, 2]
    assert f"{tmp_path}: 1 picture not read (IMG_1.HEIC): save as JPEG or PNG" in caplog.text


def test_a_link_to_a_camera_is_a_camera(tmp_path: Path) -> None:
    """Unplugged, it is one all the same: it is looked up whenever it is opened."""
    with pytest.raises(SourceError, match="/dev/v4l/by-id/desk: no such camera"), open_source("/dev/v4l/by-id/desk"):
        pass
    (tmp_path / "desk").symlink_to("/dev/null")
    with pytest.raises(SourceError, match="desk leads to no camera"), V4l2Camera(str(tmp_path / "desk")):
        pass


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    assert numbers_in(write_video(tmp_path / "video.avi", 1)) == [0]


def unreadable(folder: Path) -> dict[str, Path]:
    """Files that are no source, each under the name of what is wrong with it."""
    header = write_video(folder / "video.avi", 5).read_bytes()[:300]
    contents = {
        "empty.mp4": b"",
        "empty": b"",
        "noise.avi": np.random.default_rng(0).bytes(10_000),
        "header.avi": header,
        "text.mp4": b"not a video\n" * 100,
        "text.jpg": b"not a picture\n" * 100,
        "empty.png": b"",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in [*contents, "missing.avi", "x" * 300]}


def test_what_cannot_be_read_is_named_in_one_line(tmp_path: Path) -> None:
    for name, path in unreadable(tmp_path).items():
        with pytest.raises(EdgeHwrError, match=name) as caught:
            numbers_in(path)
        assert isinstance(caught.value, SourceError | PictureError)
        assert "\n" not in str(caught.value)


def test_a_video_of_no_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.avi", 0)
    with pytest.raises(SourceError, match=r"video\.avi"):
        numbers_in(path)


@pytest.mark.parametrize("spec", ["gopher://host/video", "http://", "http://[", "ftp://host/x.avi"])
def test_addresses_of_no_stream(spec: str) -> None:
    with pytest.raises(UsageError, match="no address of a stream"):
        open_source(spec)


@pytest.mark.parametrize("spec", ["", "picamera:x", "v4l2:", "a\0b"])
def test_what_is_no_source_says_what_would_be(spec: str) -> None:
    with pytest.raises(SourceError, match="is no source: give a picture"):
        open_source(spec)


def test_a_source_that_is_not_open_says_so(tmp_path: Path) -> None:
    video = str(write_video(tmp_path / "video.avi", 1))
    for spec in (video, "http://127.0.0.1:9/", "v4l2:77", "picamera"):
        with pytest.raises(SourceError, match="is not open"):
            open_source(spec).read()


def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="/dev/video77: no such camera"), open_source("v4l2:77"):
        pass
