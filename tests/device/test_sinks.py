from __future__ import annotations

import csv
import io
import json
import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from results import result

from edge_hwr.device.result import Result
from edge_hwr.device.sinks import Csv, Held, JsonLines, Sqlite, Terminal
from edge_hwr.errors import SinkError


def texts(path: Path) -> list[str]:
    """The texts in a file of any kind."""
    content = path.read_bytes()
    if content.startswith(b"SQLite"):
        with closing(sqlite3.connect(path)) as database:
            return [text for (text,) in database.execute("SELECT text FROM results ORDER BY id")]
    lines = content.decode().splitlines()
    if content.startswith(b"{"):
        return [json.loads(line)["text"] for line in lines]
    return [row["text"] for row in csv.DictReader(lines)]


def printed(*results: Result) -> str:
    stream = io.StringIO()
    with Terminal(stream) as terminal:
        for one in results:
            terminal.write(one)
    return stream.getvalue()


def test_the_terminal_shows_a_live_text_when_it_changes() -> None:
    texts = ["", "", "12\n34", "12\n34", "", "5"]
    assert printed(*(result(text) for text in texts)) == "(no text)\n12\n34\n(no text)\n5\n"


def test_the_terminal_names_pictures() -> None:
    assert printed(result("1", name="a.png"), result("1", name="b.png")) == "a.png\n1\nb.png\n1\n"


def test_json_lines_are_appended_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    for sequence in range(2):
        with JsonLines(path) as sink:
            sink.write(result("é\n2", name="a.png", sequence=sequence))
            lines = path.read_text(encoding="utf-8").splitlines()  # there as soon as it was written
            assert len(lines) == sequence + 1
    records = [json.loads(line) for line in lines]
    assert [record["sequence"] for record in records] == [0, 1]
    record = records[1]
    assert (record["source"], record["image"], record["text"], record["age_ms"]) == ("camera", "a.png", "é\n2", 25.0)
    assert (record["width"], record["model"], record["ms"]) == (640, "digits", {"total": 1.5})
    assert record["lines"][0]["box"] == [1, 2, 3, 4]
    assert timedelta(0) < datetime.now(UTC) - datetime.fromisoformat(record["utc"]) < timedelta(seconds=60)


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="No such file or directory"), JsonLines(tmp_path / "missing" / "out.jsonl"):
        pass
    with pytest.raises(SinkError, match="Is a directory"), JsonLines(tmp_path):
        pass


@pytest.mark.parametrize("content", [b"dear diary\n", b"utc,source\r\n", b"utc,\xff"])
def test_a_table_is_not_appended_to_something_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "diary.txt"
    path.write_bytes(content)
    with pytest.raises(SinkError, match="holds something else; choose another file"), Csv(path):
        pass
    assert path.read_bytes() == content


def test_a_full_disk() -> None:
    with JsonLines("/dev/full") as sink, pytest.raises(SinkError, match="/dev/full cannot be written: No space left"):
        sink.write(result("1"))


def test_a_pipe_that_nobody_reads_is_told_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(SinkError, match="pipe cannot be opened: nobody reads this pipe"), JsonLines(path):
        pass
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with Held(JsonLines(path)) as sink:
        os.close(reading)
        sink.write(result("1"))
        assert sink.waiting == 1
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    assert [json.loads(line)["text"] for line in os.read(reading, 10_000).splitlines()] == ["1"]
    os.close(reading)


@pytest.mark.parametrize("kind", [JsonLines, Csv, Sqlite])
def test_a_file_that_is_moved_away_is_begun_anew(tmp_path: Path, kind: type[JsonLines | Csv | Sqlite]) -> None:
    path, moved = tmp_path / "texts", tmp_path / "yesterday"
    with kind(path) as sink:
        sink.write(result("1"))
        path.rename(moved)
        sink.write(result("2"))
        path.unlink()
        sink.write(result("3"))
        sink.write(result("4"))
    assert [texts(moved), texts(path)] == [["1"], ["3", "4"]]


def test_a_disk_that_fills_within_a_line_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    program = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from results import result
from edge_hwr.device.sinks import JsonLines
from edge_hwr.errors import SinkError
with JsonLines({str(path)!r}) as sink:
    try:
        for sequence in range(100):
            sink.write(result("1", sequence=sequence))
    except SinkError as error:
        print(error)
"""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    done = subprocess.run([sys.executable, "-c", program], preexec_fn=limit, capture_output=True, text=True, timeout=60)
    assert "cannot be written: File too large" in done.stdout, done.stderr
    lines = path.read_text().splitlines(keepends=True)
    assert [json.loads(line)["sequence"] for line in lines] == list(range(len(lines)))
    assert lines
    assert all(line.endswith("\n") for line in lines)
