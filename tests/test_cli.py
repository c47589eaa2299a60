"""The command line, as a user calls it: what it prints, what it says of faults, how it exits."""

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
from drawing import sheet, write
from drawn_lines import write_lines
from drawn_model import DIGITS, describe

from edge_hwr import __version__
from edge_hwr.bundle import SHIPPED, Bundle, shipped_bundles, write_bundle
from edge_hwr.cli import main
from edge_hwr.metrics import character_error_rate
from edge_hwr.picture import read_picture, write_picture


class Call:
    """One call of `edge-hwr` in this process."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def error(self) -> str:
        """The one line on standard error."""
        assert re.fullmatch(r"edge-hwr: error: [^\n]+\n", self.err)
        return self.err


@pytest.fixture
def edge_hwr(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def call(*arguments: object) -> Call:
        monkeypatch.setattr(sys, "argv", ["edge-hwr", *map(str, arguments)])
        with pytest.raises(SystemExit) as raised:
            main()
        captured = capsys.readouterr()
        return Call(raised.value.code or 0, captured.out, captured.err)  # type: ignore[arg-type]

    return call


@pytest.fixture
def page(tmp_path: Path) -> Path:
    picture = sheet()
    write(picture, "2026", 60, 120)
    write(picture, "31 47", 60, 260)
    write_picture(tmp_path / "page.png", picture)
    return tmp_path / "page.png"


def python(*arguments: object, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload, no-any-return]


def test_help_and_version(edge_hwr) -> None:  # type: ignore[no-untyped-def]
    bare, asked = edge_hwr(), edge_hwr("--help")
    assert bare.code == asked.code == 0
    assert bare.out == asked.out
    for name in ("read", "run", "models", "evaluate", "train", "export"):
        assert re.search(rf"^  {name} +\w", asked.out, re.MULTILINE)
    assert edge_hwr("--version").out == f"edge-hwr, version {__version__}\n"


@pytest.mark.parametrize("name", ["read", "run", "models", "evaluate", "train", "export", "synthesise"])
def test_every_sub_command_loads_and_explains_itself(edge_hwr, name: str) -> None:  # type: ignore[no-untyped-def]
    called = edge_hwr(name, "--help")
    assert called.code == 0
    assert called.out.startswith(f"Usage: edge-hwr {name}")


def test_read_prints_the_text(edge_hwr, drawn_bundle: Bundle, page: Path) -> None:  # type: ignore[no-untyped-def]
    called = edge_hwr("read", page, "--model", drawn_bundle.path)
    assert (called.code, called.out, called.err) == (0, "2026\n31 47\n", "")


def test_read_gives_one_json_object_a_line(edge_hwr, drawn_bundle: Bundle, page: Path) -> None:  # type: ignore[no-untyped-def]
    called = edge_hwr("read", page, page, "--json", "--model", drawn_bundle.path)
    first, second = map(json.loads, called.out.splitlines())
    assert first["image"] == str(page)
    assert (first["width"], first["height"], first["model"]) == (640, 480, "drawn")
    assert first["text"] == second["text"] == "2026\n31 47"
    assert [line["text"] for line in first["lines"]] == ["2026", "31 47"]
    glyph = first["lines"][0]["glyphs"][0]
    assert glyph["text"] == "2"
    assert 0.5 < glyph["confidence"] <= 1
    x, y, w, h = glyph["box"]
    assert abs(x - 60) < 8
    assert abs(y + h - 120) < 8
    assert w < h
    assert first["ms"].keys() == {"layout", "preprocess", "invoke", "decode", "total"}


def test_a_name_that_is_no_utf8_is_told_by_its_bytes(edge_hwr, drawn_bundle: Bundle, page: Path) -> None:  # type: ignore[no-untyped-def]
    odd = os.fsencode(page.parent) + b"/p\xff.png"
    os.rename(page, odd)
    called = edge_hwr("read", os.fsdecode(odd), "--json", "--model", drawn_bundle.path)
    assert json.loads(called.out)["image"] == f"{page.parent}/p\\xff.png"


def test_read_goes_on_after_a_bad_picture(edge_hwr, drawn_bundle: Bundle, page: Path) -> None:  # type: ignore[no-untyped-def]
    cut = page.with_name("cut.png")
    cut.write_bytes(page.read_bytes()[:500])
    called = edge_hwr("read", cut, page, page.with_name("nowhere.png"), "--model", drawn_bundle.path)
    assert called.code == 1
    header, *text = called.out.splitlines()
    assert header.startswith(f"{page}  (640x480, ")
    assert text == ["2026", "31 47", ""]
    assert called.err.splitlines() == [
        f"edge-hwr: error: {cut}: cut short: copy it again",
        f"edge-hwr: error: {page.with_name('nowhere.png')}: No such file or directory",
    ]


@pytest.mark.parametrize("shade", [0, 255])
@pytest.mark.parametrize("side", [1, 300])
def test_read_of_a_bare_frame(edge_hwr, drawn_bundle: Bundle, tmp_path: Path, side: int, shade: int) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "bare.png"
    write_picture(path, np.full((side, side), shade, np.uint8))
    called = edge_hwr("read", path, "--model", drawn_bundle.path)
    assert (called.code, called.out, called.err) == (0, "", f"{path}: no writing found\n")


def test_read_annotates_under_names_of_their_own(edge_hwr, drawn_bundle: Bundle, page: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "page.png"
    write_picture(other, sheet(300, 200))
    same = tmp_path / "other" / "page-2.png"
    write_picture(same, sheet(400, 300))
    called = edge_hwr("read", page, same, other, "--annotate", tmp_path / "out" / "drawn", "--model", drawn_bundle.path)
    assert called.code == 0
    written = {path.name: read_picture(path).shape for path in (tmp_path / "out" / "drawn").iterdir()}
    assert written == {"page.jpg": (960, 1280), "page-2.jpg": (900, 1200), "page-3.jpg": (600, 900)}
    assert called.err == f"{same}: no writing found\n{other}: no writing found\n"


def test_read_does_not_write_over_what_it_reads(  # type: ignore[no-untyped-def]
    edge_hwr, drawn_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / "photo.jpg"
    write_picture(photo, sheet(300, 200))
    before = photo.read_bytes()
    monkeypatch.chdir(tmp_path)
    called = edge_hwr("read", photo, "--annotate", ".", "--model", drawn_bundle.path)
    assert (called.code, photo.read_bytes()) == (2, before)
    assert "choose another folder" in called.error


def test_read_says_where_it_cannot_annotate(edge_hwr, drawn_bundle: Bundle, page: Path) -> None:  # type: ignore[no-untyped-def]
    called = edge_hwr("read", page, "--annotate", page / "below", "--model", drawn_bundle.path)
    assert called.code == 1
    assert str(page / "below") in called.error


def test_what_was_read_is_not_lost_where_it_cannot_be_drawn(  # type: ignore[no-untyped-def]
    edge_hwr, drawn_bundle: Bundle, page: Path, tmp_path: Path
) -> None:
    (tmp_path / "out" / "page.jpg").mkdir(parents=True)
    plain = edge_hwr("read", page, "--model", drawn_bundle.path)
    called = edge_hwr("read", page, "--annotate", tmp_path / "out", "--model", drawn_bundle.path)
    assert (called.code, called.out) == (1, plain.out)
    assert called.error.endswith("page.jpg: Is a directory\n")


def test_a_name_that_no_file_may_have_keeps_no_other_from_being_read(  # type: ignore[no-untyped-def]
    edge_hwr, drawn_bundle: Bundle, page: Path
) -> None:
    called = edge_hwr("read", "a" * 300, page, "--model", drawn_bundle.path)
    assert called.code == 1
    assert called.err == f"edge-hwr: error: {'a' * 300}: File name too long\n"
    assert str(page) in called.out


def test_models_lists_what_ships(
    edge_hwr,
    drawn_bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
) -> None:
    monkeypatch.setattr("edge_hwr.bundle.SHIPPED", tmp_path)
    inputs, outputs = drawn_bundle.golden()
    write_bundle(tmp_path / "drawn.tflite", drawn_bundle.flatbuffer, DIGITS, describe(), inputs, outputs)
    described = json.loads(edge_hwr("models", "--json").out)
    assert described["name"] == "drawn"
    assert described["task"] == "glyph"
    assert described["bytes"] == (tmp_path / "drawn.tflite").stat().st_size
    assert described["charset"] == DIGITS
    assert described["metrics"]["int8"]["drawn"]["accuracy"] == 1
    listed = edge_hwr("models").out
    assert re.search(r"^drawn +glyph +[\d,]+ +0123456789 +100.00% drawn", listed, re.MULTILINE)
    (tmp_path / "drawn.tflite").write_bytes(drawn_bundle.path.read_bytes()[:-1])
    assert "drawn.tflite: damaged" in edge_hwr("models").error


def test_evaluate_prints_and_gives_json(edge_hwr, drawn_bundle: Bundle, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for digit in DIGITS:
        crop = sheet(64, 64, falloff=20)
        write(crop, digit, 16, 50)
        write_picture(tmp_path / f"{digit}.png", crop)
    table = "".join(f"{digit}.png\t{digit}\n" for digit in DIGITS)
    (tmp_path / "labels.tsv").write_text("file\ttext\n" + table)
    measured = json.loads(edge_hwr("evaluate", drawn_bundle.path, tmp_path, "--json").out)
    assert (measured["model"], measured["samples"], measured["accuracy"]) == ("drawn", 10, 1.0)
    printed = edge_hwr("evaluate", drawn_bundle.path, tmp_path).out
    assert re.search(r"^accuracy +100.00%", printed, re.MULTILINE)
    (tmp_path / "labels.tsv").write_text("nothing")
    assert "header" in edge_hwr("evaluate", drawn_bundle.path, tmp_path).error


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["red"], 2, "No such command 'red'"),
        (["read"], 2, r"Missing argument 'IMAGE...'. \(see edge-hwr read --help\)"),
        (["read", "x.png", "--modle", "m"], 2, "No such option"),
        (["evaluate", "nothing.tflite", "nowhere"], 1, "nothing.tflite: no such file"),
        (["read", "x.png", "--model", __file__], 1, "not a model bundle"),
    ],
)
def test_faults_are_one_line(edge_hwr, arguments: list[str], code: int, message: str) -> None:  # type: ignore[no-untyped-def]
    called = edge_hwr(*arguments)
    assert called.code == code
    assert called.out == ""
    assert re.search(message, called.error)


def test_light_writing_on_a_dark_ground_is_read_and_said_to_be_light(edge_hwr, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    samples = Path(__file__).parents[1] / "samples"
    for name, model, text in (("letter", "lines", "Dear Anna,"), ("columns", "digits", "4728 160")):
        board = 255 - np.maximum(read_picture(samples / f"{name}.jpg"), 60)
        write_picture(tmp_path / "board.png", np.asarray(board, np.uint8))
        read = edge_hwr("read", tmp_path / "board.png", "--model", model, "--json")
        reading = json.loads(read.out)
        assert reading["text"].startswith(text)
        assert reading["inverted"]
    assert not json.loads(edge_hwr("read", samples / "columns.jpg", "--json").out)["inverted"]


def test_a_picture_out_of_focus_is_pointed_out(edge_hwr, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    letter = read_picture(Path(__file__).parents[1] / "samples" / "letter.jpg")
    write_picture(tmp_path / "soft.png", np.asarray(cv2.GaussianBlur(letter, (0, 0), 8), np.uint8))
    read = edge_hwr("read", tmp_path / "soft.png", "--model", "lines")
    assert read.out.strip()
    assert "little of it makes sense; a sharper or larger picture" in read.err


def test_a_report_is_not_written_into_its_dataset(edge_hwr, drawn_bundle: Bundle, page: Path) -> None:  # type: ignore[no-untyped-def]
    (page.parent / "labels.tsv").write_text("file\ttext\npage.png\t3\n")
    before = sorted(path.name for path in page.parent.iterdir())
    called = edge_hwr("evaluate", drawn_bundle.path, page.parent, "--report", page.parent)
    assert called.code == 2
    assert "is in the dataset" in called.error
    assert sorted(path.name for path in page.parent.iterdir()) == before


def test_a_report_does_not_become_a_character_of_its_dataset(edge_hwr, page: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for character in "12":
        (tmp_path / "data" / character).mkdir(parents=True)
        (tmp_path / "data" / character / "a.png").write_bytes(page.read_bytes())
    called = edge_hwr("evaluate", "digits", tmp_path / "data", "--report", tmp_path / "data" / "3")
    assert called.code == 2
    assert "is in the dataset" in called.error
    assert not (tmp_path / "data" / "3").exists()


def test_a_report_takes_the_place_of_no_pictures_of_another_making(edge_hwr, page: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (page.parent / "labels.tsv").write_text("file\ttext\npage.png\t3\n")
    plots = tmp_path / "plots"
    plots.mkdir()
    (plots / "errors.png").write_bytes(b"mine")
    called = edge_hwr("evaluate", "digits", page.parent, "--report", plots)
    assert called.code == 2
    assert "holds pictures of another making" in called.error
    assert [(file.name, file.read_bytes()) for file in plots.iterdir()] == [("errors.png", b"mine")]


def test_pages_are_measured_whole(edge_hwr, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    samples = Path(__file__).parents[1] / "samples"
    rows = ["file\ttext"]
    for name in ("letter", "note"):
        picture = read_picture(samples / f"{name}.jpg")
        write_picture(tmp_path / f"{name}.png", picture)
        text = "\\n".join((samples / "letter.txt").read_text("utf-8").splitlines()) if name == "letter" else "1\\n2\\n3"
        rows.append(f"{name}.png\t{text}")
    (tmp_path / "labels.tsv").write_text("\n".join(rows), "utf-8")
    result = json.loads(edge_hwr("evaluate", "lines", tmp_path, "--json", "--lexicon", "en").out)
    assert (result["pages"], result["lines"], result["lines_read"], result["lexicon"]) == (2, 10, 10, "en")
    assert 0.02 < result["cer"] < 0.3
    assert 0 < result["ms_p50"] < result["ms_p90"]
    shown = " ".join(edge_hwr("evaluate", "lines", tmp_path).out.split())  # folded by how long the folder's name is
    assert "2 pages" in shown
    assert "10 read, 10 written" in shown
    for option in (("--report", tmp_path / "report"), ("--against", "lines-nano")):
        refused = edge_hwr("evaluate", "lines", tmp_path, *option)
        assert refused.code == 2
        assert "this dataset is of pages" in refused.error


def test_two_models_are_measured_against_each_other(edge_hwr, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    lines = write_lines(tmp_path / "lines", 16, seed=5)
    alone = json.loads(edge_hwr("evaluate", "lines-nano", lines, "--json").out)
    found = json.loads(edge_hwr("evaluate", "lines", lines, "--json", "--against", "lines-nano").out)
    assert (found["against"]["model"], found["against"]["rate"]) == ("lines-nano", alone["cer"])
    assert found["against"]["difference"] == pytest.approx(found["cer"] - alone["cer"])
    interval = found["against"]["interval"]
    assert interval["low"] <= found["against"]["difference"] <= interval["high"]
    assert (interval["count"], interval["of"]) == (16, "samples")
    mine = Path(shutil.copy(SHIPPED / "lines.tflite", tmp_path))
    shown = " ".join(edge_hwr("evaluate", "lines", lines, "--against", mine).out.split())
    assert "by 16 samples" in shown
    assert f"as many errors as its {found['cer']:.2%}" in shown


@pytest.mark.parametrize(
    ("model", "against", "reason"),
    [
        ("digits", "lines", "digits reads single glyphs and lines whole lines"),
        ("characters", "digits", "outside of the charset of digits"),
        ("characters", "nothing", "model nothing: no such file"),
    ],
)
def test_models_that_cannot_be_compared_are_refused_before_anything_is_read(  # type: ignore[no-untyped-def]
    edge_hwr, page: Path, model: str, against: str, reason: str
) -> None:
    (page.parent / "labels.tsv").write_text("file\ttext\npage.png\tA\n")
    report = page.parent.parent / "report"
    assert reason in edge_hwr("evaluate", model, page.parent, "--against", against, "--report", report).error
    assert not report.exists()


def test_pages_are_not_what_a_bench_reads(edge_hwr, drawn_bundle: Bundle, page: Path) -> None:  # type: ignore[no-untyped-def]
    (page.parent / "labels.tsv").write_text("file\ttext\npage.png\t2026\\n31 47\n")
    called = edge_hwr("bench", drawn_bundle.path, "--data", page.parent)
    assert "single lines or characters are wanted" in called.error


def test_writing_of_another_kind_is_pointed_out(edge_hwr, page: Path) -> None:  # type: ignore[no-untyped-def]
    letter = Path(__file__).parents[1] / "samples" / "letter.jpg"
    assert "try --model characters, or --model lines" in edge_hwr("read", letter, page).err
    assert edge_hwr("read", page).err == ""


@pytest.mark.parametrize("group", ["config", "service"])
def test_a_group_alone_shows_its_help(edge_hwr, group: str) -> None:  # type: ignore[no-untyped-def]
    called = edge_hwr(group)
    assert called.code == 2
    assert "Commands:" in called.err.splitlines()


def test_a_missing_extra_is_named() -> None:
    program = (
        "import sys\n"
        "sys.modules['cv2'] = None\n"
        "sys.argv = ['edge-hwr', 'train', 'digits']\n"
        "from edge_hwr.cli import main\n"
        "main()\n"
    )
    process = python("-c", program)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert err == "edge-hwr: error: train needs cv2, not installed: pip install 'edge-hwr[export]'\n"


def test_a_reader_that_leaves_early_is_no_error(drawn_bundle: Bundle, page: Path) -> None:
    process = python("-m", "edge_hwr.cli", "read", *[page] * 50, "--json", "--model", drawn_bundle.path)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 1


def test_closed_standard_output_is_no_error() -> None:
    called = subprocess.run(
        f"{sys.executable} -m edge_hwr models >&-", shell=True, stderr=subprocess.PIPE, text=True, timeout=60
    )
    assert (called.returncode, called.stderr) == (0, "")


def test_ctrl_c_ends_without_a_traceback(drawn_bundle: Bundle, page: Path) -> None:
    process = python("-m", "edge_hwr.cli", "read", *[page] * 3000, "--json", "--model", drawn_bundle.path)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip() == ""


def test_a_terminal_without_unicode(drawn_bundle: Bundle, page: Path) -> None:
    """Rejected glyphs are shown as U+FFFD, which plain ASCII lacks."""
    picture = read_picture(page)
    picture[330:420, 100:300] = 90
    write_picture(page, picture)
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    process = python("-m", "edge_hwr.cli", "read", page, "--model", drawn_bundle.path, env=environment)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.startswith("2026\n")


@pytest.mark.skipif("digits" not in shipped_bundles(), reason="no digits bundle ships yet")
def test_the_samples_are_read_by_default(edge_hwr) -> None:  # type: ignore[no-untyped-def]
    samples = Path(__file__).parents[1] / "samples"
    rows = [row.split("\t") for row in (samples / "labels.tsv").read_text("utf-8").splitlines()[1:]]
    called = edge_hwr("read", *(samples / file for file, _ in rows), "--json")
    guesses = [json.loads(line)["text"].replace(" ", "") for line in called.out.splitlines()]
    truths = [truth.replace("\\n", "\n").replace(" ", "") for _, truth in rows]
    assert character_error_rate(truths, guesses) < 0.05
