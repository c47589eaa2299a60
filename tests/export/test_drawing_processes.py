"""Drawing in processes: one that is killed ends the drawing, and none outlives the process that started it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_hwr.errors import TrainingError
from edge_hwr.export.drawing_processes import draw_in_processes

_SECONDS = 60


def square(number: int, folder: Path) -> int:
    (folder / f"{os.getpid()}").touch()
    return number * number


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def hang(number: int, folder: Path) -> int:
    square(number, folder)
    time.sleep(3600)
    return number


def draw_for_ever(folder: str) -> None:
    draw_in_processes(hang, [1, 2], given=(Path(folder),), workers=2, what="drawing")


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie that only waits to be asked how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_is_drawn_comes_in_order(tmp_path: Path):
    drawn = draw_in_processes(square, range(20), given=(tmp_path,), workers=2, what="drawing")
    assert drawn == [number * number for number in range(20)]
    assert not {int(file.name) for file in tmp_path.iterdir()} & {os.getpid()}


def test_where_there_is_no_terminal_lines_tell_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("edge_hwr.export.drawing_processes.LOGGED_EVERY_S", 0.0)
    draw_in_processes(square, range(4), given=(tmp_path,), workers=1, what="drawing")
    assert caplog.messages == ["drawing in one process", "drawing: 25 %", "drawing: 50 %", "drawing: 75 %"]


def test_a_killed_process_ends_the_drawing_with_a_clear_line():
    with pytest.raises(TrainingError, match="one of 2 processes was killed"):
        draw_in_processes(die, [1, 2, 3], given=(), workers=2, what="drawing")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc, to see processes end")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_a_training_that_is_killed(tmp_path: Path, how: signal.Signals):
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_drawing_processes as here; "
    call = f"here.draw_for_ever({str(tmp_path)!r})"
    process = subprocess.Popen([sys.executable, "-c", code + f"__name__ == '__main__' and {call}"])
    with process:
        deadline = time.monotonic() + _SECONDS
        while len(started := [int(file.name) for file in tmp_path.iterdir()]) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(started) == 2
        process.send_signal(how)
    while any(map(runs, started)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(runs, started))
