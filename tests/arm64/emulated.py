"""A 64-bit ARM userland, entered from this machine."""

from __future__ import annotations

import atexit
import json
import os
import platform
import re
import shlex
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
INSTALL = REPOSITORY / "docs" / "install.md"
SHOWN = REPOSITORY / "build" / "doctor"

EMULATED = platform.machine() != "aarch64"

VENV = "/root/edge-hwr"
"""Where docs/install.md puts the virtual environment."""


@dataclass(frozen=True)
class Userland:
    """An emulated Pi, and what its installation should come to."""

    name: str
    suite: str
    python: str
    runtime: str
    numpy: str
    root: Path

    def run(self, command: str, *, timeout_s: float = 600, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a line of shell inside, as its user would type it."""
        done = subprocess.run(
            self.line(command), capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False
        )
        assert done.returncode == 0 or not check, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done

    def line(self, command: str) -> list[str]:
        wheel = Path(os.environ["EDGE_HWR_WHEEL"])
        enter = [
            "enter",
            str(self.root),
            f"{wheel.parent}:/root/download",
            f"{REPOSITORY / 'samples'}:/root/samples",
            *_processor(),
            "--",
            "bash",
            "-euc",
            f"cd /root/download; {command}",
        ]
        return ["bash", "-euc", f". {shlex.quote(str(HERE.parent / 'userland.sh'))}; {shlex.join(enter)}"]

    def doctor(self, *, show_as: str) -> tuple[int, dict[str, dict[str, Any]]]:
        """Exit status and findings by name; what is printed for people is kept for docs/doctor.md."""
        shown = self.run(f"{VENV}/bin/edge-hwr doctor", check=False)
        SHOWN.mkdir(parents=True, exist_ok=True)
        (SHOWN / f"{show_as}.txt").write_text(shown.stdout, "utf-8")
        done = self.run(f"{VENV}/bin/edge-hwr doctor --json", check=False)
        return done.returncode, {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}


INSTALLATIONS = {
    "bookworm-tflite": ("bookworm", "3.11", "tflite-runtime", "1"),
    "bookworm-camera": ("bookworm", "3.11", "ai-edge-litert", "1"),
    "bookworm": ("bookworm", "3.11", "ai-edge-litert", "2"),
    "trixie": ("trixie", "3.13", "ai-edge-litert", "2"),
}


@cache
def _processor() -> tuple[str, ...]:
    """What `enter` needs so that the userland sees the processor of a Pi 4.

    QEMU 7 shows the /proc/cpuinfo of the machine it runs on; ai-edge-litert takes it for that of an ARM, and crashes.
    """
    if not EMULATED:
        return ()
    core = "processor\t: {}\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\n"
    core += "CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n"
    with tempfile.NamedTemporaryFile("w", prefix="cpuinfo-", delete=False) as file:
        file.write("".join(core.format(number) for number in range(os.cpu_count() or 1)))
    atexit.register(os.unlink, file.name)
    return f"{file.name}:/proc/cpuinfo", "QEMU_CPU=cortex-a72"


def lines_for(installation: str) -> list[str]:
    """The lines of shell that docs/install.md gives for an installation."""
    text = INSTALL.read_text("utf-8")
    match = re.search(rf"<!-- test: {installation} -->\s*```sh\n(.*?)```", text, re.DOTALL)
    assert match, f"docs/install.md has no lines for {installation}"
    lines = re.sub(r"\\\n\s*", "", match[1]).splitlines()
    return [line.partition("  #")[0].rstrip() for line in lines if line and not line.startswith("#")]


def peak_memory_mb(line: list[str], program: str, timeout_s: float) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Run `line`; the most memory in MB that the emulated process called `program` had resident, less the emulator's.

    The emulator keeps translated code in mappings that can be written to and executed, which no program of ours has.
    """
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak = 0.0
    deadline = time.monotonic() + timeout_s
    while process.poll() is None and time.monotonic() < deadline:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                is_guest = not EMULATED or "qemu" in os.readlink(folder / "exe")
                if is_guest and program in (folder / "cmdline").read_text().split("\0"):
                    peak = max(peak, resident_mb(folder))
            except OSError:
                continue
        time.sleep(0.2)
    out, err = process.communicate(timeout=30)
    return peak, subprocess.CompletedProcess(line, process.returncode, out, err)


def resident_mb(process: Path) -> float:
    kilobytes, counts = 0, False
    for line in (process / "smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            counts = " rwxp " not in line and "qemu" not in line
        elif counts and line.startswith("Rss:"):
            kilobytes += int(line.split()[1])
    return kilobytes / 1024
