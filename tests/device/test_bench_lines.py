"""`edge-hwr bench` of a line model: pages of lines, in the same report as a glyph model's frames."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from drawn_lines import write_lines
from test_bench_command import bench, series, validate

from edge_hwr.bundle import Bundle
from edge_hwr.device.bench.pages import LINES, draw_lines

QUICK = ("--runs", "8", "--threads", "1", "--batches", "1")


@pytest.fixture(scope="module")
def written(line_bundle: Bundle, drawn_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two forms of one report, of a line model beside a glyph model."""
    folder = tmp_path_factory.mktemp("report")
    outputs = [f"--json={folder}/report.json", f"--markdown={folder}/report.md"]
    assert bench(line_bundle.path, drawn_bundle.path, *QUICK, *outputs) == 0
    return folder


def test_a_page_of_lines_is_measured_in_stages(written: Path, line_bundle: Bundle) -> None:
    report = json.loads((written / "report.json").read_text())
    validate(report)
    frames = {one["model"]: one for one in series(report, "frame")}
    assert len(frames) == 2
    lines, glyphs = frames[line_bundle.metadata.name], frames["drawn"]
    assert set(lines["stages"]) == set(glyphs["stages"]) == {"layout", "preprocess", "invoke", "decode", "total"}
    assert lines["lines"] == LINES
    assert lines["ms_per_line"] == pytest.approx(lines["stages"]["total"]["p50"] / LINES)
    assert (glyphs["lines"], glyphs["ms_per_line"]) == (None, None)
    assert report["settings"]["frames"] == "drawn, 1280x960, 10 lines; drawn, 640x480, 40 glyphs"


def test_lines_have_no_batches_and_the_report_says_so(written: Path, line_bundle: Bundle) -> None:
    report = json.loads((written / "report.json").read_text())
    assert {one["model"] for one in series(report, "invoke")} == {"drawn"}
    markdown = (written / "report.md").read_text()
    assert markdown.count("No bare invoke: lines come one at a time") == 1
    assert "10 lines a frame" in markdown


def test_a_line_model_is_checked_on_lines(written: Path, line_bundle: Bundle) -> None:
    model = json.loads((written / "report.json").read_text())["models"][0]
    assert model["accuracy"]["samples"] == LINES
    assert model["accuracy"]["cer"] < 0.1
    assert model["accuracy"]["golden"]["decisions_changed"] == 0
    assert model["cold"]["first_ms"] > 0


def test_a_video_is_read_with_a_line_model_alone(line_bundle: Bundle, tmp_path: Path) -> None:
    video, out = tmp_path / "video.avi", tmp_path / "out.json"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 25, (1280, 960), False)
    for seed in range(2):
        writer.write(draw_lines(line_bundle.labels, seed=seed))
    writer.release()
    lines = write_lines(tmp_path / "lines", 4)
    assert bench(line_bundle.path, *QUICK, "--source", video, "--data", lines, "--json", out) == 0
    report = json.loads(out.read_text())
    validate(report)
    (frame,) = report["series"]
    assert frame["lines"] == LINES
    assert frame["stages"]["capture"]["p50"] > 0
    assert report["models"][0]["accuracy"]["samples"] == 4
