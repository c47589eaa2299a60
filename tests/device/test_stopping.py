"""Ctrl-C and SIGTERM, sent to a process of its own that reads a stream."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mjpeg_server import Script, endless, frames, freeze, serve
from processes import running

HERE = str(Path(__file__).parent)

PROGRAM = """
import sys; sys.path.insert(0, sys.argv[2])
from barcode import BarcodeReader
from edge_hwr.device.loop import run_loop
from edge_hwr.device.sinks import Terminal
from edge_hwr.device.sources import open_source
from edge_hwr.device.stopping import stopped_by_signals
with stopped_by_signals() as stop, Terminal() as terminal:
    tally = run_loop(open_source(sys.argv[1]), BarcodeReader(), [terminal], stop=stop)
print("ended after", tally.frames, flush=True)
"""


@pytest.mark.parametrize("script", [(endless(0.01),), (frames(5), freeze)], ids=["flowing", "frozen"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_loop_cleanly(number: signal.Signals, script: tuple[Script, ...]) -> None:
    with serve(*script) as url, running(sys.executable, "-c", PROGRAM, url, HERE) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(number)
        start = time.monotonic()
        rest, errors = process.communicate(timeout=20)
        assert time.monotonic() - start < 8
    assert first.strip().isdigit()
    assert rest.splitlines()[-1].startswith("ended after ")
    assert "Traceback" not in errors
    assert process.returncode == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_what_does_not_end(tmp_path: Path, second: signal.Signals) -> None:
    """The reading of a pipe that nobody writes to stands for a driver that hangs."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    program = f"""
from edge_hwr.device.stopping import stopped_by_signals
with stopped_by_signals() as stop:
    print("ready", flush=True)
    open({str(pipe)!r})
"""
    with running(sys.executable, "-c", program) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.send_signal(second)
        assert process.wait(10) == -second


def test_a_closed_terminal_is_told_of_twice_and_ends_nothing_at_once() -> None:
    program = """
import signal
from edge_hwr.device.stopping import stopped_by_signals
with stopped_by_signals() as stop:
    signal.raise_signal(signal.SIGHUP)
    signal.raise_signal(signal.SIGHUP)
    print(stop.is_set())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "True\n")


def test_what_is_ignored_stays_so() -> None:
    """As `nohup` has it."""
    program = """
import signal
from edge_hwr.device.stopping import stopped_by_signals
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with stopped_by_signals() as stop:
    signal.raise_signal(signal.SIGHUP)
    print(stop.is_set())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "False\n")
