"""Programs that run beside a test."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A process with pipes for its output; killed at the end should it still run."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
