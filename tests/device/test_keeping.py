"""Where text is kept: rotated files, tables, a database; and patience with a disk that is full."""

from __future__ import annotations

import csv
import json
import logging
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from results import result

from edge_hwr.device.result import Result
from edge_hwr.device.sinks import Csv, Held, JsonLines, Outbox, Sqlite, held
from edge_hwr.device.sinks.lines import KEPT
from edge_hwr.errors import PictureError, SinkError


def sequences(path: Path) -> list[int]:
    return [json.loads(line)["sequence"] for line in path.read_text().splitlines()]


@pytest.mark.parametrize("fsync", [False, True])
def test_files_are_rotated_between_lines_and_the_oldest_go(tmp_path: Path, fsync: bool) -> None:
    path = tmp_path / "texts.jsonl"
    with JsonLines(path, rotate_bytes=1000, fsync=fsync) as sink:
        for sequence in range(100):
            sink.write(result("12", sequence=sequence))
    files = [tmp_path / f"texts.jsonl.{k}" for k in range(KEPT, 0, -1)] + [path]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert all(0 < file.stat().st_size <= 1000 for file in files)
    kept = [sequence for file in files for sequence in sequences(file)]
    assert kept == list(range(100 - len(kept), 100))


def test_a_line_that_a_power_cut_left_half_is_lost_alone(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text('{"sequence": 1}\n{"sequ')
    with JsonLines(path) as sink:
        sink.write(result("1", sequence=3))
    lines = path.read_text().splitlines()
    assert lines[1] == '{"sequ'
    assert json.loads(lines[2])["sequence"] == 3


def test_standard_output_takes_json_lines(capfd: pytest.CaptureFixture[str]) -> None:
    with JsonLines("-") as sink:
        sink.write(result("7\n8"))
    assert json.loads(capfd.readouterr().out)["text"] == "7\n8"


def test_a_table_for_spreadsheets(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    for sequence in range(2):
        with Csv(path) as sink:
            sink.write(result('a "b", c\nd', sequence=sequence))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["sequence"], row["text"], row["confidence"]) for row in rows] == [
        ("0", 'a "b", c\nd', "0.9"),
        ("1", 'a "b", c\nd', "0.9"),
    ]


def test_each_rotated_table_begins_with_its_columns(tmp_path: Path) -> None:
    with Csv(tmp_path / "texts.csv", rotate_bytes=200) as sink:
        for sequence in range(12):
            sink.write(result("1", sequence=sequence))
    assert {file.read_text().splitlines()[0] for file in tmp_path.iterdir()} == {
        "utc,source,image,sequence,age_ms,confidence,text"
    }


def test_a_file_is_opened_again_after_a_rotation_that_failed(tmp_path: Path) -> None:
    folder, away = tmp_path / "texts", tmp_path / "away"
    folder.mkdir()
    with Csv(folder / "texts.csv", rotate_bytes=100) as sink:
        sink.write(result("1"))
        folder.rename(away)
        for _ in range(2):
            with pytest.raises(SinkError, match=r"texts\.csv cannot be opened: No such file"):
                sink.write(result("2"))
        away.rename(folder)
        sink.write(result("3"))
    assert [row["text"] for row in csv.DictReader((folder / "texts.csv").open(newline=""))][-1] == "3"


def test_a_pipe_is_given_the_columns_once() -> None:
    read, write = os.pipe()
    with Csv(f"/dev/fd/{write}") as sink:
        sink.write(result("1"))
        sink.write(result("2"))
    os.close(write)
    with os.fdopen(read) as pipe:
        assert [row["text"] for row in csv.DictReader(pipe)] == ["1", "2"]


def test_results_that_are_kept_back_say_when_they_were_read() -> None:
    early = result("1")
    before = early.record()["utc"]
    deadline = time.monotonic() + 5
    while result("2").record()["utc"] <= before:
        assert time.monotonic() < deadline
    assert early.record()["utc"] == before


def test_a_database_can_be_searched_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "texts.sqlite"
    for text in ("12", "345"):
        with Sqlite(path, fsync=text == "345") as sink:
            sink.write(result(text))
            reader = sqlite3.connect(path)
            rows = reader.execute("SELECT text, json_extract(result, '$.lines[0].box[2]') FROM results").fetchall()
            reader.close()
    assert rows == [("12", 3), ("345", 3)]


@pytest.mark.parametrize("kind", [Sqlite, Outbox])
def test_what_is_no_database_is_told(tmp_path: Path, kind: type[Sqlite] | type[Outbox]) -> None:
    path = tmp_path / "noise"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(SinkError, match="noise cannot be opened: file is not a database"), kind(path):
        pass


class Moody:
    """A sink that fails when it is told to."""

    def __init__(self) -> None:
        self.failing = False
        self.taken: list[int] = []

    def __enter__(self) -> Moody:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, result: Result) -> None:
        if self.failing:
            raise SinkError("disk full")
        self.taken.append(result.sequence)


@given(st.lists(st.booleans(), max_size=40))
def test_results_wait_for_a_full_disk_in_order(moods: list[bool]) -> None:
    sink = Moody()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held, "RETRY_S", 0.0)
        with Held(sink) as patient:
            for sequence, failing in enumerate(moods):
                sink.failing = failing
                patient.write(result("1", sequence=sequence))
                assert len(sink.taken) + patient.waiting == sequence + 1
                assert not patient.waiting or failing
            sink.failing = False
    assert sink.taken == list(range(len(moods)))


def test_a_disk_that_stays_full_is_told_once_and_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    sink = Moody()
    sink.failing = True
    with caplog.at_level(logging.WARNING):
        patient = Held(sink).__enter__()
        for sequence in range(20):
            patient.write(result("1", sequence=sequence))
        with pytest.raises(SinkError, match=r"disk full \(20 results lost\)"):
            patient.__exit__(None, None, None)
    assert len(caplog.records) == 1


def test_what_ended_a_run_is_not_hidden_by_a_full_disk(caplog: pytest.LogCaptureFixture) -> None:
    sink = Moody()
    sink.failing = True

    def run() -> None:
        with Held(sink) as patient:
            patient.write(result("1"))
            raise PictureError("b.jpg: no picture")

    with pytest.raises(PictureError, match="no picture"):
        run()
    assert "disk full (1 result lost)" in caplog.text


def test_a_database_that_others_lock_does_not_hold_the_loop_up(tmp_path: Path) -> None:
    path = tmp_path / "texts.sqlite"
    with Held(Sqlite(path)) as sink:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        start = time.monotonic()
        for text in ("12", "345"):
            sink.write(result(text))
        assert time.monotonic() - start < 0.5
        other.execute("COMMIT")
        other.close()
    with closing(sqlite3.connect(path)) as reader:
        assert reader.execute("SELECT text FROM results").fetchall() == [("12",), ("345",)]


def test_a_table_of_another_making_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.sqlite"
    with closing(sqlite3.connect(path)) as mine:
        mine.execute("CREATE TABLE results (question TEXT, answer TEXT)")
    with pytest.raises(SinkError, match="has a table `results` of another making"), Sqlite(path):
        pass


def test_patience_has_a_bound() -> None:
    sink = Moody()
    sink.failing = True
    patient = Held(sink, hold=5)
    for sequence in range(5):
        patient.write(result("1", sequence=sequence))
    with pytest.raises(SinkError, match="disk full"):
        patient.write(result("1"))


def test_an_outbox_survives_and_says_what_was_tried(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with Outbox(path) as outbox:
        for text in ("1", "2", "3"):
            outbox.post(result(text))
        assert [letter.tried for letter in outbox.after(0, 2)] == [False, False]
        outbox.delivered([1])
    with Outbox(path) as outbox:
        assert len(outbox) == 2
        letters = [letter.to_json() for letter in outbox.after(0, 10)]
        assert [(one["id"], one["duplicate"], one["text"]) for one in letters] == [(2, True, "2"), (3, False, "3")]
        outbox.delivered([2, 3])
        outbox.post(result("4"))
        assert [letter.id for letter in outbox.after(0, 10)] == [4]
    with pytest.raises(SinkError, match="is closed"):
        outbox.post(result("5"))


def test_an_outbox_on_a_full_disk_counts_what_is_on_it(tmp_path: Path) -> None:
    program = f"""
import resource, signal, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from results import result
from edge_hwr.device.sinks import Outbox
from edge_hwr.errors import SinkError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Outbox({str(tmp_path / "outbox.sqlite")!r}) as outbox:
    outbox.post(result("1"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    refused = 0
    for _ in range(60):
        try:
            outbox.post(result("2" * 300))
        except SinkError:
            refused += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(refused > 20, len(outbox) + refused == 61, len(outbox) == len(outbox.after(0, 100)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "True True True\n", done.stderr


def test_an_outbox_that_cannot_be_read_is_told_of_as_a_sink_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with Outbox(path) as outbox:
        for _ in range(2000):  # more than is kept in memory when it is opened again
            outbox.post(result("2" * 300))
    with Outbox(path) as outbox:
        with path.open("r+b") as file:
            file.seek(8192)
            file.write(b"\xff" * 500_000)
        with pytest.raises(SinkError, match="cannot be read"):
            outbox.after(0, 2000)


def test_a_database_moved_away_under_a_reader_loses_nothing(tmp_path: Path) -> None:
    path, moved = tmp_path / "texts.sqlite", tmp_path / "yesterday.sqlite"
    with Held(Sqlite(path)) as sink:
        sink.write(result("1"))
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT text FROM results").fetchall()
            sink.write(result("2"))
            path.rename(moved)
            sink.write(result("3"))
            assert sink.waiting == 1
            reader.execute("COMMIT")
    for file, wanted in ((moved, ["1", "2"]), (path, ["3"])):
        with closing(sqlite3.connect(file)) as database:
            assert [text for (text,) in database.execute("SELECT text FROM results")] == wanted


def test_a_folder_that_goes_away_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    with Held(Sqlite(folder / "texts.sqlite")) as sink:
        folder.rename(tmp_path / "elsewhere")
        folder.write_text("no folder any more")
        sink.write(result("1"))
        assert sink.waiting == 1
        folder.unlink()
        folder.mkdir()
    with closing(sqlite3.connect(folder / "texts.sqlite")) as database:
        assert database.execute("SELECT text FROM results").fetchall() == [("1",)]


def test_two_runs_do_not_share_an_outbox(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with Outbox(path) as outbox:
        outbox.post(result("1"))
        with pytest.raises(SinkError, match=r"outbox\.sqlite is used by another run"), Outbox(path):
            pass
        outbox.post(result("2"))
    with Outbox(path) as outbox:
        assert [json.loads(letter.body)["text"] for letter in outbox.after(0, 9)] == ["1", "2"]


@given(st.lists(st.sampled_from(["post", "take", "deliver"]), max_size=60))
def test_an_outbox_counts_what_it_holds_whatever_arrives_late(steps: list[str]) -> None:
    """What was taken may be dropped by a full outbox before it is known to have arrived."""
    with Outbox(":memory:", limit=3) as outbox:
        taken: list[int] = []
        posted: list[int] = []
        for step in steps:
            if step == "post":
                posted.append(len(posted) + 1)
                outbox.post(result(str(posted[-1])))
            elif step == "take":
                taken = [letter.id for letter in outbox.after(0, 2)]
            else:
                outbox.delivered(taken)
            held_now = [letter.id for letter in outbox.after(0, 100)]
            assert len(outbox) == len(held_now) <= 3
            assert held_now == posted[len(posted) - len(held_now) :]


def test_a_full_outbox_drops_the_oldest(caplog: pytest.LogCaptureFixture) -> None:
    with Outbox(":memory:", limit=3) as outbox:
        for sequence in range(5):
            outbox.post(result("1", sequence=sequence))
        assert [json.loads(letter.body)["sequence"] for letter in outbox.after(0, 9)] == [2, 3, 4]
        assert len(outbox) == 3
    assert "the oldest are dropped" in caplog.text
