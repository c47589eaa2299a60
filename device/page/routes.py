"""The addresses of the page. Nothing in a request is ever a path of a file: files are those listed here."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import TypeVar

from aiohttp import WSMsgType, hdrs, web

from ..live import Live, State
from .door import SILENT_S
from .feed import Feed, encode
from .guard import LOGIN, Guard
from .metrics import Metrics
from .snapshots import Snapshots

_Answer = TypeVar("_Answer")

MOST_VIEWERS = 50
LARGEST_REQUEST = 4096
ACKNOWLEDGE_S = 30.0
"""A viewer that has not drawn a picture after so long has gone."""

_STATIC = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "uPlot.min.css": "text/css",
    "uPlot.min.js": "text/javascript",
}


def make_application(live: Live, feed: Feed, snapshots: Snapshots, guard: Guard) -> web.Application:
    """The whole page, its interface for programs included."""
    pages = files(__package__) / "static"
    application = web.Application(middlewares=[guard.middleware], client_max_size=LARGEST_REQUEST)
    application[LOGIN] = (pages / "login.html").read_text("utf-8")
    page = _Page(live, feed, snapshots, guard)
    add = application.router
    add.add_get("/", _file((pages / "index.html").read_bytes(), "text/html"))
    for name, kind in _STATIC.items():
        add.add_get(f"/{name}", _file((pages / name).read_bytes(), kind))
    add.add_get("/openapi.json", _file((files(__package__) / "openapi.json").read_bytes(), "application/json"))
    add.add_post("/login", page.login)
    add.add_get("/healthz", page.health)
    add.add_get("/metrics", page.metrics)
    add.add_get("/live", page.live)
    add.add_get("/api/state", page.state)
    add.add_get("/api/picture", page.picture)
    add.add_get("/api/text", page.text)
    add.add_get("/api/snapshots", page.snapshots)
    add.add_post("/api/snapshots", page.take)
    # Fifteen digits are within what a database counts to; anything else is no snapshot, and not found.
    add.add_get(r"/api/snapshots/{number:\d{1,15}}", page.snapshot)
    add.add_delete(r"/api/snapshots/{number:\d{1,15}}", page.drop)
    return application


def _file(content: bytes, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def respond(_request: web.Request) -> web.Response:
        return web.Response(body=content, content_type=kind, charset="utf-8")

    return respond


class _Page:
    """The handlers, which share what they show."""

    def __init__(self, live: Live, feed: Feed, snapshots: Snapshots, guard: Guard) -> None:
        self._live, self._feed, self._snapshots, self._guard = live, feed, snapshots, guard
        self._metrics = Metrics(live, feed)

    async def login(self, request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(SILENT_S):
                form = await request.post()
        except TimeoutError as error:
            raise web.HTTPRequestTimeout(reason="the form did not come") from error
        except (ValueError, LookupError) as error:  # of an unknown charset, without a boundary, cut short
            raise web.HTTPBadRequest(reason="the form cannot be understood") from error
        return self._guard.login(str(form.get("token", "")))

    async def health(self, _request: web.Request) -> web.Response:
        """200 as long as the loop does what it should; 503 when it does not, or has ended."""
        state = self._live.state
        well = state in (State.LIVE, State.STARTING, State.RECOVERING)
        return web.json_response({"state": str(state), "well": well}, status=200 if well else 503)

    async def metrics(self, _request: web.Request) -> web.Response:
        text = await asyncio.to_thread(self._metrics.text)
        return web.Response(body=text, headers={hdrs.CONTENT_TYPE: "text/plain; version=0.0.4; charset=utf-8"})

    async def live(self, request: web.Request) -> web.StreamResponse:
        """A WebSocket: a message, then, when the viewer has drawn it and says so by any message of its own, the next.

        So a slow viewer gets fewer pictures, each as new as any other's, and nothing piles up for it.
        """
        if self._feed.viewers >= MOST_VIEWERS:
            raise web.HTTPTooManyRequests(reason=f"{MOST_VIEWERS} viewers are here already")
        socket = web.WebSocketResponse(max_msg_size=1024, compress=False, heartbeat=ACKNOWLEDGE_S)
        if not socket.can_prepare(request):
            raise web.HTTPUpgradeRequired(reason="a WebSocket is what is served here")
        await socket.prepare(request)
        self._feed.viewers += 1
        version = -1
        try:
            while not socket.closed:
                version, message = await self._feed.after(version)
                await socket.send_bytes(message)
                answer = await socket.receive(timeout=ACKNOWLEDGE_S)
                if answer.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
        except (ConnectionError, TimeoutError):
            pass  # the viewer has gone
        finally:
            self._feed.viewers -= 1
        await socket.close()
        return socket

    async def state(self, _request: web.Request) -> web.Response:
        return _json(await self._feed.about())

    async def picture(self, _request: web.Request) -> web.Response:
        if (view := self._live.view) is None:
            raise web.HTTPNotFound(reason="there is no picture yet")
        return web.Response(body=await asyncio.to_thread(encode, view.frame.grey), content_type="image/jpeg")

    async def text(self, _request: web.Request) -> web.Response:
        view = self._live.view
        settled = view.settled if view is not None else None
        return web.Response(text=f"{settled.text}\n" if settled else "")

    async def snapshots(self, _request: web.Request) -> web.Response:
        return _json(await _of_snapshots(self._snapshots.all))

    async def take(self, _request: web.Request) -> web.Response:
        if (view := self._live.view) is None:
            raise web.HTTPConflict(reason="there is no picture yet")
        return _json(await _of_snapshots(self._snapshots.take, view), status=201)

    async def snapshot(self, request: web.Request) -> web.Response:
        picture = await _of_snapshots(self._snapshots.picture, int(request.match_info["number"]))
        if picture is None:
            raise web.HTTPNotFound(reason="no such snapshot")
        return web.Response(body=picture, content_type="image/jpeg")

    async def drop(self, request: web.Request) -> web.Response:
        if not await _of_snapshots(self._snapshots.drop, int(request.match_info["number"])):
            raise web.HTTPNotFound(reason="no such snapshot")
        return web.Response(status=204)


async def _of_snapshots(ask: Callable[..., _Answer], *given: object) -> _Answer:
    """What the database answers; 507 where its disk is full, 503 where it is locked by another program, say."""
    try:
        return await asyncio.to_thread(ask, *given)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
            raise web.HTTPInsufficientStorage(reason="the disk is full") from error
        raise web.HTTPServiceUnavailable(reason=f"the snapshots cannot be had: {error}") from error


def _json(value: object, status: int = 200) -> web.Response:
    return web.json_response(value, status=status, dumps=lambda shown: json.dumps(shown, ensure_ascii=False))
