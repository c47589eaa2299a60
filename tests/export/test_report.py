"""The report of an evaluation: what it writes, and that the page is whole in itself."""

from __future__ import annotations

import re
import string
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_model import DIGITS, describe

from edge_hwr.bundle import Bundle, open_bundle, write_bundle
from edge_hwr.evaluate_command import evaluate
from edge_hwr.export.confusion import count_confusions
from edge_hwr.export.report_figures import DARK, LIGHT, draw_classes, draw_confusion
from edge_hwr.picture import read_picture, write_picture

PLOTS = {"confusion.png", "classes.png", "calibration.png", "coverage.png"}

AWKWARD = "<&\"'$0O/l\\"
"""Ten characters that mean something to HTML or to matplotlib."""


def write_crops(folder: Path, labels: str, mistakes: dict[int, str]) -> Path:
    """Crops of the ten digits, twice, under these ten labels; `mistakes` are labelled otherwise."""
    folder.mkdir()
    rows = ["file\ttext"]
    for index, digit in enumerate(DIGITS * 2):
        crop = np.full((64, 64), 220, np.uint8)
        cv2.putText(crop, digit, (14, 52), cv2.FONT_HERSHEY_SIMPLEX, 1.7, (50,), 3 + index // 10, cv2.LINE_AA)
        write_picture(folder / f"{index}.png", crop)
        rows.append(f"{index}.png\t{mistakes.get(index, labels[index % 10])}")
    (folder / "labels.tsv").write_text("\n".join(rows), encoding="utf-8")
    return folder


@pytest.fixture
def awkward(drawn_bundle: Bundle, tmp_path: Path) -> Path:
    """The model of the drawn digits, which here are called otherwise."""
    path = tmp_path / "awkward.tflite"
    write_bundle(path, drawn_bundle.flatbuffer, AWKWARD, describe(charset=AWKWARD), *drawn_bundle.golden())
    return path


def run(model: Path, crops: Path, folder: Path) -> str:
    evaluate.main([str(model), str(crops), "--report", str(folder)], standalone_mode=False)
    return (folder / "report.html").read_text("utf-8")


def test_figures_come_although_the_report_cannot_be_written(
    drawn_bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_crops(tmp_path / "crops[b]", DIGITS, {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    with pytest.raises(OSError, match=r"report\.html"):
        evaluate.main([str(drawn_bundle.path), "crops[b]", "--report", "out"], standalone_mode=False)
    said = "".join(capsys.readouterr().out.split())
    assert "crops[b],20samples" in said
    assert "accuracy100.00%" in said


def test_thin_crops_have_their_place_in_a_report(drawn_bundle: Bundle, tmp_path: Path) -> None:
    crops = write_crops(tmp_path / "crops", DIGITS, {})
    write_picture(crops / "3.png", np.full((600, 1), 40, np.uint8))
    assert "<title>" in run(drawn_bundle.path, crops, tmp_path / "report")


def test_a_report_holds_plots_and_errors(drawn_bundle: Bundle, tmp_path: Path) -> None:
    crops = write_crops(tmp_path / "crops", DIGITS, {4: "9", 17: "1"})
    page = run(drawn_bundle.path, crops, tmp_path / "new" / "report")
    written = {path.name for path in (tmp_path / "new" / "report").iterdir()}
    assert written == {*PLOTS, "errors.png", "report.html"}
    for name in PLOTS | {"errors.png"}:
        assert read_picture(tmp_path / "new" / "report" / name).std() > 5, "something is drawn on it"
    assert "<title>drawn on crops</title>" in page
    assert ">90.00%<" in page
    captions = re.findall(r"<figcaption><b>(.)</b> read <b>(.)</b> <span>([\d.]+)%", page)
    assert {caption[:2] for caption in captions} == {("9", "4"), ("1", "7")}
    assert float(captions[0][2]) >= float(captions[1][2]), "the most confident first"


def test_the_page_needs_nothing_from_elsewhere(awkward: Path, tmp_path: Path) -> None:
    crops = write_crops(tmp_path / "crops", AWKWARD, {0: "&", 1: "<"})
    page = run(awkward, crops, tmp_path / "report")
    sources = re.findall(r'(?:src|srcset|href)="([^"]{0,22})', page)
    assert len(sources) == 4 * 2 + 2 * 2, "every plot on light and dark ground, and two pictures of each error"
    assert set(sources) == {"data:image/png;base64,"}
    assert not re.search(r"https?:|@import|<script", page)
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page
    assert "<b>&amp;</b> read <b>&lt;</b>" in page
    assert "<b><" not in page.replace("<b></b>", "")


def test_without_errors_there_is_no_gallery(drawn_bundle: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    run(drawn_bundle.path, write_crops(tmp_path / "wrong", DIGITS, {0: "1"}), folder)
    assert (folder / "errors.png").is_file()
    page = run(drawn_bundle.path, write_crops(tmp_path / "right", DIGITS, {}), folder)
    assert "No sample was read wrongly" in page
    assert {path.name for path in folder.iterdir()} == {*PLOTS, "report.html"}, "nothing of the last report is left"


def test_bare_paper_has_a_place_in_the_report(drawn_bundle: Bundle, tmp_path: Path) -> None:
    crops = write_crops(tmp_path / "crops", DIGITS, {})
    write_picture(crops / "5.png", np.full((64, 64), 255, np.uint8))
    assert "<b>5</b> read <b>nothing</b> <span>0.0%" in run(drawn_bundle.path, crops, tmp_path / "report")


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_plots_of_many_classes_are_large_enough(theme) -> None:  # type: ignore[no-untyped-def]
    labels = string.digits + string.ascii_letters + string.punctuation
    rng = np.random.default_rng(2)
    truths = list(labels * 10)
    guesses = [text if rng.random() < 0.8 else str(rng.choice(list(labels))) for text in truths]
    confusion = count_confusions(truths, guesses, labels)
    for png, width in (
        (draw_confusion(confusion, theme), 94 * 15),
        (draw_classes(confusion.classes(), 0.8, theme), 94 * 15),
    ):
        assert cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR).shape[1] >= width


def test_confusions_are_counted() -> None:
    confusion = count_confusions(list("aaabbc"), ["a", "b", "b", "b", "", "x"], "abcxyz")
    assert confusion.truths == ("a", "b", "c")
    assert confusion.guesses == ("a", "b", "c", "x", "")
    assert confusion.counts.tolist() == [[1, 2, 0, 0, 0], [0, 1, 0, 0, 1], [0, 0, 0, 1, 0]]
    first, *others = confusion.mistakes()
    assert (first.truth, first.guess, first.count, first.samples) == ("a", "b", 2, 3)
    assert {(made.truth, made.guess) for made in others} == {("b", ""), ("c", "x")}
    worst = confusion.classes()[0]
    assert (worst.text, worst.samples, worst.accuracy) == ("c", 1, 0)
    assert 0 == worst.low < worst.high < 1


def test_without_matplotlib_the_extra_is_named(drawn_bundle: Bundle, tmp_path: Path) -> None:
    crops = write_crops(tmp_path / "crops", DIGITS, {})
    program = (
        "import sys\n"
        "sys.modules['matplotlib'] = None\n"
        f"sys.argv = ['edge-hwr', 'evaluate', {str(drawn_bundle.path)!r}, {str(crops)!r}, *sys.argv[1:]]\n"
        "from edge_hwr.cli import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", program]
    refused = subprocess.run([*command, "--report", tmp_path / "report"], capture_output=True, text=True, timeout=120)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "edge-hwr: error: --report needs matplotlib, not installed: pip install 'edge-hwr[export]'\n"
    )
    assert not (tmp_path / "report").exists()
    plain = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=120)
    assert plain.returncode == 0, "only the report needs it"


def test_a_folder_that_cannot_be_made_is_told_before_the_work(drawn_bundle: Bundle, tmp_path: Path) -> None:
    crops = write_crops(tmp_path / "crops", DIGITS, {})
    with pytest.raises(NotADirectoryError):
        run(drawn_bundle.path, crops, crops / "0.png" / "report")


def test_an_awkward_bundle_is_still_one(awkward: Path) -> None:
    assert open_bundle(awkward).labels == tuple(AWKWARD)
