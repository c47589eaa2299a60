"""Handwritten pages that nobody wrote: text in open handwriting fonts on sheets of many kinds, as a camera sees it.

The truth comes with each page, so the reader can be shown, tried and measured without anyone's handwriting.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
import numpy.typing as npt

from edge_hwr.errors import UsageError
from edge_hwr.files import write_atomically
from edge_hwr.label_table import LABELS
from edge_hwr.reading import Box, Glyph, Line, Reading

from . import sheets
from .fonts import find_fonts, has_characters
from .forms import STYLES, WRITERS, Style, text_of
from .hands import Mark
from .paper import Light, Picture, View, expose

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """A sheet, flat, and the marks on it in the order of writing; `texts` are its lines."""

    paper: Light
    marks: tuple[Mark, ...]
    texts: tuple[str, ...]

    def sheet(self, written: int | None = None) -> Light:
        """The sheet with its first so many marks, or all."""
        light = self.paper.copy()
        for mark in self.marks[:written]:
            sheets.print_ink(light, mark.coverage, (mark.left, mark.top), mark.colour)
        return light

    def truth(self, matrix: Matrix, written: int | None = None) -> tuple[Line, ...]:
        """What is written where, in pixels of a picture that shows the sheet through the homography `matrix`."""
        glyphs: dict[int, list[Glyph]] = {}
        for mark in self.marks[:written]:
            glyphs.setdefault(mark.line, []).append(Glyph(mark.text, 1.0, _seen_box(mark, matrix)))
        return tuple(
            Line(self.texts[line], 1.0, _around([glyph.box for glyph in found]), tuple(found))
            for line, found in glyphs.items()
        )


def synthesise_page(
    lines: Sequence[str],
    rng: np.random.Generator,
    *,
    font: Path,
    style: Style,
    printed: Path | None = None,
    width: int = 1280,
    height: int = 960,
) -> tuple[Picture, tuple[Line, ...]]:
    """Write lines on a sheet and photograph it: the picture, uint8 (height, width, 3) BGR, and what is where in it.

    `printed` is the font of what a form or puzzle has printed on it. `UsageError` for a font that lacks a character.
    """
    page = write_page(lines, rng, font=font, style=style, printed=printed, width=width, height=height)
    matrix = look(rng, width, height, page.paper.shape, desk=style.desk)
    return photograph_page(page, matrix, rng, width, height), page.truth(matrix)


def write_page(
    lines: Sequence[str],
    rng: np.random.Generator,
    *,
    font: Path,
    style: Style,
    printed: Path | None = None,
    width: int = 1280,
    height: int = 960,
) -> Page:
    """Write lines on a flat sheet of about the size of the picture that it is for."""
    if not any(text_of(line, style).strip() for line in lines):
        raise UsageError("nothing to write: give at least one line of text")
    texts = tuple(text_of(line, style) for line in lines)
    if not has_characters(font, "".join(texts)):
        raise UsageError(f"{font.name}: this font lacks characters of the text; choose another font")
    paper = sheets.blank(width, height, style.paper, rng)
    marks = WRITERS[style.kind](paper, lines, rng, font, style, printed or font)
    if style.kind == "note":
        paper = sheets.crumple(paper, rng, folds=9, depth=0.05)
    return Page(paper, tuple(marks), texts)


def look(
    rng: np.random.Generator, width: int, height: int, sheet: tuple[int, ...], *, desk: bool = False, tilt: float = 1.0
) -> Matrix:
    """A homography from a sheet to a picture of it, taken by hand: the sheet fills it, or lies on a desk."""
    high, wide = sheet[:2]
    flat = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    unit = flat / (wide, high) - 0.5
    turn = tilt * rng.uniform(-0.03, 0.03) * (2.0 if desk else 1.0)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    seen = (unit * (wide, high)) @ rotation / (wide, high)
    # Held at an angle: the far edge is shorter than the near one.
    seen[:, 0] *= 1.0 + tilt * rng.uniform(0.0, 0.10) * (unit[:, 1] - 0.1)
    seen += tilt * rng.uniform(-0.006, 0.006, (4, 2))
    seen = (seen * (0.80 if desk else 1.06 + 0.03 * tilt) + 0.5) * (width, height)
    return np.asarray(cv2.getPerspectiveTransform(flat, seen.astype(np.float32)), np.float64)


def photograph_page(
    page: Page,
    matrix: Matrix,
    rng: np.random.Generator,
    width: int,
    height: int,
    *,
    view: View | None = None,
    written: int | None = None,
) -> Picture:
    """The colour picture of a page, uint8 (height, width, 3) BGR, seen through a homography."""
    surface = sheets.desk(width, height, np.random.default_rng(5))
    light = sheets.lay_on(surface, page.sheet(written), matrix)
    return expose(light * np.array((0.93, 0.98, 1.0), np.float32), rng, view or _page_view(rng))


def _page_view(rng: np.random.Generator) -> View:
    gradient, shadow, defocus, noise = rng.random(4).tolist()
    return View(
        texture=0.003,
        gradient=0.15 + 0.3 * gradient,
        shadow=0.08 + 0.22 * shadow,
        defocus=0.5 + 0.5 * defocus,
        sharpening=0.4,
        noise=0.002 + 0.007 * noise,
        exposure=1.02,
    )


def _seen_box(mark: Mark, matrix: Matrix) -> Box:
    left, top, width, height = cv2.boundingRect(np.asarray(mark.coverage > 60, np.uint8))
    left, top = left + mark.left, top + mark.top
    corners = np.array(
        [[(left, top), (left + width, top), (left + width, top + height), (left, top + height)]], np.float64
    )
    seen = cv2.perspectiveTransform(corners, matrix)[0]
    low, high = np.floor(seen.min(axis=0)).astype(int), np.ceil(seen.max(axis=0)).astype(int)
    return Box(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))


def _around(boxes: Sequence[Box]) -> Box:
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.x + box.w for box in boxes), max(box.y + box.h for box in boxes)
    return Box(left, top, right - left, bottom - top)


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--fonts", type=click.Path(path_type=Path), default=Path("build/fonts"), show_default=True)
@click.option("--style", type=click.Choice(list(STYLES)), help="Of all pages; without it styles take turns.")
@click.option("--count", type=click.IntRange(1), default=12, show_default=True)
@click.option("--text", type=click.Path(path_type=Path), help="A text file to write from; without it, random figures.")
@click.option(
    "--size", type=(click.IntRange(160, 8000), click.IntRange(120, 8000)), default=(1280, 960), show_default=True
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
def synthesise(
    out: Path, fonts: Path, style: str | None, count: int, text: Path | None, size: tuple[int, int], seed: int
) -> None:
    """Make a dataset of handwritten pages that nobody wrote, with their truth, in the folder OUT.

    labels.tsv has a page per line, the lines of its text separated by \\n; truth.jsonl has every glyph and its box, in
    the shape of `edge-hwr read --json`.
    """
    handwriting, printed = _faces(fonts)
    rows, truths = ["file\ttext"], []
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: cannot be made a folder ({error.strerror}); name another one") from error
    earlier = (out / "truth.jsonl").exists()
    if not earlier and ((out / LABELS).exists() or any(out.glob("page-*.jpg"))):
        raise UsageError(f"{out}: holds pictures or a dataset of another making; name another folder")
    with tempfile.TemporaryDirectory(prefix=".pages-", dir=out) as drawn:
        for number in range(count):
            rng = np.random.default_rng((seed, number))
            chosen = STYLES[style or list(STYLES)[number % len(STYLES)]]
            lines = _figures(chosen, rng) if text is None else _passage(text, rng)
            able = [face for face in handwriting if has_characters(face, "".join(lines))]
            if not able:
                raise UsageError(f"{fonts}: none of these fonts has all characters of {lines!r}")
            picture, truth = synthesise_page(
                lines,
                rng,
                font=able[rng.integers(len(able))],
                style=chosen,
                printed=printed,
                width=size[0],
                height=size[1],
            )
            name = f"page-{number:04d}.jpg"
            save_photo(Path(drawn, name), picture)
            rows.append(label_row(name, truth))
            truths.append(truth_row(name, size, truth))
        # From here on the folder is no dataset until all of it is there: no picture stands beside another one's text.
        (out / LABELS).unlink(missing_ok=True)
        write_atomically(out / "truth.jsonl", "".join(row + "\n" for row in truths).encode())
        for page in Path(drawn).iterdir():
            page.replace(out / page.name)
    for page in out.glob("page-*.jpg"):  # of a larger dataset that was here before
        if (digits := page.stem.removeprefix("page-")).isdecimal() and int(digits) >= count:
            page.unlink()
    write_atomically(out / LABELS, "".join(row + "\n" for row in rows).encode())
    click.echo(f"{count} pages in {out}")


def save_photo(path: Path, picture: Picture, quality: int = 85) -> None:
    """Write a picture as the JPEG of a camera."""
    _, data = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))
    write_atomically(path, data.tobytes())


def label_row(name: str, truth: Sequence[Line]) -> str:
    """A page in labels.tsv: its lines stand one after the other with a literal backslash and n between them."""
    return f"{name}\t" + "\\n".join(line.text.strip() for line in truth)


def truth_row(name: str, size: tuple[int, int], truth: Sequence[Line]) -> str:
    """A page in truth.jsonl: one line of JSON."""
    reading = Reading(size[0], size[1], "truth", tuple(truth))
    return json.dumps({"image": name, **reading.to_json()}, ensure_ascii=False)


def _faces(folder: Path) -> tuple[list[Path], Path]:
    found = find_fonts(folder)
    printed = [path for path in found if path.parent.name == "printed"]
    return [path for path in found if path not in printed] or found, (printed or found)[0]


def _figures(style: Style, rng: np.random.Generator) -> list[str]:
    """Random figures in groups, as many as the kind of sheet has room for."""
    if style.kind == "sudoku":
        return ["".join(row) for row in rng.choice(list("123456789"), (9, 9))]
    groups = [[2] * 4, [4, 2, 2], [3, 3, 4], [5, 3]][rng.integers(4)]
    return [
        " ".join("".join(rng.choice(list("0123456789"), size)) for size in groups) for _ in range(rng.integers(3, 7))
    ]


def _passage(path: Path, rng: np.random.Generator) -> list[str]:
    """A few lines in a row of a text file, from a random place."""
    try:
        # A tab or a backslash and an n would end the text, or a line of it, in labels.tsv.
        plain = [" ".join(line.replace("\\n", "\\ n").split()) for line in path.read_text("utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as a text file in UTF-8") from error
    lines = [line[:48].strip() for line in plain if line]
    if not lines:
        raise UsageError(f"{path}: no text in it")
    first = int(rng.integers(max(len(lines) - 5, 1)))
    return lines[first : first + 6]
