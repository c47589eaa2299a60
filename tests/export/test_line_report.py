"""The report of a line model: what it counts, what it writes, and that the page is whole in itself."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from drawn_lines import write_lines

from edge_hwr.bundle import Bundle
from edge_hwr.ctc import Character, Decoded
from edge_hwr.evaluate_command import evaluate
from edge_hwr.export.line_errors import compare_line, count_mistakes
from edge_hwr.line_reader import ReadLine
from edge_hwr.picture import read_picture, write_picture

PLOTS = {"rates.png", "confidence.png", "characters.png", "calibration.png", "coverage.png"}


def read_as(text: str, confidence: float = 0.9) -> ReadLine:
    characters = tuple(Character(char, confidence, step, step) for step, char in enumerate(text))
    return ReadLine(Decoded(text, confidence, characters), np.linspace(0, 1, max(len(text), 1) + 1), {"invoke": 0.001})


def relabelled(folder: Path, texts: dict[int, str]) -> Path:
    """Drawn lines, some of which are said to be others."""
    write_lines(folder, 12, seed=31)
    rows = (folder / "labels.tsv").read_text("utf-8").splitlines()
    for number, text in texts.items():
        name, _, writer = rows[number + 1].split("\t")
        rows[number + 1] = f"{name}\t{text}\t{writer}"
    (folder / "labels.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def run(bundle: Bundle, lines: Path, folder: Path) -> str:
    evaluate.main([str(bundle.path), str(lines), "--report", str(folder)], standalone_mode=False)
    return (folder / "report.html").read_text("utf-8")


def test_a_line_is_compared_character_by_character() -> None:
    line = compare_line(3, "abcd", read_as("axcde"))
    assert [(pair.truth, pair.guess) for pair in line.pairs] == [
        ("a", "a"),
        ("b", "x"),
        ("c", "c"),
        ("d", "d"),
        ("", "e"),
    ]
    assert (line.index, line.length, line.edits, line.rate) == (3, 4, 2, 0.5)
    assert (line.pairs[1].start, line.pairs[1].end) == pytest.approx((0.2, 0.4))


def test_what_was_left_out_lies_between_its_neighbours() -> None:
    *_, missing, last = compare_line(0, "abc", read_as("ac")).pairs
    assert (missing.truth, missing.guess, missing.start, missing.end) == ("b", "", 0.5, 0.5)
    assert last.start == 0.5
    nothing = compare_line(0, "abc", read_as(""))
    assert (nothing.edits, nothing.rate) == (3, 1.0)
    assert {(pair.start, pair.end) for pair in nothing.pairs} == {(0.5, 0.5)}


def test_composed_and_decomposed_accents_are_the_same() -> None:
    assert compare_line(0, "e\N{COMBINING ACUTE ACCENT}t", read_as("\N{LATIN SMALL LETTER E WITH ACUTE}t")).edits == 0


def test_mistakes_are_counted_over_all_lines() -> None:
    lines = [
        compare_line(0, "aab", read_as("aob")),
        compare_line(1, "a b", read_as("ab")),
        compare_line(2, "b", read_as("bb")),
    ]
    confusion, added = count_mistakes(lines)
    made = {(mistake.truth, mistake.guess): (mistake.count, mistake.samples) for mistake in confusion.mistakes()}
    assert made == {("a", "o"): (1, 3), (" ", ""): (1, 1)}
    assert added == {"b": 1}
    assert confusion.accuracy == pytest.approx(5 / 7)


def test_a_report_holds_plots_and_the_worst_lines(line_bundle: Bundle, tmp_path: Path) -> None:
    lines = relabelled(tmp_path / "lines", {4: "a&a <b>", 7: "c"})
    folder = tmp_path / "new" / "report"
    page = run(line_bundle, lines, folder)
    assert {path.name for path in folder.iterdir()} == {*PLOTS, "report.html"}
    for name in PLOTS:
        assert read_picture(folder / name).std() > 5, "something is drawn on it"
    names = re.findall(r"errors? in \d+ characters, \d+%; confidence \d+%; (\d+)\.png", page)
    assert {"0004", "0007"} <= set(names)
    edits = [int(count) for count in re.findall(r"<figcaption>(\d+) errors? in", page)]
    assert edits == sorted(edits, reverse=True)
    for share in re.findall(r'style="left:([\d.]+)%;width:[\d.]+%"', page):
        assert 0 <= float(share) <= 100
    assert 'title="&amp; read' in page
    assert "&lt;" in page
    assert "<b>\n" not in page, "a text is no markup"


def test_the_page_needs_nothing_from_elsewhere(line_bundle: Bundle, tmp_path: Path) -> None:
    page = run(line_bundle, relabelled(tmp_path / "lines", {0: "1"}), tmp_path / "report")
    assert set(re.findall(r'(?:src|srcset|href)="([^"]{0,22})', page)) == {"data:image/png;base64,"}
    assert not re.search(r"https?:|@import|<script", page)
    assert "prefers-color-scheme: dark" in page
    assert "$" not in re.sub(r'base64,[^"]*', "", page), "nothing is left to be filled in"


def test_a_report_tells_of_the_other_model(line_bundle: Bundle, tmp_path: Path) -> None:
    lines, folder = write_lines(tmp_path / "lines", 6, seed=5), tmp_path / "report"
    given = [str(line_bundle.path), str(lines), "--report", str(folder), "--against", "lines-nano"]
    evaluate.main(given, standalone_mode=False)
    page = (folder / "report.html").read_text("utf-8")
    assert re.search(r"<dt>against lines-nano</dt><dd>\d+\.\d\d points (more|fewer) than its \d", page)


def test_without_errors_there_are_no_worst_lines(line_bundle: Bundle, tmp_path: Path) -> None:
    page = run(line_bundle, write_lines(tmp_path / "lines", 6, seed=5), tmp_path / "report")
    assert "Every line was read without an error" in page
    assert "No character was read wrongly" in page


def test_bare_paper_alone_still_makes_a_report(line_bundle: Bundle, tmp_path: Path) -> None:
    lines, folder = write_lines(tmp_path / "lines", 2), tmp_path / "report"
    run(line_bundle, lines, folder)
    for number in range(2):
        write_picture(lines / f"{number:04}.png", np.full((60, 300), 230, np.uint8))
    page = run(line_bundle, lines, folder)
    assert "Nothing read." in page
    assert ">100.00%<" in page
    assert not (folder / "calibration.png").exists(), "nothing of the last report is left"
