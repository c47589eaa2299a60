"""Libraries below Python that print to the terminal past it, and have no setting for that."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from typing import BinaryIO, cast

# Two threads that swap the descriptor at once would each keep the other's substitute as the original.
_lock = threading.Lock()


@contextlib.contextmanager
def native_messages_dropped() -> Iterator[None]:
    """Drop what is written to file descriptor 2 meanwhile; errors arrive as exceptions or results all the same."""
    with open(os.devnull, "wb") as nothing, _swapped(nothing.fileno()):
        yield


@contextlib.contextmanager
def native_messages_caught() -> Iterator[bytearray]:
    """Catch what is written to file descriptor 2 meanwhile; what it gives holds that afterwards."""
    caught = bytearray()
    with _nameless_file() as file:
        with _swapped(file.fileno()):
            yield caught
        file.seek(0)
        caught += file.read()


def _nameless_file() -> BinaryIO:
    """In memory where the system can: a full disk is no reason for no picture to be read."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("messages"), "w+b")
    return cast(BinaryIO, tempfile.TemporaryFile())


@contextlib.contextmanager
def _swapped(descriptor: int) -> Iterator[None]:
    with _lock:
        try:
            kept = os.dup(2)
        except OSError:  # the process was started without a standard error
            yield
            return
        os.dup2(descriptor, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
