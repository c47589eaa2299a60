"""`edge-hwr run` as a user types it, with the digits that ship."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from mjpeg_server import frames, part, serve
from processes import running

import edge_hwr
from edge_hwr.device.commands import run as run_command
from edge_hwr.device.sinks import Outbox

MODEL = Path(edge_hwr.__file__).parent / "models" / "digits.tflite"
pytestmark = pytest.mark.skipif(not MODEL.exists(), reason="the digits bundle is not built yet")


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "edge_hwr.cli", "run", *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=60)


def page(text: str) -> np.ndarray:
    """Dark digits on light paper, uint8 (240, 640)."""
    paper = np.full((240, 640), 215, np.uint8)
    for column, digit in enumerate(text):
        cv2.putText(paper, digit, (40 + 50 * column, 150), cv2.FONT_HERSHEY_SIMPLEX, 2.2, 40, 6, cv2.LINE_AA)
    return paper


def test_a_folder_to_the_terminal_and_to_json_lines(tmp_path: Path) -> None:
    for number, text in enumerate(("2750", "481")):
        cv2.imwrite(str(tmp_path / f"page{number}.png"), page(text))
    out = tmp_path / "out.jsonl"
    done = run("--source", tmp_path, "--jsonl", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "page0.png\n2750\npage1.png\n481\n"
    assert re.match(r"2 frames in .* a second\): 2 read, 0 unchanged", done.stderr)
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(record["image"], record["text"]) for record in records] == [("page0.png", "2750"), ("page1.png", "481")]


def test_a_name_that_is_no_utf8_reaches_every_sink(tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    cv2.imwrite(str(tmp_path / "page.png"), page("2750"))
    os.rename(tmp_path / "page.png", os.fsencode(folder) + b"/p\xff.png")
    source = os.fsencode(folder) + b"\xff"
    os.rename(folder, source)
    done = run("--source", os.fsdecode(source), "--jsonl", tmp_path / "o.jsonl", "--csv", tmp_path / "o.csv",
               "--sqlite", tmp_path / "o.db")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "o.jsonl").read_text())["image"] == "p\\xff.png"
    assert "p\\xff.png" in (tmp_path / "o.csv").read_text()


def test_an_option_that_does_nothing_is_told(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "page.png"), page("2750"))
    done = run("--source", tmp_path / "page.png", "--snapshots", tmp_path / "s.db")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == "WARNING: snapshots does nothing without serve"


@pytest.mark.parametrize(
    ("sinks", "message"),
    [
        (["--jsonl", "page.png"], "that is the source"),
        (["--jsonl", "out", "--csv", "./out"], "that is where jsonl goes"),
        (["--jsonl", "mine.tflite"], "that is the model mine.tflite"),
        (["--jsonl", "token", "--serve", "0", "--token-file", "token"], "that is the token_file"),
        (["--jsonl", "s.db", "--serve", "0", "--snapshots", "s.db"], "that is where snapshots goes"),
    ],
)
def test_results_go_neither_into_the_source_nor_into_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sinks: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("page.png", page("2750"))
    shutil.copy(MODEL, "mine.tflite")
    Path("token").write_text("0123456789abcdef")
    before = Path("page.png").read_bytes()
    done = run("--source", "page.png", "--model", "mine.tflite", *sinks)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert Path("page.png").read_bytes() == before


def test_results_are_appended_to_results_alone(tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    cv2.imwrite(str(folder / "page.png"), page("2750"))
    (tmp_path / "letter.txt").write_text("Dear all")
    done = run("--source", folder, "--jsonl", folder / "page.png")
    assert (done.returncode, "that is a picture of the source" in done.stderr) == (2, True)
    done = run("--source", folder, "--jsonl", tmp_path / "letter.txt")
    assert (done.returncode, "holds something else" in done.stderr) == (1, True)
    assert (tmp_path / "letter.txt").read_text() == "Dear all"
    for _ in range(2):
        assert run("--source", folder, "--jsonl", tmp_path / "o.jsonl").returncode == 0
    assert (tmp_path / "o.jsonl").read_text().count("\n") == 2


def test_a_video_ends_cleanly(tmp_path: Path) -> None:
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (640, 240))
    for text in (*["12"] * 10, *["345"] * 4):
        writer.write(cv2.cvtColor(page(text), cv2.COLOR_GRAY2BGR))
    writer.release()
    done = run("--source", path)
    assert (done.returncode, done.stdout) == (0, "12\n345\n"), done.stderr
    assert run("--source", path, "--quiet", "--max-frames", 2).stdout == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_live_stream_is_read_until_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    picture = part(cv2.imencode(".jpg", page("6170"))[1].tobytes())

    def send(write: object, closing: object) -> None:
        while not closing.wait(0.02):  # type: ignore[attr-defined]
            write(picture)  # type: ignore[operator]

    out = tmp_path / "out.jsonl"
    with (
        serve(send) as url,
        running(*command("--source", url, "--jsonl", out)) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "6170\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert re.search(r"^\d+ frames in .* s \(.* a second\): \d+ read, \d+ unchanged", errors)
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert {record["text"] for record in records} == {"6170"}
    assert all(0 < record["age_ms"] < 1000 for record in records)
    assert "secret" not in out.read_text() + errors


@pytest.mark.parametrize("content", [b"", b"no video " * 500, os.urandom(5000)], ids=["zero-length", "text", "noise"])
def test_a_bad_file_is_one_line_and_an_exit(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    assert_one_line(run("--source", path), "bad.mp4")


def test_a_stream_that_dies_is_one_line_and_an_exit() -> None:
    with serve(frames(20, 0.02)) as url:
        assert_one_line(
            run("--source", url, "--quiet", "--retries", 0), "has ended: the connection was closed or broken"
        )


def test_a_camera_that_is_absent_is_one_line_and_an_exit() -> None:
    assert_one_line(run(), "picamera2")
    assert_one_line(run("--source", "v4l2:77"), "no such camera")


def test_what_is_printed_may_fail_but_not_before_it_is_kept(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "page.png"), page("1"))
    kept = tmp_path / "out.jsonl"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("--source", tmp_path, "--jsonl", kept), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 1
    assert "error: standard output cannot be written: No space left on device" in done.stderr
    assert json.loads(kept.read_text())["text"] == "1"


def test_a_reader_that_goes_costs_no_other_sink_a_text(tmp_path: Path) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"page{number}.png"), page("1"))
    table = tmp_path / "out.csv"
    line = " ".join([*command("--source", tmp_path, "--jsonl", "-", "--csv", table), "| true"])
    subprocess.run(line, shell=True, timeout=60, check=True)
    assert len(table.read_text().splitlines()) >= 2


@pytest.mark.parametrize("sink", ["csv", "sqlite", "snapshots"])
def test_only_json_lines_are_printed(tmp_path: Path, sink: str) -> None:
    cv2.imwrite(str(tmp_path / "page.png"), page("1"))
    done = run("--source", tmp_path, f"--{sink}", "-", "--serve", "0")
    assert done.returncode == 2
    assert done.stderr == f"edge-hwr: error: --{sink} -: only JSON lines are printed; name a file\n"


def test_no_file_takes_the_place_of_a_closed_output(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "page.png"), page("1"))
    table = tmp_path / "out.csv"
    line = " ".join([*command("--source", tmp_path, "--jsonl", "-", "--csv", table), "<&- >&-"])
    assert subprocess.run(line, shell=True, timeout=60).returncode == 0
    assert table.read_text().startswith("utc,")
    assert "{" not in table.read_text()


def test_a_full_disk_is_told_at_once_and_at_the_end(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "page.png"), page("1"))
    done = run("--source", tmp_path, "--quiet", "--jsonl", "/dev/full")
    warning, error = done.stderr.splitlines()
    assert warning.startswith("WARNING: /dev/full cannot be written: No space left on device")
    assert error.startswith("edge-hwr: error: /dev/full cannot be written: No space left on device")
    assert error.endswith("(1 result lost)")
    assert done.returncode == 1


def assert_one_line(done: subprocess.CompletedProcess[str], message: str) -> None:
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.startswith("edge-hwr: error: ")
    assert done.stderr.count("\n") == 1


def test_a_plain_run_loads_neither_page_nor_broker() -> None:
    program = (
        "import sys, edge_hwr.device.commands, edge_hwr.device.service\n"
        "print({'aiohttp', 'paho', 'prometheus_client'} & {name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"


def test_everywhere_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program in this process, with all places for text, of which the servers are away."""
    monkeypatch.setattr("edge_hwr.device.sinks.delivery.FAREWELL_S", 0.1)
    for number, text in enumerate(("2750", "481")):
        cv2.imwrite(str(tmp_path / f"page{number}.png"), page(text))
    (tmp_path / "secret").write_text("0123456789abcdef")
    (tmp_path / "c.toml").write_text(
        'jsonl = "out.jsonl"\ncsv = "out.csv"\nsqlite = "out.sqlite"\noutbox = "outbox"\nserve = "0"\n'
        'webhook = "http://127.0.0.1:9/"\nmqtt = "mqtt://desk@127.0.0.1:9"\nmqtt_password_file = "secret"\n'
        'token_file = "secret"\nregion = "0,0,640,240"\n'
    )
    done = CliRunner().invoke(run_command, ["--config", str(tmp_path / "c.toml"), "--source", str(tmp_path)])
    assert done.exit_code == 0, done.exception
    assert "page0.png\n2750\npage1.png\n481\n" in done.output
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3
    assert len(list((tmp_path / "outbox").glob("*.sqlite"))) == 2
    for name in ("webhook", "mqtt"):
        with Outbox(tmp_path / "outbox" / f"{name}.sqlite") as outbox:
            assert len(outbox) == 2
