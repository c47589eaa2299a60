"""How many may be connected at once, and how long one may stay silent: before any token can be asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler

MOST_CONNECTIONS = 128
"""More than all viewers together need, and few beside the files that a process may have open."""

SILENT_S = 10.0
"""A connection that has not sent a whole request after so long is closed."""


class Door:
    """Lets connections in and closes those that are too many or stay silent.

    Without it anybody who reaches the port could use up what files the process may open, and end the loop that reads.
    """

    def __init__(self) -> None:
        self._silent: set[asyncio.BaseProtocol] = set()

    @asynccontextmanager
    async def open(self, server: web.Server, host: str, port: int) -> AsyncIterator[int]:
        """Listen at `host` and `port` within the block; gives the port, which is a free one for 0."""
        loop = asyncio.get_running_loop()

        def let_in() -> asyncio.Protocol:
            if len(server.connections) >= MOST_CONNECTIONS:
                return _Closed()
            connection = server()
            self._silent.add(connection)
            loop.call_later(SILENT_S, self._close_if_silent, connection)
            return connection

        listening = await loop.create_server(let_in, host, port)
        try:
            yield int(listening.sockets[0].getsockname()[1])
        finally:
            listening.close()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Remember that somebody has asked for something."""
        self._silent.discard(request.protocol)
        return await handler(request)

    def _close_if_silent(self, connection: RequestHandler) -> None:
        if connection in self._silent:
            self._silent.discard(connection)
            if connection.transport is not None:
                connection.transport.abort()


class _Closed(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
