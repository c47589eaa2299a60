"""`edge-hwr bench` as a user types it: its reports, and what it says when something is wrong."""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import pytest
from mjpeg_server import endless, frames, freeze, serve

from edge_hwr import cli
from edge_hwr.bundle import Bundle
from edge_hwr.device import bench as package
from edge_hwr.device.bench.pages import draw_page

QUICK = ("--runs", "16", "--threads", "1", "--batches", "1,4")


def bench(*arguments: object) -> int:
    """Run the command in this process, as `main` does; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["edge-hwr", "bench", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def validate(report: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((Path(package.__file__).parent / "schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(report)


def series(report: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one for one in report["series"] if one["kind"] == kind]


@pytest.fixture(scope="module")
def plain(drawn_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flatbuffer alone, without metadata."""
    path = tmp_path_factory.mktemp("plain") / "plain.tflite"
    path.write_bytes(drawn_bundle.flatbuffer)
    return path


@pytest.fixture(scope="module")
def written(drawn_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the three forms of one report, soak and all."""
    folder = tmp_path_factory.mktemp("report")
    outputs = [
        f"--{name}={folder}/report.{end}" for name, end in (("json", "json"), ("markdown", "md"), ("html", "html"))
    ]
    arguments = ["--seconds", "2", "--threads", "1,2", "--batches", "1,8", "--soak", "0.02", *outputs]
    assert bench(drawn_bundle.path, *arguments) == 0
    return folder


def test_the_json_report_follows_its_schema(written: Path, drawn_bundle: Bundle) -> None:
    report = json.loads((written / "report.json").read_text())
    validate(report)
    (model,) = report["models"]
    assert (model["name"], model["bundle"], model["bytes"]) == ("drawn", True, drawn_bundle.size)
    assert model["cold"]["load_ms"] > 0
    assert 20 < model["cold"]["peak_mb"] < 1000
    assert model["accuracy"]["accuracy"] > 0.9
    assert model["accuracy"]["golden"]["decisions_changed"] == 0
    assert [one["threads"] for one in series(report, "frame")] == [1, 2]
    assert [(one["threads"], one["batch"]) for one in series(report, "invoke")] == [
        (threads, batch) for threads in (1, 2) for batch in (1, 8, 40)
    ]


def test_the_stages_make_up_the_total(written: Path) -> None:
    frame = series(json.loads((written / "report.json").read_text()), "frame")[0]
    assert frame["glyphs"] == 40
    stages = {name: figures["mean"] for name, figures in frame["stages"].items()}
    assert set(stages) == {"layout", "preprocess", "invoke", "decode", "total"}
    assert sum(stages.values()) - stages["total"] == pytest.approx(stages["total"], rel=0.02)
    assert frame["per_second"] == pytest.approx(1000 / stages["total"])
    assert 0 < frame["on_processor"] <= 1


def test_the_soak_is_a_curve(written: Path) -> None:
    soak = json.loads((written / "report.json").read_text())["soak"]
    assert soak["drift"] > 0
    assert len(soak["points"]) >= 2
    assert [point["t_s"] for point in soak["points"]] == sorted(point["t_s"] for point in soak["points"])


def test_markdown_and_html_show_all_of_it_and_need_nothing_else(written: Path) -> None:
    markdown, html = (written / "report.md").read_text(), (written / "report.html").read_text()
    for text in (markdown, html):
        assert "a frame on 1 thread" in text
        assert "The bare invoke" in text
        assert "Soak of 0.02 minutes" in text
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)
    assert html.count("<svg") == html.count("</svg>") >= 4  # two histograms, the sweep, the soak
    assert "NaN" not in html
    assert "nan" not in re.sub(r"[a-z]*nan[a-z]+", "", html.lower())
    assert not re.search(r"(src|href|url\()|@import|<script", html)
    assert set(re.findall(r"https?://[^\"' ]+", html)) <= {"http://www.w3.org/2000/svg"}


def test_a_plain_tflite_is_measured_by_its_invoke_alone(
    plain: Path, drawn_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    assert bench(plain, drawn_bundle.path, *QUICK, "--json", out) == 0
    report = json.loads(out.read_text())
    validate(report)
    assert [model["accuracy"] is None for model in report["models"]] == [True, False]
    assert [one["model"] for one in series(report, "frame")] == ["drawn"]
    assert ("plain", 1) in [(one["model"], one["batch"]) for one in series(report, "invoke")]
    assert "plain, invoke of 1, 1 thread" in capsys.readouterr().out


def test_a_video_is_a_source_with_a_capture_stage(drawn_bundle: Bundle, tmp_path: Path) -> None:
    video, out = tmp_path / "video.avi", tmp_path / "out.json"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 25, (640, 480), False)
    for seed in range(5):
        writer.write(draw_page("0123456789", glyphs=20, seed=seed))
    writer.release()
    assert bench(drawn_bundle.path, *QUICK, "--source", video, "--json", out) == 0
    report = json.loads(out.read_text())
    validate(report)
    (frame,) = series(report, "frame")
    assert frame["stages"]["total"]["runs"] >= 16  # the five frames, again and again
    assert frame["stages"]["capture"]["p50"] > 0
    assert "latency" not in frame["stages"]
    assert report["source"]["live"] is False


def test_a_live_source_gives_the_latency_from_its_frame_to_the_text(drawn_bundle: Bundle, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with serve(endless(0.01)) as url:
        assert bench(drawn_bundle.path, "--seconds", "2", "--threads", "1,2", "--source", url, "--json", out) == 0
    report = json.loads(out.read_text())
    validate(report)
    first, second = series(report, "frame")
    assert abs(first["stages"]["total"]["runs"] - second["stages"]["total"]["runs"]) <= 1
    for frame in (first, second):
        stages = frame["stages"]
        assert stages["latency"]["mean"] == pytest.approx(stages["capture"]["mean"] + stages["total"]["mean"])
    assert report["source"]["live"] is True
    assert report["source"]["frames"] > 10


def test_accuracy_on_ones_own_data(drawn_bundle: Bundle, tmp_path: Path) -> None:
    folder, out = tmp_path / "data", tmp_path / "out.json"
    folder.mkdir()
    for digit in "37":
        cv2.imwrite(f"{folder}/{digit}.png", draw_page(digit, width=64, height=64, glyphs=1))
    (folder / "labels.tsv").write_text("file\ttext\n3.png\t3\n7.png\t3\n")
    assert bench(drawn_bundle.path, *QUICK, "--data", folder, "--json", out) == 0
    accuracy = json.loads(out.read_text())["models"][0]["accuracy"]
    assert (accuracy["dataset"], accuracy["samples"], accuracy["accuracy"]) == (str(folder), 2, 0.5)


def changed(written: Path, target: Path, factor: float = 1.0, **machine: object) -> Path:
    """A copy of the report, all of it `factor` times slower, and from another machine."""
    report = json.loads((written / "report.json").read_text())
    report["machine"].update(machine)
    for one in report["series"]:
        total = one["stages"]["total"]
        total["blocks"] = [factor * block for block in total["blocks"]]
        total["p50"] *= factor
    target.write_text(json.dumps(report))
    return target


@pytest.mark.parametrize(
    ("factor", "limit", "verdict", "code"),
    [
        (1.0, None, "no difference beyond the noise", 0),
        # So far apart that no machine is busy enough to hide it.
        (3.0, None, "slower", 0),
        (3.0, "10%", "slower", 1),
        (3.0, "250", "slower", 0),
        (0.3, "0%", "faster", 0),
    ],
)
def test_two_reports_are_compared(
    factor: float,
    limit: str | None,
    verdict: str,
    code: int,
    written: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    after = changed(written, tmp_path / "after.json", factor)
    options = [] if limit is None else ["--fail-if-slower", limit]
    assert bench("--compare", written / "report.json", after, *options) == code
    said = capsys.readouterr()
    assert f"{factor:.3f}" in said.out
    assert verdict.split()[0] in said.out
    assert ("slower by 200.0%, more than 10%" in said.err) == bool(code)


@pytest.mark.parametrize("spoil", ["missing", "short"])
def test_what_cannot_be_told_has_not_passed(
    spoil: str, written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    after = json.loads((written / "report.json").read_text())
    if spoil == "missing":
        after["series"] = after["series"][1:]
    else:
        after["series"][0]["stages"]["total"]["blocks"] = after["series"][0]["stages"]["total"]["blocks"][:2]
    (tmp_path / "after.json").write_text(json.dumps(after))
    compared = ("--compare", written / "report.json", tmp_path / "after.json")
    assert bench(*compared) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert {"missing": "in report.json alone", "short": "too few"}[spoil] in told
    assert bench(*compared, "--fail-if-slower", "50%") == 1
    assert {"missing": "not in after.json", "short": "too few runs to tell"}[spoil] in capsys.readouterr().err


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that a failing run ends with."""
    assert bench(*arguments) != 0
    *progress, last = capsys.readouterr().err.splitlines()
    assert all(line.startswith("bench: ") for line in progress)
    assert last.startswith("edge-hwr: error: ")
    return last.removeprefix("edge-hwr: error: ")


def test_reports_that_cannot_be_compared(written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = written / "report.json"
    other = changed(written, tmp_path / "pi.json", board="Raspberry Pi 4", architecture="aarch64")
    assert "different machines (board" in refused(capsys, "--compare", report, other)
    for content, complaint in (
        ('{"schema": 2, "series": []}', "of schema 2, not 1"),
        (report.read_text()[:1000], "damaged, or no JSON"),
        ("[1, 2]", "not a report"),
        ('{"schema": 1, "series": [{}]}', "not whole reports"),
        (json.dumps({k: v for k, v in json.loads(report.read_text()).items() if k != "warnings"}), "not whole reports"),
    ):
        other.write_text(content)
        assert complaint in refused(capsys, "--compare", report, other)
    assert "No such file" in refused(capsys, "--compare", report, tmp_path / "missing.json")
    for blocks in ([], ["x"] * 9):
        odd = json.loads(report.read_text())
        odd["series"][0]["stages"]["total"]["blocks"] = blocks
        other.write_text(json.dumps(odd))
        assert "not whole reports" in refused(capsys, "--compare", other, report)
    shorter = json.loads(report.read_text())
    shorter["series"] = [{**one, "model": "another"} for one in shorter["series"]]
    other.write_text(json.dumps(shorter))
    assert "no case in common" in refused(capsys, "--compare", report, other)
    shorter["settings"]["frames"] = "/dev/video0"
    other.write_text(json.dumps(shorter))
    assert "different frames" in refused(capsys, "--compare", report, other)


def test_what_is_no_model(drawn_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, model = tmp_path / "out.json", tmp_path / "model.tflite"
    assert "no such file" in refused(capsys, tmp_path / "missing.tflite", "--json", out)
    assert "a folder" in refused(capsys, tmp_path, "--json", out)
    whole = drawn_bundle.path.read_bytes()
    for content, complaint in (
        (b"", "empty"),
        (b"hello, world", "not a model bundle"),
        (whole[: len(whole) // 2], "refuses the model"),
        (whole[:-100] + b"x" + whole[-99:], "damaged"),
        (drawn_bundle.flatbuffer[:8] + bytes(2000), "refuses the model"),
    ):
        model.write_bytes(content)
        assert complaint in refused(capsys, model, "--json", out)
    assert not out.exists()


def test_models_whose_input_nobody_can_guess(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keras = pytest.importorskip("keras", reason="models are made with the extra `export`")
    tf = pytest.importorskip("tensorflow")
    layers = keras.layers
    networks = {
        "free width": [layers.Input((28, None, 1)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()],
        "an index": [layers.Input((4,), dtype="int32"), layers.Embedding(10, 3)],
    }
    for stack in networks.values():
        model = tmp_path / "model.tflite"
        model.write_bytes(tf.lite.TFLiteConverter.from_keras_model(keras.Sequential(stack)).convert())
        capsys.readouterr()
        assert "cannot guess the model's input" in refused(capsys, model, "--json", tmp_path / "out.json")


def test_a_camera_that_stalls_leaves_no_report(
    drawn_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    with serve(frames(5, 0.01), freeze) as url:
        said = refused(capsys, drawn_bundle.path, "--seconds", "30", "--source", url, "--json", out)
    assert "has given no frame for" in said
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_ends_too_early_is_said_so(
    drawn_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve(frames(5, 0.01)) as url:
        assert "ended" in refused(capsys, drawn_bundle.path, "--seconds", "30", "--source", url)


def test_a_full_disk_leaves_no_report(drawn_bundle: Bundle, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the end of the disk: the write fails half-way."""
    command = [sys.executable, "-m", "edge_hwr.cli", "bench", str(drawn_bundle.path), *QUICK, "--json", "out.json"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("edge-hwr: error: report out.json: ")
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_report_is_written_though_nobody_reads_what_is_printed(drawn_bundle: Bundle, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge_hwr", "bench", str(drawn_bundle.path), *QUICK, "--json", "out.json"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    validate(json.loads((tmp_path / "out.json").read_text()))


def test_a_report_may_be_printed(drawn_bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(drawn_bundle.path, *QUICK, "--json", "-") == 0
    out, err = capsys.readouterr()
    validate(json.loads(out))
    assert "The bare invoke" in err


def test_ctrl_c_ends_a_soak_early_and_what_was_measured_is_kept(drawn_bundle: Bundle, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge_hwr", "bench", str(drawn_bundle.path), *QUICK, "--soak", "10"]
    with subprocess.Popen(
        [*command, "--json", "o.json"], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "soak" in line:
                break
        time.sleep(4)  # a window of the soak takes two and a half seconds
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    report = json.loads((tmp_path / "o.json").read_text())
    validate(report)
    assert 0 < report["soak"]["minutes"] < 1
    assert "the soak was interrupted after 0.1 of 10 minutes" in report["warnings"]
    assert "Soak" in out


def test_models_of_one_name_are_told_apart_by_their_folders(drawn_bundle: Bundle, tmp_path: Path) -> None:
    for folder in ("before", "after"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "drawn.tflite").write_bytes(drawn_bundle.path.read_bytes())
    models = [tmp_path / folder / "drawn.tflite" for folder in ("before", "after")]
    assert bench(*models, *QUICK, "--json", tmp_path / "out.json") == 0
    report = json.loads((tmp_path / "out.json").read_text())
    assert [model["name"] for model in report["models"]] == ["before/drawn.tflite", "after/drawn.tflite"]


def test_a_report_is_written_over_nothing_that_is_read(
    drawn_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.tflite").write_bytes(drawn_bundle.path.read_bytes())
    (tmp_path / "data" / "1").mkdir(parents=True)
    cv2.imwrite("page.png", draw_page(drawn_bundle.labels))
    cv2.imwrite("data/1/a.png", draw_page(drawn_bundle.labels))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert "is measured" in refused(capsys, "mine.tflite", "--json", "./mine.tflite")
    assert "is measured" in refused(capsys, "mine.tflite", "--source", "page.png", "--html", "page.png")
    assert "is measured" in refused(capsys, "mine.tflite", "--data", "data", "--markdown", "data/1/a.png")
    assert "another form" in refused(capsys, "mine.tflite", "--json", "out", "--html", "./out")
    assert "that is a model" in refused(capsys, "--json", "lines-nano")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_ctrl_c_leaves_no_report(drawn_bundle: Bundle, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "edge_hwr.cli",
        "bench",
        str(drawn_bundle.path),
        "--seconds",
        "60",
        "--json",
        "o.json",
    ]
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "by turns" in line:
                break
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--seconds", "3", "--runs", "5"], "not both"),
        (["--threads", "0"], "not a list of numbers"),
        (["--batches", "1,x"], "not a list of numbers"),
        (["--fail-if-slower", "5%"], "needs --compare"),
        (["--fail-if-slower", "-5"], "not a percentage"),
        (["--json", "/no/such/folder/report.json"], "there is no folder"),
        (["--json", "/tmp"], "a folder"),
        (["--json", "/dev/null"], "a pipe or a device"),
        (["--source", ""], "is empty"),
        (["--data", ""], "is empty"),
        (["--seconds", "0"], "--seconds"),
        (["--seconds", "nan"], "not a finite number"),
        (["--soak", "inf"], "not a finite number"),
        (["--soak", "1", "--source", "film.avi"], "leave --source out"),
        (["--json", "/proc/report.json"], "nothing can be written to /proc"),
        (["--source", "/no/such/file.avi"], "/no/such/file.avi"),
        (["--data", "/no/such/dataset"], "/no/such/dataset"),
    ],
)
def test_wrong_options(
    arguments: list[str], complaint: str, drawn_bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert complaint in refused(capsys, drawn_bundle.path, *arguments)


def test_options_that_do_not_go_together(
    plain: Path, drawn_bundle: Bundle, written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = written / "report.json"
    assert "leave all else out" in refused(capsys, drawn_bundle.path, "--compare", report, report)
    assert "leave all else out" in refused(capsys, "--compare", report, report, "--markdown", "out.md")
    assert "leave all else out" in refused(capsys, "--compare", report, report, "--seconds", "3")
    assert "need a bundle" in refused(capsys, plain, "--soak", "1")
    assert "named twice" in refused(capsys, plain, plain, plain)
