"""Results posted to a real HTTP server that is away, slow, or refuses."""

from __future__ import annotations

import http.server
import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from results import result

from edge_hwr.device.sinks import Held, Outbox, delivery
from edge_hwr.device.sinks.webhook import Webhook
from edge_hwr.errors import SinkError, UsageError


@contextmanager
def receiver(
    *statuses: int, port: int = 0, answer: bytes = b""
) -> Iterator[tuple[str, list[tuple[dict[str, Any], str]]]]:
    """A server that answers with `statuses`, then 200; its URL, and what it was sent, with the authorization."""
    received: list[tuple[dict[str, Any], str]] = []
    answers = iter(statuses)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.append((body, self.headers.get("Authorization", "")))
            self.send_response(next(answers, 200))
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook/secret-path?key=secret", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FIRST_PAUSE_S", 0.02)


def test_results_arrive_in_order_with_the_token() -> None:
    with receiver() as (url, received), Webhook(url, Outbox(":memory:"), token="t0ken") as sink:
        for number in range(50):
            sink.write(result(str(number)))
    assert [(body["id"], body["text"], body["duplicate"]) for body, _ in received] == [
        (number + 1, str(number), False) for number in range(50)
    ]
    assert {authorization for _, authorization in received} == {"Bearer t0ken"}


def test_a_server_in_trouble_is_asked_again_and_duplicates_are_marked() -> None:
    with receiver(503, 429, 500) as (url, received), Webhook(url, Outbox(":memory:")) as sink:
        sink.write(result("1"))
        sink.write(result("2"))
    assert [(body["text"], body["duplicate"]) for body, _ in received] == [
        ("1", False), ("1", True), ("1", True), ("1", True), ("2", False)
    ]  # fmt: skip


def test_a_result_that_is_refused_does_not_block_the_others(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with receiver(422, 409) as (url, received), Webhook(url, Outbox(":memory:")) as sink:
        for text in "123":
            sink.write(result(text))
    assert [body["text"] for body, _ in received] == ["1", "2", "3"]
    assert "refuses result 1 with 422: it is dropped" in caplog.text
    assert "refuses result 2 with 409: it is dropped" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("status", [401, 403, 404, 302])
def test_what_concerns_all_results_costs_none(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """A token out of date, a proxy whose server is away, an address that has moved."""
    with receiver(status, status) as (url, received), Webhook(url, Outbox(":memory:")) as sink:
        sink.write(result("1"))
        sink.write(result("2"))
    assert [body["text"] for body, _ in received] == ["1", "1", "1", "2"]
    assert f"the server answers {status}" in caplog.text


def test_a_long_answer_does_not_hold_the_next_up() -> None:
    with receiver(answer=b"x" * 200_000) as (url, received), Webhook(url, Outbox(":memory:")) as sink:
        for text in "123":
            sink.write(result(text))
    assert [(body["text"], body["duplicate"]) for body, _ in received] == [("1", False), ("2", False), ("3", False)]


def test_what_an_absent_server_missed_is_delivered_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "FAREWELL_S", 0.2)
    with receiver() as (url, _):
        pass
    start = time.monotonic()
    with Webhook(url, Outbox(tmp_path / "outbox.sqlite")) as sink:
        sink.write(result("1"))
        sink.write(result("2"))
        assert time.monotonic() - start < 1
    assert time.monotonic() - start < 5
    with receiver() as (url, received), Webhook(url, Outbox(tmp_path / "outbox.sqlite")) as sink:
        sink.write(result("3"))
    assert [body["text"] for body, _ in received] == ["1", "2", "3"]
    assert [body["id"] for body, _ in received] == [1, 2, 3]


def test_a_delivery_that_dies_tells_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying(Webhook):
        def session(self) -> None:
            raise RuntimeError("a mistake of ours")

    with Dying("http://127.0.0.1/", Outbox(":memory:")) as sink:
        sink._thread.join(5)
        with pytest.raises(SinkError, match="delivery has ended: a mistake of ours"):
            sink.write(result("1"))
    with Dying("http://127.0.0.1/", Outbox(":memory:")) as sink:
        sink._thread.join(5)
        with pytest.raises(SinkError, match="delivery has ended"):
            Held(sink).write(result("1"))  # at once, not after ten thousand


def write_to_nobody(url: str, trouble: Exception | None = None) -> None:
    with Webhook(url, Outbox(":memory:")) as sink:
        sink.write(result("1"))
        if trouble:
            raise trouble


def test_what_is_left_in_memory_is_lost_and_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FAREWELL_S", 0.1)
    with receiver() as (url, _):
        pass
    with pytest.raises(SinkError, match="1 result not delivered and lost"):
        write_to_nobody(url)
    with pytest.raises(KeyError, match="another trouble"):
        write_to_nobody(url, KeyError("another trouble"))


def test_letters_beyond_ascii_in_a_path_are_encoded() -> None:
    with receiver() as (url, received), Webhook(f"{url}/café au lait", Outbox(":memory:")) as sink:
        sink.write(result("1"))
    assert len(received) == 1


@pytest.mark.parametrize("url", ["ftp://host/", "http://", "host", "http://[::1", "https://user:secret@host/",
                                 "http://192.168..5/", "http://a b/", f"http://{'a' * 70}.org/"])  # fmt: skip
def test_addresses_that_cannot_be_meant(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Webhook(url, Outbox(":memory:"))
    assert "secret" not in str(caught.value)
