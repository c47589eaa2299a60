"""Several sheets of paper in one picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from reading_checks import assert_reads

from edge_hwr.bundle import open_bundle
from edge_hwr.ink import Grey
from edge_hwr.page_layout import find_lines
from edge_hwr.page_reader import PageReader
from edge_hwr.picture import read_picture
from edge_hwr.sheet import find_sheet, paint_over

LETTER = Path(__file__).parents[1] / "samples" / "letter.jpg"
CARD = ["Dear Anna", "thank you for the three books", "I read the first one on the train", "and could not put it down"]


@pytest.fixture(scope="module")
def crops() -> list[Grey]:
    """The lines of the letter, half as large."""
    lines = find_lines(read_picture(LETTER)).lines
    return [np.asarray(cv2.resize(line.crop, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)) for line in lines]


def sheet(crops: list[Grey], width: int, height: int, paper: int) -> Grey:
    card = np.full((height, width), 245, np.uint8)
    for number, crop in enumerate(crops):
        card[50 + 80 * number :, 40:][: crop.shape[0], : crop.shape[1]] = crop
    return np.asarray(cv2.multiply(card, paper / 245), np.uint8)


def lay(desk: Grey, card: Grey, left: int, top: int, degrees: float) -> None:
    """Lay a card on a desk, turned about its corner."""
    matrix = cv2.getRotationMatrix2D((0, 0), degrees, 1.0) + np.array([[0, 0, left], [0, 0, top]])
    seen = cv2.warpAffine(card, matrix, desk.shape[::-1], flags=cv2.INTER_LINEAR)
    there = cv2.warpAffine(np.full_like(card, 255), matrix, desk.shape[::-1], flags=cv2.INTER_NEAREST)
    desk[there > 0] = seen[there > 0]


def test_a_note_beside_a_card_is_read_after_it(crops: list[Grey]) -> None:
    rng = np.random.default_rng(3)
    desk = np.asarray(cv2.GaussianBlur(rng.normal(80, 12, (900, 1400)), (0, 0), 2).clip(0, 255), np.uint8)
    lay(desk, sheet(crops[:4], 640, 640, 235), 90, 110, 3)
    lay(desk, sheet([crops[1], crops[0]], 540, 300, 215), 820, 160, -4)
    reading = PageReader(open_bundle("lines")).read(desk)
    lines = [line.text.rstrip(",.") for line in reading.lines]
    assert_reads(lines, [*CARD, "thank you for the three books", "Dear Anna"])


@pytest.mark.parametrize("below", [False, True], ids=["beside", "below"])
def test_notes_as_large_as_each_other_are_read_one_by_one(crops: list[Grey], below: bool) -> None:
    """Their edges lie on the same lines, as those of one sheet would."""
    rng = np.random.default_rng(3)
    desk = np.asarray(cv2.GaussianBlur(rng.normal(80, 12, (1500, 1700)), (0, 0), 2).clip(0, 255), np.uint8)
    lay(desk, sheet(crops[1:3], 640, 560, 225), 140, 130, 0)
    lay(desk, sheet([crops[3], crops[0]], 640, 560, 215), *((140, 810) if below else (900, 130)), 0)
    reading = PageReader(open_bundle("lines")).read(desk)
    lines = [line.text.rstrip(",.") for line in reading.lines]
    assert_reads(lines, [CARD[1], CARD[2], CARD[3], CARD[0]])


def test_a_sheet_that_is_painted_over_is_found_no_more(crops: list[Grey]) -> None:
    desk = np.full((900, 1400), 80, np.uint8)
    lay(desk, sheet(crops[:4], 640, 640, 235), 90, 110, 3)
    found = find_sheet(desk)
    assert found is not None
    bare = paint_over(desk, found)
    assert find_sheet(bare, least_share=0.03) is None
    assert bare.max() < 100


def test_a_blank_sheet_beside_a_written_one_is_no_hindrance(crops: list[Grey]) -> None:
    desk = np.full((1000, 1600), 80, np.uint8)
    lay(desk, sheet([], 640, 800, 240), 90, 110, 3)
    lay(desk, sheet(crops[1:4], 560, 340, 215), 860, 160, -4)
    assert len(PageReader(open_bundle("lines")).read(desk).lines) == 3
