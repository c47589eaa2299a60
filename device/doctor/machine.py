"""Python, the system, memory and disk."""

from __future__ import annotations

import errno
import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .finding import Finding, failure, fine, warning

ROOT = Path("/")

LEAST_PYTHON, FIRST_UNKNOWN_PYTHON = (3, 11), (3, 14)
MEMORY_SCARCE_MB, MEMORY_SHORT_MB = 150, 64
CONTIGUOUS_SCARCE_MB = 64
DISK_SCARCE_MB, DISK_SHORT_MB = 200, 10

CONFIGURATION = "/boot/firmware/config.txt"
"""Where Raspberry Pi OS keeps the settings of the firmware, since Bookworm."""


def check_python() -> Finding:
    """Its version, its width, and whether it is one that wheels exist for."""
    name, bits = "Python", 64 if sys.maxsize > 2**32 else 32
    where = f"virtual environment {sys.prefix}" if sys.prefix != sys.base_prefix else sys.executable
    found = f"{platform.python_version()}, {bits}-bit, {where}"
    if not LEAST_PYTHON <= sys.version_info[:2] < FIRST_UNKNOWN_PYTHON:
        return failure(
            name, f"{found}: edge-hwr runs on 3.11 to 3.13", "install Raspberry Pi OS Bookworm or Trixie, 64-bit"
        )
    if bits == 32 and platform.machine() in ("aarch64", "x86_64"):
        return warning(
            name,
            f"{found}: a 32-bit system on a 64-bit processor and kernel, for which pip may choose wrong packages",
            "install the 64-bit Raspberry Pi OS, or follow the 32-bit lines of docs/install.md",
        )
    return fine(name, found)


def check_system(board: str) -> Finding:
    """The operating system, its kernel, and the name of the `board` ("" where the firmware gives none)."""
    try:
        release = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        release = ""
    kernel = f"{platform.system()} {platform.release()} {platform.machine()}"
    return fine("System", ", ".join(part for part in (board, release, kernel) if part))


def check_memory(root: Path = ROOT) -> Finding:
    """What is free for a new program."""
    name, megabytes = "Memory", _meminfo(root).get("MemAvailable")
    if megabytes is None:
        return fine(name, "this system does not tell")
    found = f"{megabytes:,} MB free"
    remedy = "sudo systemctl set-default multi-user.target && sudo reboot   # no desktop; or close other programs"
    if megabytes < MEMORY_SHORT_MB:
        return failure(name, f"{found}, and {MEMORY_SCARCE_MB} MB are wanted", remedy)
    if megabytes < MEMORY_SCARCE_MB:
        return warning(name, f"{found}; {MEMORY_SCARCE_MB} MB are wanted", remedy)
    return fine(name, found)


def check_contiguous_memory(root: Path = ROOT) -> Finding:
    """What the kernel keeps for the buffers of cameras. How much of it is free says little: it is lent to files."""
    name, sizes = "Camera memory", _meminfo(root)
    total = sizes.get("CmaTotal")
    if not total:
        return fine(name, "the kernel keeps none apart (CMA)")
    found = f"{total:,} MB kept for cameras and screens (CMA), {sizes.get('CmaFree', 0):,} MB of it unused"
    if total < CONTIGUOUS_SCARCE_MB:
        return warning(
            name,
            f"{found}; {CONTIGUOUS_SCARCE_MB} MB are wanted",
            f"sudo sed -i 's/^dtoverlay=vc4-kms-v3d.*/dtoverlay=vc4-kms-v3d,cma-128/' {CONFIGURATION} && sudo reboot",
        )
    return fine(name, found)


def _folders() -> Iterator[Path]:
    """The folder that we are in and the user's own, if there are such: the first may have been removed."""
    for find in (Path.cwd, Path.home):
        with suppress(OSError, RuntimeError):
            yield find()


def check_disk(folder: Path | None = None) -> Finding:
    """Whether results can be written to `folder`: by default the one we are in, else the user's own."""
    name = "Disk"
    refused: OSError | None = None
    place = folder or Path()
    for place in [folder] if folder else _folders():
        try:
            with tempfile.TemporaryFile(dir=place) as file:
                file.write(b"\0")
                file.flush()
        except OSError as error:
            refused = error
            if error.errno not in (errno.EACCES, errno.EPERM, errno.ENOENT):
                break  # the disk itself
            continue
        space = os.statvfs(place)
        megabytes = space.f_bavail * space.f_frsize // 2**20
        found = f"{megabytes:,} MB free in {place}"
        remedy = "sudo apt clean && sudo journalctl --vacuum-size=50M"
        if megabytes < DISK_SHORT_MB:
            return failure(name, found, remedy)
        if megabytes < DISK_SCARCE_MB:
            return warning(name, found, remedy)
        return fine(name, found)
    if refused is not None and refused.errno == errno.EROFS:
        mounted = shlex.quote(str(_mount_point(place)))
        return failure(
            name,
            f"{place} is read-only: a worn or damaged card, or the overlay of raspi-config",
            f"sudo mount -o remount,rw {mounted}   # and see `dmesg | grep -i mmc` for what the card said",
        )
    if refused is not None and refused.errno == errno.ENOSPC:
        return failure(name, f"{place} is full", "sudo apt clean && sudo journalctl --vacuum-size=50M")
    why = refused.strerror if refused else "no folder"
    return warning(name, f"{place} cannot be written to: {why}", 'cd "$HOME"   # or give --jsonl a folder of your own')


def _mount_point(folder: Path) -> Path:
    """Where the disk that a folder is on is mounted."""
    return next(place for place in (folder.resolve(), *folder.resolve().parents) if os.path.ismount(place))


def _meminfo(root: Path) -> dict[str, int]:
    """Sizes in MB of the kernel's /proc/meminfo."""
    try:
        lines = (root / "proc/meminfo").read_text("utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split()[:2] for line in lines if line.endswith("kB"))
    return {key.rstrip(":"): int(kilobytes) // 1024 for key, kilobytes in pairs}
