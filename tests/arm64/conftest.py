"""What the tests of the emulated Pi share.

They need root and minutes, and are collected only by `make test-arm64`; see README.md.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from emulated import HERE, INSTALLATIONS, VENV, Userland, lines_for

collect_ignore_glob = [] if "EDGE_HWR_WHEEL" in os.environ else ["*"]


@pytest.fixture(scope="module", params=INSTALLATIONS)
def pi(request: pytest.FixtureRequest) -> Userland:
    """An emulated Pi on which edge-hwr has been installed by the lines of docs/install.md."""
    suite, python, runtime, numpy = INSTALLATIONS[request.param]
    made = subprocess.run([HERE / "root", suite], stdout=subprocess.PIPE, text=True, check=True)
    userland = Userland(request.param, suite, python, runtime, numpy, Path(made.stdout.strip()))
    userland.run(f"rm -rf {VENV}")
    for line in lines_for(request.param):
        # Raspberry Pi OS has picamera2, Debian has not; what it brings that matters here is in the userland already.
        if "apt install" not in line and not line.endswith("doctor"):
            userland.run(line.removeprefix("sudo "), timeout_s=1200)
    return userland


@pytest.fixture(scope="session")
def here() -> Callable[..., str]:
    """Runs `edge-hwr` on this machine, to compare."""

    def run(*arguments: str) -> str:
        command = [os.environ["EDGE_HWR_HERE"], *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout

    return run
