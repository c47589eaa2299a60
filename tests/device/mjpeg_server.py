"""A camera that serves Motion JPEG over HTTP on loopback, and can be made to misbehave."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from barcode import jpeg

Write = Callable[[bytes], object]
Script = Callable[[Write, threading.Event], None]
"""What to send on a connection, by the function given; the event is set when the server closes."""


def part(picture: bytes) -> bytes:
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(picture), picture)


def frames(count: int, period_s: float = 0.0, *, start: int = 0) -> Script:
    """`count` numbered frames, one every `period_s` seconds."""

    def send(write: Write, closing: threading.Event) -> None:
        for number in range(start, start + count):
            write(part(jpeg(number)))
            if closing.wait(period_s):
                return

    return send


def endless(period_s: float) -> Script:
    return frames(2**14, period_s)


def freeze(_write: Write, closing: threading.Event) -> None:
    closing.wait(60)


def raw(data: bytes) -> Script:
    return lambda write, _closing: (write(data), None)[1]


@contextmanager
def serve(*scripts: Script, content_type: str = "multipart/x-mixed-replace; boundary=frame") -> Iterator[str]:
    """The URL of a server that runs `scripts`, one after the other, on each connection, and then closes it."""
    closing = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            try:
                for script in scripts:
                    script(self.wfile.write, closing)
            except OSError:
                pass  # the client has had enough

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://user:secret@127.0.0.1:{server.server_port}/camera?token=secret"
    finally:
        closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
