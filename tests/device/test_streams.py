"""Motion JPEG over HTTP, from a server on loopback that does what bad cameras do."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

import pytest
from barcode import BarcodeReader, jpeg, write_video
from mjpeg_server import Script, endless, frames, freeze, part, raw, serve

from edge_hwr.device.live import Live
from edge_hwr.device.loop import Watch, run_loop
from edge_hwr.device.retries import RetryBounds
from edge_hwr.device.sources import open_source
from edge_hwr.errors import SourceError, SourceTimeoutError

TIMEOUT_S = 1.0


def numbers_before_failure(url: str, message: str, error: type[SourceError] = SourceError) -> list[int]:
    """What the source itself gives until it fails with `message`; nothing is dropped."""
    reader = BarcodeReader()

    def drain() -> None:
        with open_source(url, timeout_s=TIMEOUT_S) as source:
            while (frame := source.read()) is not None:
                assert reader.read(frame.grey).text != "mixed"
                assert 0 <= time.monotonic() - frame.time < 1

    with pytest.raises(error, match=message) as caught:
        drain()
    assert "secret" not in str(caught.value)
    return reader.numbers


def test_a_stream_that_is_closed_has_died() -> None:
    with serve(frames(10, 0.01)) as url:
        assert numbers_before_failure(url, "has ended: the connection was closed") == list(range(10))


@pytest.mark.parametrize(
    ("name", "message", "read"),
    [
        ("film.avi", "a recording or a picture, no live stream: download it", []),
        ("puzzle.jpg", "a recording or a picture, no live stream: download it", []),
        ("snapshot.jpg", "has ended after one picture: is it an address of snapshots", [7]),
    ],
)
def test_what_is_no_live_stream_is_told(tmp_path: Path, name: str, message: str, read: list[int]) -> None:
    write_video(tmp_path / "film.avi", 40)
    (tmp_path / "snapshot.jpg").write_bytes(jpeg(7))
    shutil.copy(Path(__file__).parents[2] / "samples" / "puzzle.jpg", tmp_path)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert numbers_before_failure(f"http://127.0.0.1:{server.server_port}/{name}", message) == read
        server.shutdown()


def test_a_stream_that_freezes_is_noticed_in_time() -> None:
    with serve(frames(10, 0.01), freeze) as url:
        start = time.monotonic()
        read = numbers_before_failure(url, "has stalled: no frame for 1 s", SourceTimeoutError)
        assert time.monotonic() - start < TIMEOUT_S + 2
    assert read[:9] == list(range(9))  # the tenth may wait for the boundary after it


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_connection_cut_within_a_picture_shows_no_half_picture(share: float) -> None:
    whole = part(jpeg(1234))
    with serve(frames(10, 0.01), raw(whole[: int(share * len(whole))])) as url:
        assert numbers_before_failure(url, "has ended") == list(range(10))


@pytest.mark.parametrize(
    "broken", [jpeg(1234)[: len(jpeg(1234)) // 2], os.urandom(3000), b""], ids=["cut", "noise", "empty"]
)
def test_a_damaged_picture_is_left_out(broken: bytes) -> None:
    with serve(frames(10, 0.01), raw(part(broken)), frames(10, 0.01, start=10)) as url:
        assert numbers_before_failure(url, "has ended") == list(range(20))


def test_nothing_but_damaged_pictures_is_a_failure() -> None:
    def broken(write: object, closing: threading.Event) -> None:
        while not closing.wait(0.02):
            write(part(b"\xff\xd8 no picture"))  # type: ignore[operator]

    with serve(frames(5, 0.01), broken) as url:
        assert numbers_before_failure(url, "nothing but damaged frames for 1 s") == list(range(5))


@pytest.mark.parametrize(
    ("script", "content_type"),
    [(raw(b"<html>no camera here</html>"), "text/html"), (raw(b""), "multipart/x-mixed-replace; boundary=frame")],
)
def test_a_page_is_no_stream(script: Script, content_type: str) -> None:
    with serve(script, content_type=content_type) as url:
        assert numbers_before_failure(url, "cannot be opened") == []


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert numbers_before_failure(f"http://127.0.0.1:{port}/", "cannot be opened") == []
        assert numbers_before_failure(f"rtsp://127.0.0.1:{port}/live", "cannot be opened") == []


def test_a_server_that_never_answers() -> None:
    with serve(freeze) as url:
        start = time.monotonic()
        assert numbers_before_failure(url, "did not answer within 1 s", SourceTimeoutError) == []
        assert time.monotonic() - start < TIMEOUT_S + 2


def test_the_loop_reads_the_newest_frame_however_slow_the_reader_is() -> None:
    """100 frames a second in, 20 read: in a queue the last of 60 results would be 2.4 seconds old."""
    reader, live, ages_s = BarcodeReader(pause_s=0.05), Live(), list[float]()
    live.listen(lambda: ages_s.append(live.view.age_s) if live.view else None)
    with serve(endless(0.01)) as url:
        tally = run_loop(open_source(url), reader, (), stop=threading.Event(), max_frames=60, live=live)
    assert median(ages_s[:20]) < 0.2
    assert median(ages_s[-20:]) < 0.2
    assert tally.dropped > 60
    assert reader.numbers == sorted(set(reader.numbers))
    assert reader.numbers[-1] - reader.numbers[0] > 120


def test_the_loop_reports_what_its_capture_thread_saw() -> None:
    reader = BarcodeReader()
    with serve(frames(10, 0.02)) as url, pytest.raises(SourceError, match="has ended"):
        run_loop(open_source(url), reader, (), stop=threading.Event(), watch=Watch(retries=RetryBounds(limit=0)))
    assert reader.numbers[-1] == 9
