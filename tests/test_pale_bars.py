"""Pale bars: pieces of rules and boxes are none of the writing, dashes and ones of whoever wrote it are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from drawing import sheet, write

from edge_hwr.layout import find_glyphs
from edge_hwr.metrics import edit_distance
from edge_hwr.picture import read_picture
from edge_hwr.reader import Reader

SAMPLES = Path(__file__).parents[1] / "samples"


def test_pieces_of_rules_are_not_read_as_dashes() -> None:
    text = Reader("characters").read(read_picture(SAMPLES / "phone-list.jpg")).text
    assert text.splitlines()[1] == "07 45 20 19 63"
    assert "_" not in text


@pytest.mark.parametrize(
    "points",
    [[(450, 190), (500, 190)], [(450, 140), (450, 200)], [(450, 140), (450, 200), (490, 200)]],
    ids=["rule", "wall", "corner"],
)
@pytest.mark.parametrize(("grey", "thick", "kept"), [(150, 3, 0), (60, 5, 1)], ids=["paler", "as dark"])
def test_what_is_paler_than_all_writing_is_none_of_it(
    points: list[tuple[int, int]], grey: int, thick: int, kept: int
) -> None:
    page = sheet(falloff=20)
    write(page, "27182", 60, 200, size=60, pen=5, pitch=70)
    cv2.polylines(page, [np.array(points, np.int32)], False, (grey,), thick, cv2.LINE_AA)
    assert len(find_glyphs(page, marks=True)) == 5 + kept


@pytest.mark.parametrize("model", ["digits", "characters"])
def test_forms_are_read_without_their_boxes(model: str) -> None:
    text = Reader(model).read(read_picture(SAMPLES / "meter-form.jpg")).text
    assert edit_distance(text, "21 07 2026\n48 1159 3027\n073916\n025840") <= 2


def test_a_pencil_beside_print_keeps_its_ones() -> None:
    page = sheet(falloff=20)
    write(page, "82735", 60, 120, ink=20, pen=5)
    write(page, "1 1 4 6 3", 60, 240, ink=125)
    assert len(find_glyphs(page)) == 10


@pytest.mark.parametrize("width", [1280, 2560, 4000])
@pytest.mark.parametrize("slant", [0, 6])
def test_a_fine_pen_keeps_its_ones_in_frames_of_any_size(width: int, slant: int) -> None:
    page = np.full((width * 3 // 4, width), 225, np.uint8)
    places = range(width // 10, width - width // 10, width // 8)
    for row in range(1, 4):
        y, size = row * width // 6, width // 30
        for number, x in enumerate(places):
            if number % 2:
                cv2.line(page, (x, y), (x + slant * size // 40, y - size), (40,), width // 800, cv2.LINE_AA)
            else:
                cv2.ellipse(
                    page, (x, y - size // 2), (size // 3, size // 2), 0, 0, 360, (40,), width // 800, cv2.LINE_AA
                )
    assert len(find_glyphs(cv2.GaussianBlur(page, (0, 0), 0.8))) == 3 * len(places)


def test_a_number_in_a_paler_pen_keeps_its_ones() -> None:
    page = sheet(falloff=20)
    for y in (90, 170, 250):
        write(page, "82735 94", 60, y, ink=20, pen=5)
    write(page, "20 4", 60, 330, ink=110, pen=5)
    cv2.line(page, (160, 330), (166, 296), (110,), 5, cv2.LINE_AA)
    assert len(find_glyphs(page)) == 3 * 7 + 4
