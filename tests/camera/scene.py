"""`edge-hwr` in front of the virtual camera."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

COMMAND = "/venv/bin/edge-hwr"


@dataclass(frozen=True)
class Page:
    """What the virtual camera looks at, and the text on it."""

    picture: Path
    text: str


@dataclass
class Edge:
    """Runs `edge-hwr` as a user does, in a process of its own."""

    faults: Path
    folder: Path

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *arguments],
            env={**os.environ, "VIRTUAL_CAMERA_FAULTS": str(self.faults), **settings},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, *arguments: str, timeout_s: float = 120, **settings: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **settings)
        out, err = process.communicate(timeout=timeout_s)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def wait_for_text(self, process: subprocess.Popen[str], timeout_s: float = 60) -> None:
        """Until the process, a `run --jsonl out.jsonl`, has read something."""
        deadline = time.monotonic() + timeout_s
        while not results(self.folder / "out.jsonl"):
            if process.poll() is not None:
                raise AssertionError(f"it has ended: {process.communicate()[1]}")
            assert time.monotonic() < deadline, "it has read nothing"
            time.sleep(0.05)


def results(file: Path) -> list[dict[str, object]]:
    """The results that a run has written so far."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


def errors(err: str) -> list[str]:
    """The program's own error lines, without what libcamera and picamera2 log."""
    return [line for line in err.splitlines() if line.startswith("edge-hwr: error:")]
