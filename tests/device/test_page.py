"""The page as programs see it: what is served, to whom, and what it costs."""

from __future__ import annotations

import re
import socket
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http import HTTPStatus
from pathlib import Path

import cv2
import pytest
from barcode import BarcodeReader, numbered_frame
from page_client import TOKEN, page_of, unpack, wait_for, watch

from edge_hwr.device.live import Live, State
from edge_hwr.device.page import door, feed, serve, snapshots
from edge_hwr.errors import SinkError, SourceError

pytest.importorskip("aiohttp", reason="the page is installed with the extra `device`")


def test_viewers_see_the_newest_frame_and_all_about_it() -> None:
    with page_of() as page:
        wait_for(lambda: page.live.view and page.live.view.settled)
        about, jpeg = unpack(watch(page.url, 3)[-1])
        state = page.ask("/api/state").json
        picture = page.ask("/api/picture")
        text = page.ask("/api/text")
    assert jpeg is not None
    assert BarcodeReader().read(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE)).text == about["reading"]["text"]
    assert (about["state"], about["text"]) == ("live", "512")
    assert 0 <= about["age_ms"] <= about["shown_ms"] < 2000
    assert state.keys() == about.keys()
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert text.body.decode().strip() in ("512", "7")


def test_pages_need_nothing_from_elsewhere_and_bring_their_own_rules() -> None:
    with page_of() as page:
        index = page.ask("/")
        names = re.findall(r'(?:src|href)="([^"]+)"', index.body.decode())
        files = {name: page.ask(name) for name in names if name.startswith("/")}
    assert {"/page.js", "/page.css", "/uPlot.min.js", "/uPlot.min.css"} == files.keys()
    assert all(name.startswith(("/", "data:")) for name in names)
    for answer in (index, *files.values()):
        assert answer.status == 200
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Server"] == "edge-hwr"
        assert not re.search(rb"https?://(?!www\.w3\.org)[a-z]", answer.body.split(b"leeoniya", 1)[-1])


def test_an_unwatched_page_encodes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = []
    monkeypatch.setattr(feed, "encode", lambda grey, **_: encoded.append(grey) or b"jpeg")
    with page_of() as page:
        wait_for(lambda: page.live.tally.frames > 50)
        assert not encoded
        watch(page.url, 2)
        seen = len(encoded)
        frames = page.live.tally.frames
        wait_for(lambda: page.live.tally.frames > frames + 50)
        assert 2 <= seen <= len(encoded) <= seen + 1


def test_a_slow_viewer_gets_new_pictures_and_holds_nobody_up() -> None:
    import asyncio

    import aiohttp

    async def slow(url: str) -> list[float]:
        shown = []
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/live") as viewer:
            for _ in range(5):
                about, _ = unpack(await viewer.receive_bytes(timeout=10))
                shown.append(about.get("shown_ms", 0.0))
                await asyncio.sleep(0.4)
                await viewer.send_str("")
        return shown

    with page_of(numbered_frame) as page, ThreadPoolExecutor() as threads:
        wait_for(lambda: page.live.tally.frames > 10)
        pending = threads.submit(asyncio.run, slow(page.url))
        fast = watch(page.url, 12)
        shown = pending.result(30)
    assert len({unpack(message)[0]["sequence"] for message in fast}) == 12
    assert max(shown[1:]) < 350  # a picture that had waited for the viewer would be 400 ms old


def test_health_and_metrics() -> None:
    with page_of() as page:
        wait_for(lambda: page.live.tally.read > 3)
        assert page.ask("/healthz").json == {"state": "live", "well": True}
        metrics = page.ask("/metrics").body.decode()
        page.live.enter(State.STALLED, "no frame for 2 s")
        wait_for(lambda: page.live.state is State.LIVE)  # the next frame
    assert 'edge_hwr_state{state="live"} 1.0' in metrics
    samples = dict(re.findall(r"^(\w+(?:\{le=\"\+Inf\"\})?) (\S+)$", metrics, re.MULTILINE))
    assert float(samples['edge_hwr_age_seconds_bucket{le="+Inf"}']) == float(samples["edge_hwr_age_seconds_count"])
    assert float(samples["edge_hwr_frames_total"]) >= float(samples["edge_hwr_frames_read_total"]) > 3
    live = Live()
    with serve(live, "127.0.0.1", 0) as (_, port):
        from page_client import Page

        quiet = Page(live, port)
        assert quiet.ask("/healthz").json == {"state": "starting", "well": True}
        assert quiet.ask("/api/picture").status == HTTPStatus.NOT_FOUND
        assert quiet.ask("/api/snapshots", "POST").status == HTTPStatus.CONFLICT
        assert quiet.ask("/api/text").body == b""
        live.enter(State.FAILED, "cable out")
        assert quiet.ask("/healthz").status == HTTPStatus.SERVICE_UNAVAILABLE
        assert quiet.ask("/api/state").json["reason"] == "cable out"


@pytest.mark.parametrize("kept", [":memory:", "snapshots.sqlite"])
def test_snapshots_are_kept_for_review(tmp_path: Path, kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "KEPT", 3)
    path = kept if kept == ":memory:" else tmp_path / kept
    with page_of(lambda k: numbered_frame(99), snapshots=path) as page:
        wait_for(lambda: page.live.view)
        taken = [page.ask("/api/snapshots", "POST") for _ in range(5)]
        assert [answer.status for answer in taken] == [HTTPStatus.CREATED] * 5
        assert [one["id"] for one in page.ask("/api/snapshots").json] == [5, 4, 3]
        assert taken[-1].json["reading"]["text"] == "99"
        picture = page.ask("/api/snapshots/5")
        assert picture.body.startswith(b"\xff\xd8")
        assert page.ask("/api/snapshots/1").status == HTTPStatus.NOT_FOUND
        assert page.ask("/api/snapshots/4", "DELETE").status == HTTPStatus.NO_CONTENT
        assert page.ask("/api/snapshots/4", "DELETE").status == HTTPStatus.NOT_FOUND
    with page_of(snapshots=path) as page:
        remaining = [one["id"] for one in page.ask("/api/snapshots").json]
        assert remaining == ([] if kept == ":memory:" else [5, 3])


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml",
        "/static/index.html",
        "/index.html",
        "/login.html",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/page.js/..%2findex.html",
        "//etc/passwd",
        "/api/snapshots/..%2f..%2fetc%2fpasswd",
        "/api/snapshots/1.5",
        "/api/snapshots/-1",
        "/api/snapshots/1e3",
        "/api/snapshots/" + "9" * 30,
        "/api/snapshots/%D9%A1",
    ],
)
def test_no_path_reaches_the_file_system(path: str) -> None:
    with page_of() as page, socket.create_connection(("127.0.0.1", page.port)) as client:
        client.settimeout(10)
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode("latin-1"))
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    assert int(answer.split()[1]) in (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST)
    assert b"root:" not in answer


def test_without_a_token_only_this_machine_is_answered() -> None:
    with page_of() as page:
        for host in ("127.0.0.1", "localhost:80", "[::1]:8080"):
            assert page.ask("/api/state", Host=host).status == HTTPStatus.OK
        for host in ("evil.example", "127.0.0.1.evil.example", "192.168.1.5", "[", ""):
            assert page.ask("/api/state", Host=host).status == HTTPStatus.FORBIDDEN
        own = f"127.0.0.1:{page.port}"
        assert page.ask("/api/snapshots", "POST", Origin=f"http://{own}").status != HTTPStatus.FORBIDDEN
        for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "http://["):
            assert page.ask("/api/snapshots", "POST", Origin=origin).status == HTTPStatus.FORBIDDEN
            with pytest.raises(Exception, match="403"):
                watch(page.url, 1, Origin=origin)


def test_with_a_token_nothing_is_shown_without_it() -> None:
    with page_of(token=TOKEN) as page:
        wait_for(lambda: page.live.view)
        assert page.ask("/healthz").status == HTTPStatus.OK
        question = page.ask("/")
        assert question.status == HTTPStatus.UNAUTHORIZED
        assert b'name="token"' in question.body
        for path in ("/api/state", "/metrics", "/live", "/api/picture", "/openapi.json", "/page.js", "/nothing"):
            assert page.ask(path).status == HTTPStatus.UNAUTHORIZED
        for wrong in (
            "",
            "Bearer",
            "Bearer wrong",
            f"Basic {TOKEN}",
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN[:-1]}",
            "Bearer \xff",
        ):
            assert page.ask("/api/state", Authorization=wrong).status == HTTPStatus.UNAUTHORIZED
        assert page.ask("/api/state", Authorization=f"Bearer {TOKEN}").status == HTTPStatus.OK
        assert page.ask("/api/state", Host="pi.local", Authorization=f"bearer {TOKEN}").status == HTTPStatus.OK
        refused = page.ask("/login", "POST", b"token=wrong")
        assert (refused.status, refused.headers["Location"]) == (HTTPStatus.SEE_OTHER, "/?wrong")
        admitted = page.ask("/login", "POST", f"token={TOKEN.replace(' ', '+')}".encode())
        cookie = admitted.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert TOKEN not in cookie
        assert page.ask("/api/state", Cookie=cookie.partition(";")[0]).status == HTTPStatus.OK
        assert page.ask("/api/state", Cookie="edge-hwr=wrong").status == HTTPStatus.UNAUTHORIZED
        assert unpack(watch(page.url, 1, Cookie=cookie.partition(";")[0])[0])[0]["state"] == "live"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"a"),
        ("application/x-www-form-urlencoded; charset=foo", b"token=%ff"),
        ("application/x-www-form-urlencoded", b"\xff\xfe"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=token\r\n\r\nx"),
        ("multipart/form-data; boundary=b", b"no part at all"),
    ],
)
def test_a_form_that_cannot_be_understood_is_refused(kind: str, body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with page_of(token=TOKEN) as page:
        answer = page.ask("/login", "POST", body, Content_Type=kind)
    assert answer.status == HTTPStatus.BAD_REQUEST
    assert answer.json == {"error": "the form cannot be understood"}
    assert not caplog.records


def test_requests_and_viewers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from edge_hwr.device.page import routes

    with page_of(token=TOKEN) as page:
        assert page.ask("/login", "POST", b"token=" + b"x" * 10_000).status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        assert page.ask("/api/state", "PUT", Authorization=f"Bearer {TOKEN}").status == HTTPStatus.METHOD_NOT_ALLOWED
        assert page.ask("/live", Authorization=f"Bearer {TOKEN}").status == HTTPStatus.UPGRADE_REQUIRED
        monkeypatch.setattr(routes, "MOST_VIEWERS", 0)
        assert page.ask("/live", Authorization=f"Bearer {TOKEN}").status == HTTPStatus.TOO_MANY_REQUESTS


def test_a_database_that_fails_is_told_in_every_answer(tmp_path: Path) -> None:
    with page_of(lambda k: numbered_frame(99), snapshots=tmp_path / "kept.sqlite") as page:
        wait_for(lambda: page.live.view)
        with closing(sqlite3.connect(tmp_path / "kept.sqlite")) as other:
            other.execute("DROP TABLE snapshots")
        for path, method in (("", "GET"), ("", "POST"), ("/1", "GET"), ("/1", "DELETE")):
            answer = page.ask(f"/api/snapshots{path}", method)
            assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
            assert "no such table" in answer.json["error"]
            assert "Content-Security-Policy" in answer.headers


def test_the_silent_and_those_too_many_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MOST_CONNECTIONS", 20)
    monkeypatch.setattr(door, "SILENT_S", 1.0)
    with page_of(token=TOKEN) as page, ExitStack() as stack:
        address = ("127.0.0.1", page.port)
        silent = [stack.enter_context(socket.create_connection(address, timeout=10)) for _ in range(20)]
        with socket.create_connection(address, timeout=10) as one_too_many:
            assert gone(one_too_many)
        silent[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\n")  # not a whole request
        assert all(gone(connection) for connection in silent)
        assert page.ask("/healthz").status == HTTPStatus.OK


def gone(connection: socket.socket) -> bool:
    """Whether the other side closes it within ten seconds."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SinkError, match=rf"127\.0\.0\.1:{port} cannot be served"), serve(Live(), "127.0.0.1", port):
            pass


def test_the_end_of_a_loop_is_shown_to_the_last() -> None:
    live = Live()
    with serve(live, "127.0.0.1", 0) as (_, port):
        live.enter(State.FAILED, str(SourceError("cable out")))
        about, jpeg = unpack(watch(f"http://127.0.0.1:{port}", 1)[0])
    assert (about["state"], about["reason"], jpeg) == ("failed", "cable out", None)
    assert "page" not in {thread.name for thread in threading.enumerate()}
