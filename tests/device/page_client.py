"""A loop with its page, and viewers of it."""

from __future__ import annotations

import asyncio
import json
import struct
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from barcode import BarcodeReader, numbered_frame
from cameras import Scripted

from edge_hwr.device.live import Live
from edge_hwr.device.loop import run_loop
from edge_hwr.device.page import serve

TOKEN = "correct horse battery"


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@dataclass(frozen=True)
class Page:
    live: Live
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, body, named, method=method)
        opener = urllib.request.build_opener(_NoRedirection, urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as response:
                return Answer(response.status, response.read(), dict(response.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read(), dict(error.headers))


@contextmanager
def page_of(picture: Any = None, *, period_s: float = 0.02, token: str = "", **options: Any) -> Iterator[Page]:
    """A page of a loop over a camera that shows `picture(k)`, 512 and 7 in turns unless told otherwise."""
    camera = Scripted(picture or (lambda k: numbered_frame((512, 7)[k // 100 % 2])), period_s)
    live, stop = Live(), threading.Event()
    loop = threading.Thread(
        target=run_loop, args=(camera, BarcodeReader(), ()), kwargs={"stop": stop, "settle": True, "live": live}
    )
    with serve(live, "127.0.0.1", 0, token=token, **options) as (_, port):
        loop.start()
        try:
            yield Page(live, port)
        finally:
            stop.set()
            loop.join(10)


def wait_for(condition: Any, timeout_s: float = 10) -> None:
    pause = threading.Event()
    for _ in range(round(timeout_s / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it does not come")


def unpack(message: bytes) -> tuple[dict[str, Any], np.ndarray | None]:
    """What a viewer is told, and the JPEG's octets."""
    (length,) = struct.unpack_from(">I", message)
    jpeg = np.frombuffer(message, np.uint8, offset=4 + length)
    return json.loads(message[4 : 4 + length]), jpeg if jpeg.size else None


def watch(url: str, messages: int, **headers: str) -> list[bytes]:
    """The first messages that a viewer gets."""

    async def view() -> list[bytes]:
        import aiohttp

        async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/live", headers=headers) as socket:
            received = []
            for _ in range(messages):
                received.append(await socket.receive_bytes(timeout=10))
                await socket.send_str("")
            return received

    return asyncio.run(view())
