"""What can go wrong around `edge-hwr run`, done to a real process that reads a real stream with the shipped model."""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from barcode import BarcodeReader, numbered_frame
from cameras import Scripted
from faults import FULL, report
from mjpeg_server import part, serve
from processes import running
from test_run_command import MODEL, page

from edge_hwr.device.live import Live, State
from edge_hwr.device.loop import Watch, run_loop
from edge_hwr.device.retries import RetryBounds
from edge_hwr.errors import SourceError

pytestmark = [
    pytest.mark.skipif(not MODEL.exists(), reason="the digits bundle is not built yet"),
    pytest.mark.timeout(1200 if FULL else 120),
]


def frames_of(text: str) -> bytes:
    import cv2

    return part(cv2.imencode(".jpg", page(text))[1].tobytes())


GARBAGE = random.Random(5).randbytes(30_000)
SHOWN = {text: frames_of(text) for text in ("2750", "481", "36")}
LONG = {text: frames_of(text) for text in ("0123456789", "9876543210", "1357924680")}
"""Texts whose results fill more than a page of memory, and so of a small disk, together."""


@contextmanager
def reading(url: str, out: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    command = [
        sys.executable,
        "-m",
        "edge_hwr.cli",
        "run",
        "--source",
        url,
        "--jsonl",
        str(out),
        "--verbose",
        *arguments,
    ]
    with running(*command) if not environment else _running_in(command, environment) as process:
        yield process


@contextmanager
def _running_in(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def settled(out: Path) -> list[str]:
    """The texts in a file of JSON lines, all of which have to be whole."""
    return [json.loads(line)["text"] for line in out.read_text().splitlines()] if out.exists() else []


def wait_until(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def frozen(write: Any, closing: threading.Event) -> None:
    closing.wait(8)


def crawling(write: Any, closing: threading.Event) -> None:
    for _ in range(2):
        closing.wait(3)
        write(SHOWN["481"])


def truncated(write: Any, closing: threading.Event) -> None:
    whole = SHOWN["481"]
    for cut in range(300, len(whole), len(whole) // 40):
        write(part(whole[whole.index(b"\xff\xd8") : cut]))
        closing.wait(0.02)


FAULTS: dict[str, Callable[[Any, threading.Event], object]] = {
    "stream frozen for 8 s": frozen,
    "stream cut within a picture": lambda write, closing: write(SHOWN["481"][:2000]),
    "stream slowed to a frame in 3 s": crawling,
    "stream fed 30 kB of garbage": lambda write, closing: write(GARBAGE),
    "40 truncated JPEGs": truncated,
}


@pytest.mark.parametrize("fault", FAULTS if FULL else ["stream cut within a picture", "40 truncated JPEGs"])
def test_a_stream_that_misbehaves_is_read_again_without_a_wrong_text(fault: str, tmp_path: Path) -> None:
    """2750 is shown, then the fault happens, on a connection that ends after it; whoever connects again sees 36."""
    connections = 0

    def send(write: Any, closing: threading.Event) -> None:
        nonlocal connections
        connections += 1
        shown = SHOWN["2750" if connections == 1 else "36"]
        while not closing.wait(0.03) and (connections > 1 or settled(out) != ["2750"]):
            write(shown)
        if connections == 1:
            FAULTS[fault](write, closing)

    out = tmp_path / "out.jsonl"
    with serve(send) as url, reading(url, out) as process:
        wait_until(lambda: settled(out)[-1:] == ["36"])
        process.terminate()
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    # A frame of the fault may be read, if it is whole and shown for long enough.
    assert [text for text in settled(out) if text != "481"] == ["2750", "36"]
    assert "secret" not in errors
    states = " → ".join(line.split(": ")[1].split(" after")[0] for line in errors.splitlines() if " after " in line)
    report(fault, f"{states}; texts in order, none wrong, none lost; exit 0 at the end")


def test_a_source_that_vanishes_again_and_again() -> None:
    times = 100
    camera = Scripted(
        lambda k: None if k > 10 * times else SourceError("unplugged") if k % 10 == 9 else numbered_frame(k), 0.001
    )
    live = Live()
    bounds = RetryBounds(limit=5, window_s=0.02, pause_s=0.005)
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    tally = run_loop(camera, BarcodeReader(), (), stop=threading.Event(), live=live, watch=Watch(retries=bounds))
    assert (tally.retries, camera.openings) == (times, times + 1)
    assert live.state is State.ENDED
    assert threading.active_count() <= threads
    assert len(os.listdir("/proc/self/fd")) <= descriptors
    report(f"source vanished {times} times", f"opened again {times} times; threads and descriptors as before")


def test_a_source_that_stays_away_ends_the_process(tmp_path: Path) -> None:
    shown = threading.Event()
    retries = 5 if FULL else 2

    def send(write: Any, closing: threading.Event) -> None:
        while not closing.wait(0.03) and not shown.is_set():
            write(SHOWN["2750"])

    out = tmp_path / "out.jsonl"
    start = time.monotonic()
    with serve(send) as url, reading(url, out, "--retries", str(retries)) as process:
        wait_until(lambda: settled(out) == ["2750"])
        shown.set()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.splitlines()[-1].endswith(f"given up after {retries} retries in 60 s")
    assert settled(out) == ["2750"]
    report(
        "source gone for good", f"{retries} retries, then exit 1 with one line, after {time.monotonic() - start:.0f} s"
    )


def test_a_disk_that_fills_and_is_emptied(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount a small disk here")
    try:
        out, ballast = disk / "out.jsonl", disk / "ballast"
        first, second, third = LONG
        current = first

        def send(write: Any, closing: threading.Event) -> None:
            while not closing.wait(0.03):
                write(LONG[current])

        with serve(send) as url, reading(url, out) as process:
            wait_until(lambda: settled(out) == [first])
            fill(ballast)
            for current in (second, third, first):  # noqa: B007, read by `send`
                time.sleep(2.5)
            assert len(settled(out)) < 4
            ballast.unlink()
            current = second
            wait_until(lambda: len(settled(out)) == 5)
            process.terminate()
            _, errors = process.communicate(timeout=20)
        assert settled(out) == [first, second, third, first, second]
        assert errors.count("No space left") == 1
        assert process.returncode == 0
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    report(
        "disk filled for 3 texts, then emptied", "texts kept, then written in order; none lost; told once in the log"
    )


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def test_sigterm_at_random_moments(tmp_path: Path) -> None:
    times = 50 if FULL else 4
    rng = random.Random(7)
    moments = [rng.uniform(0.0, 2.5) for _ in range(times)]
    ended: list[int] = []
    slowest_s = 0.0

    def send(write: Any, closing: threading.Event) -> None:
        while not closing.wait(0.02):
            write(SHOWN["2750"])

    with serve(send) as url:
        for number, moment in enumerate(moments):
            out = tmp_path / f"{number}.jsonl"
            with reading(url, out) as process:
                time.sleep(moment)
                process.terminate()
                start = time.monotonic()
                output, errors = process.communicate(timeout=20)
                slowest_s = max(slowest_s, time.monotonic() - start)
            ended.append(process.returncode)
            # Until our own code runs, a signal ends Python as it ends any program.
            assert process.returncode in (0, -signal.SIGTERM), errors
            assert "Traceback" not in errors
            texts = settled(out)
            assert texts in ([], ["2750"])
            assert output.split() == texts
    assert slowest_s < 10
    clean = ended.count(0)
    report(
        f"SIGTERM at {times} random moments of the first 2.5 s",
        f"{clean} clean ends (exit 0), {times - clean} before the program had begun; slowest "
        f"{slowest_s:.1f} s; all lines whole",
    )


def test_a_clock_that_is_set_back_by_an_hour(tmp_path: Path) -> None:
    """The wall clock of the process alone is moved, by a library in front of the C library's."""
    compiler = next((name for name in ("cc", "gcc") if _runs(name)), None)
    if compiler is None:
        pytest.skip("no C compiler for the library that moves the clock")
    source, library, trigger = tmp_path / "clock.c", tmp_path / "clock.so", tmp_path / "back"
    source.write_text(
        "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <time.h>\n#include <unistd.h>\n#include <stdlib.h>\n"
        "int clock_gettime(clockid_t id, struct timespec *t) {\n"
        "  static int (*real)(clockid_t, struct timespec *);\n"
        '  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");\n'
        "  int result = real(id, t);\n"
        '  if (id == CLOCK_REALTIME && access(getenv("CLOCK_BACK"), F_OK) == 0) t->tv_sec -= 3600;\n'
        "  return result;\n}\n"
    )
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    current = "2750"

    def send(write: Any, closing: threading.Event) -> None:
        while not closing.wait(0.03):
            write(SHOWN[current])

    out = tmp_path / "out.jsonl"
    with (
        serve(send) as url,
        reading(url, out, LD_PRELOAD=str(library), CLOCK_BACK=str(trigger)) as process,
    ):
        wait_until(lambda: settled(out) == ["2750"])
        trigger.touch()
        current = "481"
        wait_until(lambda: settled(out) == ["2750", "481"])
        process.terminate()
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert " recovering" not in errors
    assert " stalled" not in errors
    before, after = (json.loads(line) for line in out.read_text().splitlines())
    assert after["utc"] < before["utc"], "the clock was not set back"
    assert 0 < after["age_ms"] < 2000
    report("clock set back by an hour", "no effect but on the stamps: ages, order and state as before")


def _runs(program: str) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def test_an_hour_of_frames_at_full_speed() -> None:
    """Memory and descriptors after as many frames as an hour has, 30 a second; with settling, all in one process."""
    frames = 108_000 if FULL else 3_000
    pictures = [numbered_frame(number) for number in range(64)]
    marks: list[tuple[int, int]] = []
    live = Live()

    def measure() -> None:
        if not marks and live.tally.frames > frames // 10:
            marks.append((resident_kib(), len(os.listdir("/proc/self/fd"))))

    live.listen(measure)

    class Recording(Scripted):
        live = False

    source = Recording(lambda k: pictures[k // 40 % 64] if k < frames else None, 0.0)
    tally = run_loop(source, BarcodeReader(), (), stop=threading.Event(), settle=True, live=live)
    assert tally.frames == frames
    grown_kib = resident_kib() - marks[0][0]
    assert grown_kib < 8192
    assert len(os.listdir("/proc/self/fd")) == marks[0][1]
    report(
        f"{frames:,} frames at full speed, {tally.settled:,} texts",
        f"memory grew by {max(grown_kib, 0) / 1024:.1f} MB between the first tenth and the end, descriptors by 0; "
        f"{tally.frames / tally.seconds:,.0f} frames a second",
    )


def resident_kib() -> int:
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])


def test_a_slow_model_does_not_make_results_old() -> None:
    """30 frames a second in, an inference of 100 ms: two frame times plus one inference, at the end as at the start."""
    inference_s, period_s, seconds = 0.1, 1 / 30, 600 if FULL else 6
    stop, live = threading.Event(), Live()
    ages: list[float] = []
    live.listen(
        lambda: ages.append(live.view.age_s) if live.view is not None and live.view.age_s not in ages[-1:] else None
    )
    threading.Timer(seconds, stop.set).start()
    camera = Scripted(lambda k: numbered_frame(k % 2**14), period_s)
    run_loop(camera, BarcodeReader(inference_s), (), stop=stop, live=live)
    tenth = len(ages) // 10
    first, last = (sorted(part)[round(0.95 * (len(part) - 1))] for part in (ages[:tenth], ages[-tenth:]))
    # A busy machine adds to both; what a queue would add grows with the minutes.
    assert last < 2 * period_s + inference_s + 0.03
    report(
        f"slow model ({1e3 * inference_s:.0f} ms) at 30 frames a second for {seconds} s",
        f"95 % of the ages below {1e3 * first:.0f} ms in the first tenth, {1e3 * last:.0f} ms in the last "
        f"(two frame times and an inference: {1e3 * (2 * period_s + inference_s):.0f} ms)",
    )


def test_secrets_are_in_no_log_and_in_no_title(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("page-s3cr3t-0123456789")
    (tmp_path / "password").write_text("broker-s3cr3t")
    configuration = tmp_path / "c.toml"
    with serve(lambda write, closing: [write(SHOWN["36"]) for _ in range(200) if not closing.wait(0.03)]) as url:
        configuration.write_text(
            f'source = "{url}"\nserve = "127.0.0.1:0"\ntoken_file = "token"\nmqtt = "mqtt://me@127.0.0.1:9"\n'
            'mqtt_password_file = "password"\nwebhook = "http://127.0.0.1:9/hook-s3cr3t?key=hook-s3cr3t"\n'
        )
        with running(
            sys.executable, "-m", "edge_hwr.cli", "run", "--config", str(configuration), "--verbose"
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "36\n"
            title = Path(f"/proc/{process.pid}/cmdline").read_text()
            process.terminate()
            output, errors = process.communicate(timeout=30)
    assert "edge_hwr" in title
    for said in (title, output, errors):
        assert "s3cr3t" not in said
    assert "user:secret" not in title + output + errors
