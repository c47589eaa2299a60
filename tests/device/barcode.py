"""Numbered frames, and a reader of their numbers: tells which frames went through, whole, and in what order."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.reading import Box, Line, Reading

BITS = 14
ROWS = 3
"""The number stands in each of these rows: a frame made of two has rows that differ."""


def numbered_frame(number: int, width: int = 14 * 16, height: int = 96) -> NDArray[np.uint8]:
    """A grey frame of uint8 (height, width) with `number` as black and white bars in each of its rows."""
    bits = [number >> bit & 1 for bit in range(BITS)]
    cells = np.array([bits] * ROWS, np.uint8) * 200 + 30
    return cv2.resize(cells, (width, height), interpolation=cv2.INTER_NEAREST)


class BarcodeReader:
    """Reads the number of a frame, or "mixed" where its rows say different things; `pause_s` makes it slow."""

    def __init__(self, pause_s: float = 0.0) -> None:
        self.numbers: list[int] = []
        self._pause_s = pause_s

    def read(self, grey: NDArray[np.uint8], /) -> Reading:
        height, width = grey.shape
        cells = grey[height // (2 * ROWS) :: height // ROWS, width // (2 * BITS) :: width // BITS][:ROWS, :BITS] > 128
        text = "mixed"
        if (cells == cells[0]).all():
            number = sum(1 << bit for bit in range(BITS) if cells[0, bit])
            self.numbers.append(number)
            text = str(number)
        if self._pause_s:
            time.sleep(self._pause_s)
        return Reading(width, height, "barcode", (Line(text, 1.0, Box(0, 0, width, height)),))


def write_video(path: Path, frames: int, *, codec: str = "MJPG", size: tuple[int, int] = (14 * 16, 96)) -> Path:
    """A video at `path` of `frames` numbered frames, 25 a second."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), 25, size)
    assert writer.isOpened(), f"no encoder for {codec}"
    for number in range(frames):
        writer.write(cv2.cvtColor(numbered_frame(number, *size), cv2.COLOR_GRAY2BGR))
    writer.release()
    return path


def jpeg(number: int) -> bytes:
    return cv2.imencode(".jpg", numbered_frame(number))[1].tobytes()
