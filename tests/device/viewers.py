"""Viewers of a page, in a process of their own: `python viewers.py URL COUNT SECONDS`. Prints the pictures they got."""

from __future__ import annotations

import asyncio
import sys
import time

import aiohttp


async def view(session: aiohttp.ClientSession, url: str, deadline: float) -> int:
    pictures = 0
    async with session.ws_connect(f"{url}live") as socket:
        while time.monotonic() < deadline:
            await socket.receive_bytes(timeout=10)
            pictures += 1
            await socket.send_str("")
    return pictures


async def main(url: str, count: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    async with aiohttp.ClientSession() as session:
        print(sum(await asyncio.gather(*(view(session, url, deadline) for _ in range(count)))))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
