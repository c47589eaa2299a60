"""Tilt: found where the writing of a frame shows it, and taken out of the frame."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawing import sheet, write

from edge_hwr.layout import find_frame_ink
from edge_hwr.reading import Box
from edge_hwr.tilt import find_tilt, turn_upright


def tilted_page(degrees: float) -> np.ndarray:
    """Five rows of figures that fall to the right by so many degrees, in an evenly lit frame."""
    page = sheet(1200, 900)
    for row in range(5):
        write(page, "27 1828 45", 230, 240 + 110 * row, size=60)
    turn = cv2.getRotationMatrix2D((600, 450), -degrees, 1.0)
    return np.asarray(cv2.warpAffine(page, turn, (1200, 900), borderMode=cv2.BORDER_REPLICATE), np.uint8)


@pytest.mark.parametrize("degrees", [-11, -6, -3.5, 3.5, 6, 11])
def test_the_tilt_of_rows_is_found_and_taken_out(degrees: float) -> None:
    page = tilted_page(degrees)
    ink = find_frame_ink(page)
    angle = find_tilt(ink)
    assert angle == pytest.approx(degrees, abs=0.8)
    turned = turn_upright(page, ink, angle)
    assert find_tilt(find_frame_ink(turned.grey)) == 0


def test_nothing_is_cut_off_and_the_corners_are_bare_paper() -> None:
    page = tilted_page(9)
    ink = find_frame_ink(page)
    turned = turn_upright(page, ink, 9.0).grey
    assert turned.shape[0] > page.shape[0]
    assert turned.shape[1] > page.shape[1]
    assert abs(int(turned[0, 0]) - int(page[0, 0])) < 12, "as bright as the paper beside it"
    written = (page < 120).sum()
    assert (turned < 120).sum() == pytest.approx(written, rel=0.05)


def test_boxes_lead_back_to_the_frame() -> None:
    page = np.full((600, 800), 220, np.uint8)
    page[130:170, 600:640] = 20
    turned = turn_upright(page, find_frame_ink(page), 7.0)
    found = cv2.boundingRect((turned.grey < 120).astype(np.uint8))
    back = turned.in_frame(Box(*found))
    assert (back.x + back.w / 2, back.y + back.h / 2) == pytest.approx((620, 150), abs=1.5)


@pytest.mark.parametrize("text", ["7", "4", "/", "1 7"])
def test_a_glyph_alone_tells_no_tilt(text: str) -> None:
    page = sheet()
    write(page, text, 250, 260, size=120, pen=12)
    assert find_tilt(find_frame_ink(page)) == 0


@pytest.mark.parametrize(("width", "turned"), [(2200, True), (6000, False)])
def test_long_strips_are_not_turned(width: int, turned: bool) -> None:
    """They would become pictures of many times their size."""
    page = sheet(width, 460)
    for place in range(24):
        write(page, "4", 60 + 84 * place, 60 + 16 * place, size=50)
    assert (find_tilt(find_frame_ink(page)) > 5) == turned


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_bare_frames_tell_no_tilt(grey: int) -> None:
    assert find_tilt(find_frame_ink(np.full((480, 640), grey, np.uint8))) == 0
    assert find_tilt(find_frame_ink(np.full((3, 2000), grey, np.uint8))) == 0


def test_numbers_that_stand_anywhere_on_an_upright_page_are_not_turned() -> None:
    turned = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        page = sheet()
        cells = rng.choice(12, int(rng.integers(4, 8)), replace=False)
        for cell in cells.tolist():
            number = str(rng.integers(10, 1000))
            x, y = 20 + 150 * (cell % 4) + int(rng.integers(30)), 70 + 150 * (cell // 4) + int(rng.integers(70))
            write(page, number, x, y, size=40, pitch=36)
        turned += find_tilt(find_frame_ink(page)) != 0
    assert turned <= 1
