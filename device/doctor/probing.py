"""Questions that are put to a process of their own, because the answer may be that it dies."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

TIMEOUT_S = 120.0
"""A Pi Zero takes ten seconds to import picamera2 from a slow card, and a busy one many times that."""

_PROBES = "edge_hwr.device.doctor.probes"

# How NumPy, Cython and pybind11 say that an extension was built against another NumPy than the one that is there.
_ANOTHER_ABI = (
    "_ARRAY_API not found",
    "compiled using NumPy 1.x",
    "dtype size changed",
    "multiarray failed to import",
    "compiled against ABI version",
    "compiled against API version",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe found (`values`), or in `error`, one line, why it could not.

    `kind` is the name of the exception, of the signal that ended the process, or "timeout"; empty if all went well.
    `another_abi` says that the cause is an extension built against another NumPy.
    """

    values: dict[str, Any] = field(default_factory=dict)
    kind: str = ""
    error: str = ""
    another_abi: bool = False

    @property
    def well(self) -> bool:
        return not self.kind


Ask = Callable[[str], Answer]
"""How a check gets the answer of the probe of this name."""


def probe(name: str) -> Answer:
    """Run one of the functions of `probes` in a new process of the same Python."""
    try:
        done = subprocess.run(
            # Without -P, files of the folder that we are in would be imported first.
            [sys.executable, "-P", "-m", _PROBES, name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return Answer(kind="timeout", error=f"no answer for {TIMEOUT_S:g} s")
    another_abi = any(phrase in done.stderr + done.stdout for phrase in _ANOTHER_ABI)
    try:
        # Libraries may talk on standard output, too: the answer is the last line.
        answer = json.loads(done.stdout.rstrip().rpartition("\n")[2])
    except ValueError:
        kind = signal.Signals(-done.returncode).name if done.returncode < 0 else "exit"
        said = done.stderr.strip().rpartition("\n")[2]
        error = f"kills Python ({kind})" if done.returncode < 0 else said or f"exit status {done.returncode}"
        return Answer(kind=kind, error=error, another_abi=another_abi)
    return Answer(**answer, another_abi=another_abi and "kind" in answer)
