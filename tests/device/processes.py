"""Programs that run beside a test."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
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


@contextmanager
def running_page(*arguments: str) -> Iterator[str]:
    """The address of the page of an `edge-hwr run` with `arguments`."""
    command = [sys.executable, "-m", "edge_hwr.cli", "run", "--quiet", "--verbose", "--serve", "0", *arguments]
    with running(*command) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = re.search(r"the page is at (\S+)", said)
        assert found, said
        rest = threading.Thread(target=process.stderr.read, daemon=True)
        rest.start()
        yield found[1]
        process.terminate()
        process.wait(20)
        rest.join(5)
