"""The device files of cameras."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path("/")


def camera_devices(root: Path = ROOT) -> list[Path]:
    """The files that libcamera and Video4Linux work through, sorted. `root` stands for /."""
    patterns = ("video*", "media*", "dma_heap/*")
    return [file for pattern in patterns for file in sorted((root / "dev").glob(pattern))]


def barred_devices(root: Path = ROOT) -> list[Path]:
    """Those of them that this user may not read and write: libcamera passes over such a camera without a word."""
    return [file for file in camera_devices(root) if not os.access(file, os.R_OK | os.W_OK)]
