"""The server: an event loop in a thread of its own, beside the loop that reads."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

from edge_hwr.errors import SinkError

from ..live import Live
from .door import Door
from .feed import Feed
from .guard import Guard
from .routes import make_application
from .snapshots import Snapshots

START_S = 10.0
STOP_S = 5.0


@contextmanager
def serve(
    live: Live, host: str, port: int, *, token: str = "", snapshots: str | Path = ":memory:"
) -> Iterator[tuple[str, int]]:
    """Serve the page of `live` at `host` and `port` within the block; gives the address, whose port is free for 0.

    Without a `token` only browsers that call this machine by a loopback name are answered. Raises SinkError when the
    address cannot be had; if the server dies later, the loop that tells `live` gets the error.
    """
    server = _Server(live, host, port, token, snapshots)
    thread = threading.Thread(target=server.run, name="page", daemon=True)
    thread.start()
    try:
        if not server.started.wait(START_S):
            raise SinkError(f"the page at {host}:{port} does not start: try another port")
        server.check()
        forget = live.listen(server.check)
        yield host, server.port
        forget()
    finally:
        server.stop()
        thread.join(STOP_S)


class _Server:
    def __init__(self, live: Live, host: str, port: int, token: str, snapshots: str | Path) -> None:
        self.started = threading.Event()
        self.port = port
        self._live, self._host, self._token, self._snapshots = live, host, token, snapshots
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # told to the loop that reads
            self._error = error
        finally:
            self.started.set()

    def check(self) -> None:
        """Raise SinkError if the server has died."""
        if self._error is not None:
            raise SinkError(
                f"the page at {self._host}:{self.port} cannot be served: {_reason(self._error)}{_advice(self._error)}"
            ) from self._error

    def stop(self) -> None:
        if self._loop is not None and self._ending is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ending.set)

    async def _serve(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        with Snapshots(self._snapshots) as snapshots, Feed(self._live) as feed:
            door = Door()
            application = make_application(self._live, feed, snapshots, Guard(self._token))
            application.middlewares.insert(0, door.middleware)
            runner = web.AppRunner(
                application, access_log=None, shutdown_timeout=1.0, handle_signals=False, keepalive_timeout=30.0
            )
            await runner.setup()
            assert runner.server is not None  # it has one once it is set up
            try:
                async with door.open(runner.server, self._host, self.port) as self.port:
                    self.started.set()
                    await self._ending.wait()
            finally:
                await runner.cleanup()


def _reason(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _advice(error: BaseException) -> str:
    taken = isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EACCES)
    return "; try another port" if taken else ""
