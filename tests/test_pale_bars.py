"""Pale bars: pieces of rules and boxes are none of the writing, dashes and ones of whoever wrote it are."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from drawing import sheet, write

from edge_hwr.layout import find_glyphs
from edge_hwr.picture import read_picture
from edge_hwr.reader import Reader

SAMPLES = Path(__file__).parents[1] / "samples"


def test_pieces_of_rules_are_not_read_as_dashes() -> None:
    text = Reader("characters").read(read_picture(SAMPLES / "phone-list.jpg")).text
    assert text.splitlines()[1] == "07 45 20 19 63"
    assert "_" not in text


@pytest.mark.parametrize("upright", [False, True])
def test_a_bar_paler_than_all_writing_is_left_out(upright: bool) -> None:
    page = sheet(falloff=20)
    write(page, "27182", 60, 200)
    plain = len(find_glyphs(page, marks=True))
    cv2.line(page, (400, 160), (400, 200) if upright else (440, 160), (150,), 3, cv2.LINE_AA)
    assert len(find_glyphs(page, marks=True)) == plain == 5


def test_a_bar_of_the_pen_is_kept() -> None:
    page = sheet(falloff=20)
    write(page, "271-1", 60, 200)
    assert len(find_glyphs(page, marks=True)) == 5


def test_a_pencil_beside_print_keeps_its_ones() -> None:
    page = sheet(falloff=20)
    write(page, "82735", 60, 120, ink=20, pen=5)
    write(page, "1 1 4 6 3", 60, 240, ink=125)
    assert len(find_glyphs(page)) == 10
