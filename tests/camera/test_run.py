"""`edge-hwr run` as a whole, on the real picamera2 and the real libcamera."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from scene import Edge, Page, errors, results

MEMORY_MB = 180
"""What `edge-hwr run` may have resident with picamera2, on x86-64; less on a Pi, whose programs are smaller."""


def test_the_text_comes_out(edge: Edge, page: Page) -> None:
    done = edge.finish("run", "--source", "picamera", "--max-frames", "30", "--jsonl", "out.jsonl")
    assert done.returncode == 0, done.stderr
    assert errors(done.stderr) == []
    for line in page.text.splitlines():
        assert line in done.stdout
    texts = [result["text"] for result in results(edge.folder / "out.jsonl")]
    assert page.text in texts


def test_sigterm_ends_it_and_frees_the_camera(edge: Edge) -> None:
    process = edge.start("run", "--source", "picamera", "--jsonl", "out.jsonl")
    edge.wait_for_text(process)
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert time.monotonic() - started < 10
    assert edge.finish("run", "--source", "picamera", "--max-frames", "1").returncode == 0


def test_a_camera_that_freezes_for_a_while_is_read_again(edge: Edge) -> None:
    process = edge.start("run", "--source", "picamera", "--max-frames", "100")
    time.sleep(3)
    (edge.faults / "frozen").touch()
    time.sleep(8)  # past the source's deadline of 5 s: the loop has to open the camera again
    assert process.poll() is None
    (edge.faults / "frozen").unlink()
    _, err = process.communicate(timeout=90)
    assert process.returncode == 0, err


def test_a_camera_that_stays_frozen_ends_it_with_one_line(edge: Edge) -> None:
    process = edge.start("run", "--source", "picamera", "--jsonl", "out.jsonl")
    edge.wait_for_text(process)
    (edge.faults / "frozen").touch()
    _, err = process.communicate(timeout=150)
    assert process.returncode == 1, err
    (line,) = errors(err)
    assert "picamera:0" in line
    assert "check the cable" in line


def test_an_unplugged_camera_ends_it_with_one_line(edge: Edge) -> None:
    process = edge.start("run", "--source", "picamera", "--jsonl", "out.jsonl")
    edge.wait_for_text(process)
    (edge.faults / "unplugged").touch()
    _, err = process.communicate(timeout=150)
    assert process.returncode == 1, err
    (line,) = errors(err)
    assert "picamera:0 is absent: no camera found" in line


def test_a_busy_camera_ends_it_with_one_line(edge: Edge) -> None:
    first = edge.start("run", "--source", "picamera", "--jsonl", "out.jsonl")
    try:
        edge.wait_for_text(first)
        second = edge.finish("run", "--source", "picamera")
    finally:
        first.terminate()
        first.communicate(timeout=20)
    assert second.returncode == 1
    (line,) = errors(second.stderr)
    assert "picamera:0 is busy: another program is using the camera" in line


def test_no_camera_ends_it_with_one_line(edge: Edge) -> None:
    done = edge.finish("run", "--source", "picamera", LIBCAMERA_PIPELINES_MATCH_LIST="none")
    assert done.returncode == 1
    (line,) = errors(done.stderr)
    assert "picamera:0 is absent: no camera found; check the cable" in line


def test_nothing_leaks_over_five_thousand_frames(edge: Edge, page: Page) -> None:
    # The camera sees two pages in turn, so that each frame is another one and has to be read.
    second = page.picture.with_name("second.jpg")
    cv2.imwrite(str(second), np.roll(cv2.imread(str(page.picture)), 60, axis=0))
    try:
        _watch_for_leaks(edge)
    finally:
        second.unlink()


def _watch_for_leaks(edge: Edge) -> None:
    process = edge.start("run", "--source", "picamera", "--max-frames", "5500", VIRTUAL_CAMERA_RATE="120")
    samples = []
    deadline = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError, IndexError):  # it has just ended
            samples.append(footprint(process.pid))
        time.sleep(0.1)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    # The tenth parts at both ends are its start and its end.
    steady = samples[len(samples) // 10 : -len(samples) // 10]
    assert steady[-1][1:] == steady[0][1:], "files and threads"
    assert steady[-1][0] - steady[0][0] < 8, "MB of memory"
    peak = max(megabytes for megabytes, _, _ in samples)
    print(f"\nrun: {peak:.0f} MB resident at most")
    assert peak <= MEMORY_MB


def footprint(process: int) -> tuple[float, int, int]:
    """MB in memory, open files and threads of a process."""
    folder = Path("/proc") / str(process)
    pages = int((folder / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20, len(os.listdir(folder / "fd")), len(os.listdir(folder / "task"))
