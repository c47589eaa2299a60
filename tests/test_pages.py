"""Pages that nobody wrote, and the fonts that they are set in."""

from __future__ import annotations

import json
import os
import stat
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from edge_hwr.errors import EdgeHwrError, RuntimeMissingError, UsageError
from edge_hwr.export.fonts import (
    draw_text,
    fetch_fonts,
    find_fonts,
    has_characters,
    listed_fonts,
    readable_fonts,
    set_text,
)
from edge_hwr.export.forms import STYLES
from edge_hwr.export.pages import look, photograph_page, synthesise, synthesise_page, write_page
from edge_hwr.picture import read_picture


@pytest.fixture(scope="session")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the one font that comes with Pillow: the tests need no network."""
    from PIL import ImageFont

    built_in = ImageFont.load_default(20)
    assert isinstance(built_in, ImageFont.FreeTypeFont)
    assert isinstance(built_in.path, BytesIO)
    folder = tmp_path_factory.mktemp("fonts")
    (folder / "printed").mkdir()
    for path in (folder / "built-in.ttf", folder / "printed" / "built-in.ttf"):
        path.write_bytes(built_in.path.getvalue())
    return folder


@pytest.fixture(scope="session")
def font(fonts: Path) -> Path:
    return fonts / "built-in.ttf"


def lines_for(style: str) -> list[str]:
    if style == "sudoku":
        return ["123456", "456 23", "789789"]
    return ["Total: 12 345", "Date: 6 78"] if style == "form" else ["12 345", "6 78"]


def test_fonts_are_found_in_folders_below(fonts: Path, tmp_path: Path) -> None:
    assert [path.relative_to(fonts).as_posix() for path in find_fonts(fonts)] == [
        "built-in.ttf",
        "printed/built-in.ttf",
    ]
    with pytest.raises(UsageError, match="no font files"):
        find_fonts(tmp_path)


@pytest.mark.parametrize("size", [10.0, 33.3, 80.0, 400.0])
def test_figures_have_the_height_asked_for(font: Path, size: float) -> None:
    assert draw_text(font, "8", size).shape[0] == pytest.approx(size, abs=1.5 + 0.03 * size)
    inked = set_text(font, "8", size)
    assert inked.top == pytest.approx(-size, abs=2 + 0.05 * size)
    assert inked.advance > inked.coverage.shape[1] * 0.8
    assert inked.coverage.max() > 200


def test_blanks_are_no_ink_but_move_the_pen(font: Path) -> None:
    blank = set_text(font, " ", 40.0)
    assert not blank.coverage.any()
    assert blank.advance > 3


def test_characters_that_a_font_lacks_are_noticed(font: Path, tmp_path: Path) -> None:
    assert has_characters(font, "0123456789 abc")
    assert not has_characters(font, "12\N{HIRAGANA LETTER A}")
    with pytest.raises(UsageError, match="cannot draw"):
        draw_text(font, "\N{HIRAGANA LETTER A}", 30.0)
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font at all")
    with pytest.raises(UsageError, match="cannot be read as a font"):
        draw_text(broken, "1", 30.0)


def test_fonts_that_cannot_be_read_are_left_out(fonts: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "empty.otf").touch()
    (tmp_path / "folder.ttf").mkdir()
    whole = (fonts / "built-in.ttf").read_bytes()
    (tmp_path / "cut.ttf").write_bytes(whole[: len(whole) // 8])
    (tmp_path / "whole.ttf").write_bytes(whole)
    assert readable_fonts(find_fonts(tmp_path)) == [tmp_path / "whole.ttf"]
    assert [Path(message.split(": left out")[0]).name for message in caplog.messages] == [
        "cut.ttf",
        "empty.otf",
        "folder.ttf",
    ]


def make_npm(folder: Path, body: str) -> str:
    """A program in npm's place: real npm needs a network."""
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


def test_listed_fonts_are_fetched_once_and_sorted_by_kind(tmp_path: Path) -> None:
    listed = listed_fonts()
    assert {entry.kind for entry in listed} == {"handwriting", "printed"}
    assert {entry.licence for entry in listed} <= {"OFL-1.1", "Apache-2.0"}
    files = "\n".join(
        f'mkdir -p "$3/{folder}"; echo x > "$3/{folder}/{entry.file}"'
        for entry in listed
        for folder in [f"node_modules/{entry.package}/files"]
    )
    npm = make_npm(tmp_path, f'echo run >> "{tmp_path}/runs"\n{files}')
    folder = tmp_path / "fonts"
    assert fetch_fonts(folder, npm=npm) == len(listed)
    assert len(find_fonts(folder)) == len(listed)
    assert sorted(path.name for path in folder.iterdir()) == ["handwriting", "printed"]
    assert fetch_fonts(folder, npm=npm) == 0
    assert (tmp_path / "runs").read_text() == "run\n"


def test_failures_of_npm_are_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(RuntimeMissingError, match="npm"):
        fetch_fonts(tmp_path / "fonts", npm=str(tmp_path / "absent"))
    with pytest.raises(EdgeHwrError, match="npm error network"):
        fetch_fonts(tmp_path / "fonts", npm=make_npm(tmp_path, "echo 'npm error network' >&2; exit 1"))
    with pytest.raises(EdgeHwrError, match="has no file"):
        fetch_fonts(tmp_path / "fonts", npm=make_npm(tmp_path, "exit 0"))
    assert not list((tmp_path / "fonts").iterdir())


@pytest.mark.parametrize("style", list(STYLES))
def test_truth_boxes_hold_the_ink(font: Path, style: str) -> None:
    size = (480, 360)
    lines = lines_for(style)
    rng = np.random.default_rng(3)
    page = write_page(lines, rng, font=font, style=STYLES[style], width=size[0], height=size[1])
    matrix = look(rng, *size, page.paper.shape, desk=STYLES[style].desk)
    truth = page.truth(matrix)
    expected = [line.rpartition(": ")[2] for line in lines]
    assert [line.text for line in truth] == expected
    assert ["".join(glyph.text for glyph in line.glyphs) for line in truth] == [
        line.replace(" ", "") for line in expected
    ]
    # Without noise, what writing changed in the picture is ink: it must lie in the boxes, and in every one of them.
    written, bare = (
        photograph_page(page, matrix, np.random.default_rng(1), *size, written=count).astype(int) for count in (None, 0)
    )
    ink = np.abs(written - bare).max(axis=2) > 60
    inside = np.zeros_like(ink)
    for glyph in (glyph for line in truth for glyph in line.glyphs):
        x, y, w, h = glyph.box
        assert ink[y : y + h, x : x + w].mean() > 0.08
        inside[max(y - 2, 0) : y + h + 2, max(x - 2, 0) : x + w + 2] = True
    assert ink.any()
    assert not (ink & ~inside).any()


def test_a_page_is_repeated_by_its_seed_and_varies_without(font: Path) -> None:
    def page(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        rng = np.random.default_rng(seed)
        return synthesise_page(["1 2"], rng, font=font, style=STYLES["plain"], width=200, height=150)[0]

    np.testing.assert_array_equal(page(1), page(1))
    assert (page(1) != page(2)).mean() > 0.5


def test_pages_that_cannot_be_written_are_refused(font: Path) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(UsageError, match="nothing to write"):
        write_page([" "], rng, font=font, style=STYLES["plain"])
    with pytest.raises(UsageError, match="lacks characters"):
        write_page(["\N{HIRAGANA LETTER A}"], rng, font=font, style=STYLES["plain"])


def test_the_command_writes_a_dataset(fonts: Path, tmp_path: Path) -> None:
    out = tmp_path / "pages"
    arguments = [str(out), "--fonts", str(fonts), "--count", "7", "--size", "320", "240"]
    assert CliRunner().invoke(synthesise, arguments, catch_exceptions=False).exit_code == 0
    rows = [row.split("\t") for row in (out / "labels.tsv").read_text("utf-8").splitlines()]
    truths = [json.loads(row) for row in (out / "truth.jsonl").read_text("utf-8").splitlines()]
    assert rows[0] == ["file", "text"]
    assert len(rows) == 8
    for (name, text), truth in zip(rows[1:], truths, strict=True):
        assert read_picture(out / name).shape == (240, 320)
        assert truth["image"] == name
        assert [line["text"].strip() for line in truth["lines"]] == text.split("\\n")


def test_a_smaller_dataset_takes_the_place_of_a_larger_one_and_of_nothing_else(fonts: Path, tmp_path: Path) -> None:
    out = tmp_path / "pages"
    arguments = [str(out), "--fonts", str(fonts), "--size", "320", "240"]
    for count in ("3", "1"):
        CliRunner().invoke(synthesise, [*arguments, "--count", count], catch_exceptions=False)
    assert sorted(file.name for file in out.iterdir()) == ["labels.tsv", "page-0000.jpg", "truth.jsonl"]
    (out / "truth.jsonl").unlink()
    before = (out / "labels.tsv").read_bytes()
    with pytest.raises(UsageError, match="another making; name another folder"):
        CliRunner().invoke(synthesise, arguments, catch_exceptions=False)
    assert (out / "labels.tsv").read_bytes() == before


def test_pictures_of_somebody_are_not_written_over(fonts: Path, tmp_path: Path) -> None:
    (tmp_path / "page-0001.jpg").write_bytes(b"mine")
    with pytest.raises(UsageError, match="holds pictures"):
        CliRunner().invoke(synthesise, [str(tmp_path), "--fonts", str(fonts)], catch_exceptions=False)
    assert (tmp_path / "page-0001.jpg").read_bytes() == b"mine"


def test_what_fails_midway_leaves_the_dataset_as_it_was(fonts: Path, tmp_path: Path) -> None:
    text, out = tmp_path / "text.txt", tmp_path / "pages"
    arguments = [str(out), "--fonts", str(fonts), "--size", "320", "240", "--style", "plain", "--text", str(text)]
    text.write_text("plain\n", "utf-8")
    CliRunner().invoke(synthesise, [*arguments, "--count", "2"], catch_exceptions=False)
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    text.write_text("plain\n" * 30 + "\N{HIRAGANA LETTER A}\n", "utf-8")
    with pytest.raises(UsageError, match="none of these fonts"):
        CliRunner().invoke(synthesise, [*arguments, "--count", "99", "--seed", "3"], catch_exceptions=False)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def test_tabs_and_marks_of_line_ends_stay_out_of_the_table(fonts: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\ufeffone\ttwo\nC:\\new\n", "utf-8")
    arguments = [str(tmp_path / "o"), "--fonts", str(fonts), "--count", "1", "--style", "plain", "--text", str(text)]
    CliRunner().invoke(synthesise, arguments, catch_exceptions=False)
    assert (tmp_path / "o/labels.tsv").read_text("utf-8").splitlines()[1] == "page-0000.jpg\tone two\\nC:\\ new"


def test_the_command_writes_from_a_text(fonts: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Dear Sir,\n\nthe price is 12.50\n", "utf-8")
    arguments = [
        str(tmp_path / "pages"),
        "--fonts",
        str(fonts),
        "--count",
        "1",
        "--text",
        str(text),
        "--style",
        "plain",
    ]
    CliRunner().invoke(synthesise, arguments, catch_exceptions=False)
    assert (tmp_path / "pages/labels.tsv").read_text("utf-8").endswith("Dear Sir,\\nthe price is 12.50\n")


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\xff", "\N{HIRAGANA LETTER A}".encode()])
def test_the_command_refuses_texts_it_cannot_write(fonts: Path, tmp_path: Path, content: bytes | None) -> None:
    text = tmp_path / "text.txt"
    if content is not None:
        text.write_bytes(content)
    with pytest.raises(UsageError):
        CliRunner().invoke(
            synthesise, [str(tmp_path / "o"), "--fonts", str(fonts), "--text", str(text)], catch_exceptions=False
        )


def test_the_command_refuses_a_folder_that_is_a_file(fonts: Path, tmp_path: Path) -> None:
    (tmp_path / "pages").write_text("not a folder")
    with pytest.raises(UsageError, match="cannot be made a folder"):
        CliRunner().invoke(synthesise, [str(tmp_path / "pages"), "--fonts", str(fonts)], catch_exceptions=False)


def test_the_samples_of_the_repository_are_whole_and_their_truth_fits() -> None:
    samples = Path(__file__).parent.parent / "samples"
    rows = [row.split("\t") for row in (samples / "labels.tsv").read_text("utf-8").splitlines()[1:]]
    truths = [json.loads(row) for row in (samples / "truth.jsonl").read_text("utf-8").splitlines()]
    assert [name for name, _ in rows] == [truth["image"] for truth in truths]
    for truth in truths:
        path = samples / truth["image"]
        picture = read_picture(path)
        assert path.stat().st_size < 150_000
        assert picture.shape == (truth["height"], truth["width"])
        for line in truth["lines"]:
            for glyph in line["glyphs"]:
                x, y, w, h = glyph["box"]
                crop = picture[y : y + h, x : x + w]
                assert crop.shape == (h, w)
                assert int(crop.max()) - int(crop.min()) > 40
    video = cv2.VideoCapture(str(samples / "digits.avi"))
    frames = 0
    while video.read()[0]:
        frames += 1
    assert frames == 80
    assert os.path.getsize(samples / "digits.avi") < 2_000_000


def test_a_seed_below_0_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(synthesise, [str(tmp_path / "pages"), "--seed", "-1"])
    assert done.exit_code == 2
    assert "--seed" in done.output
