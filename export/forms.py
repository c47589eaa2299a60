"""Where the text of a page goes: on lines, into squares, into the boxes of a form, into the cells of a puzzle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from .fonts import set_text
from .hands import Hand, Mark, write_glyph, write_line
from .paper import Light
from .sheets import Colour, draw_box, draw_line, fill_box, print_ink, rule_lines, rule_squares

Kind = Literal["plain", "ruled", "squares", "form", "sudoku", "board", "note"]

BLUE: Colour = (0.52, 0.20, 0.10)
BLACK: Colour = (0.14, 0.12, 0.12)
PENCIL: Colour = (0.36, 0.34, 0.34)
MARKERS: tuple[Colour, ...] = ((0.60, 0.22, 0.05), (0.18, 0.14, 0.72), (0.24, 0.42, 0.06), (0.12, 0.10, 0.10))

# Forms are printed in colours that scanners, and readers like ours, hardly see.
DROPOUT: Colour = (0.66, 0.78, 0.90)
LABEL: Colour = (0.80, 0.88, 0.95)


@dataclass(frozen=True, slots=True)
class Style:
    """A kind of sheet and what is written on it with."""

    kind: Kind
    paper: Colour
    inks: tuple[Colour, ...]
    weight: float = 0.12
    """0 leaves the strokes of the font as they are; 0.3 is a felt pen."""
    grain: float = 0.15
    figure: float = 0.55
    """Height of a figure in pitches of the lines."""
    desk: bool = False


STYLES: dict[str, Style] = {
    "plain": Style("plain", (0.93, 0.96, 0.97), (BLACK, BLUE)),
    "ruled": Style("ruled", (0.93, 0.96, 0.97), (BLUE,), figure=0.6),
    "squares": Style("squares", (0.96, 0.97, 0.97), (PENCIL,), weight=0.06, grain=0.3, figure=0.52),
    "form": Style("form", (0.97, 0.98, 0.98), (BLACK, BLUE), weight=0.15, figure=0.62),
    "sudoku": Style("sudoku", (0.80, 0.84, 0.86), (BLUE,), figure=0.56),
    "board": Style("board", (0.95, 0.94, 0.93), MARKERS, weight=0.26, grain=0.05, figure=0.56),
    "note": Style("note", (0.52, 0.90, 0.97), (BLACK,), weight=0.2, desk=True, figure=0.58),
}


SQUARES = 1.55
"""Height of a figure in squares of squared paper."""

Writer = Callable[[Light, Sequence[str], np.random.Generator, Path, Style, Path], list[Mark]]


def text_of(line: str, style: Style) -> str:
    """What is written by hand of a line: on a form, what comes after the label and its colon."""
    return line.rpartition(": ")[2] if style.kind == "form" else line


def _write_lines(
    paper: Light, lines: Sequence[str], rng: np.random.Generator, font: Path, style: Style, printed: Path
) -> list[Mark]:
    """One line of text under another, on plain, ruled or squared paper or on a board; `printed` stays unused."""
    height, width = paper.shape[:2]
    pitch = height / (len(lines) + 1.0)
    if style.kind == "squares":
        longest = max(2 * len(line) / SQUARES for line in lines)
    else:
        longest = max(_length(font, line) for line in lines)
    size = min(style.figure * pitch, 0.74 * width / longest)
    left, first = 0.13 * width, 1.15 * pitch
    if style.kind == "ruled":
        rule_lines(paper, first - pitch, pitch, (0.90, 0.80, 0.70), margin=0.09 * width)
    elif style.kind == "squares":
        rule_squares(paper, (left, first), size / SQUARES, (0.95, 0.91, 0.87))
    hand = _hand(font, size, style, rng)
    marks = []
    for index, line in enumerate(lines):
        if style.kind == "squares":
            marks += _write_in_squares(line, hand, (left, first + index * pitch), style, rng, index, size / SQUARES)
            continue
        start = left + width * rng.uniform(0.0, 0.03)
        # On a ruled sheet the pen stays a little above the line; elsewhere nothing guides it.
        baseline = first + index * pitch - size * (0.07 if style.kind == "ruled" else rng.uniform(-0.05, 0.15))
        marks += write_line(line, hand, (start, baseline), style.inks[index % len(style.inks)], rng, index)
    return marks


def _write_in_squares(
    line: str, hand: Hand, start: tuple[float, float], style: Style, rng: np.random.Generator, index: int, pitch: float
) -> list[Mark]:
    """A character in every second square, as sums are written."""
    first = start[1] % pitch
    baseline = first + round((start[1] - first) / pitch) * pitch - 0.2 * pitch
    marks = []
    for place, character in enumerate(line):
        if not character.isspace():
            x = start[0] + 2 * place * pitch + _centred(hand, character, 2 * pitch)
            marks.append(write_glyph(character, hand, (x, baseline), style.inks[0], rng, index)[0])
    return marks


def _write_form(
    paper: Light, lines: Sequence[str], rng: np.random.Generator, font: Path, style: Style, printed: Path
) -> list[Mark]:
    """A row of boxes per line, one character in each; blanks of the text are gaps between boxes.

    A line may begin with a label and a colon, which are printed above its boxes.
    """
    height, width = paper.shape[:2]
    pitch = height / (len(lines) + 0.9)
    cell = min(0.62 * pitch, 0.80 * width / max(len(text_of(line, style)) for line in lines))
    hand = _hand(font, style.figure * cell, style, rng)
    marks = []
    for index, line in enumerate(lines):
        top = (index + 0.72) * pitch
        x = 0.10 * width
        fill_box(paper, 0.06 * width, top - 0.16 * pitch, 0.88 * width, cell + 0.32 * pitch, (0.94, 0.97, 0.985))
        label = line[: -len(text_of(line, style))].strip(": ")
        if label:
            tag = set_text(printed, label, 0.17 * cell)
            print_ink(paper, tag.coverage, (x, top - 0.13 * cell - tag.coverage.shape[0]), LABEL)
        for group in text_of(line, style).split():
            fill_box(paper, x, top, len(group) * cell, cell, (1.06, 1.03, 1.015))
            draw_box(paper, x, top, len(group) * cell, cell, DROPOUT, cell / 40)
            for place, character in enumerate(group):
                if place:
                    draw_line(paper, (x + place * cell, top), (x + place * cell, top + cell), DROPOUT, cell / 60)
                start = (x + place * cell + _centred(hand, character, cell), top + 0.77 * cell)
                marks.append(write_glyph(character, hand, start, style.inks[index % len(style.inks)], rng, index)[0])
            x += (len(group) + 0.45) * cell
    return marks


def _write_sudoku(
    paper: Light, lines: Sequence[str], rng: np.random.Generator, font: Path, style: Style, printed: Path
) -> list[Mark]:
    """A grid with a row per line, in blocks of three; about a third of the characters stand there in print."""
    height, width = paper.shape[:2]
    rows, columns = len(lines), max(len(line) for line in lines)
    cell = min(0.86 * height / rows, 0.86 * width / columns)
    left, top = (width - cell * columns) / 2, (height - cell * rows) / 2
    for row in range(rows):
        for column in range(columns):
            x, y = left + column * cell, top + row * cell
            if (row // 3 + column // 3) % 2:
                fill_box(paper, x, y, cell, cell, (0.94, 0.94, 0.94))
            draw_box(paper, x, y, cell, cell, (0.35, 0.35, 0.35), cell / 45)
    for row in range(0, rows, 3):
        for column in range(0, columns, 3):
            size = (min(3, columns - column) * cell, min(3, rows - row) * cell)
            draw_box(paper, left + column * cell, top + row * cell, *size, (0.10, 0.10, 0.10), cell / 16)
    hand = _hand(font, style.figure * cell * 1.08, style, rng)
    press = Hand(printed, style.figure * cell, weight=0.0, grain=0.1, wobble=0.0)
    marks = []
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            if character.isspace():
                continue
            given = rng.random() < 0.36
            writer, colour = (press, BLACK) if given else (hand, style.inks[0])
            baseline = top + (row + 0.5) * cell + 0.5 * writer.size + (0.0 if given else 0.03 * cell * rng.normal())
            x = left + column * cell + _centred(writer, character, cell)
            marks.append(write_glyph(character, writer, (x, baseline), colour, rng, row)[0])
    return marks


WRITERS: dict[Kind, Writer] = {
    "plain": _write_lines,
    "ruled": _write_lines,
    "squares": _write_lines,
    "form": _write_form,
    "sudoku": _write_sudoku,
    "board": _write_lines,
    "note": _write_lines,
}


def _hand(font: Path, size: float, style: Style, rng: np.random.Generator) -> Hand:
    return Hand(font, size, rng.uniform(-0.08, 0.16), style.weight * rng.uniform(0.85, 1.15), style.grain)


def _length(font: Path, line: str) -> float:
    """Length of a written line in heights of a figure."""
    written = [set_text(font, character, 100.0).advance / 100.0 + 0.13 for character in line if not character.isspace()]
    return sum(written) + 0.6 * (len(line) - len(written))


def _centred(hand: Hand, character: str, cell: float) -> float:
    """Where in a cell the pen starts so that the character's ink stands in its middle."""
    inked = set_text(hand.font, character, hand.size)
    return (cell - int(inked.coverage.shape[1])) / 2 - inked.left
