"""Bubbles and boxes around words."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from reading_checks import assert_reads

from edge_hwr.bundle import open_bundle
from edge_hwr.enclosures import find_enclosures
from edge_hwr.ink import Grey
from edge_hwr.page_layout import find_lines
from edge_hwr.page_reader import PageReader
from edge_hwr.picture import read_picture

LETTER = Path(__file__).parents[1] / "samples" / "letter.jpg"
TEXT = [
    "Dear Anna,",
    "thank you for the three books.",
    "I read the first one on the train",
    "and could not put it down.",
]


@pytest.fixture(scope="module")
def reader() -> PageReader:
    return PageReader(open_bundle("lines"))


@pytest.fixture
def page() -> Grey:
    """The first lines of the letter, 200 pixels apart."""
    sheet = np.full((1000, 1400), 245, np.uint8)
    for number, line in enumerate(find_lines(read_picture(LETTER)).lines[:4]):
        height, width = line.crop.shape
        sheet[100 + 200 * number :, 150:][:height, :width] = line.crop
    return sheet


def lines(reader: PageReader, page: Grey) -> list[str]:
    return [line.text for line in reader.read(page).lines]


@pytest.mark.parametrize("gap", [0, 8])
def test_circled_and_boxed_words_are_read_without_what_is_around_them(reader: PageReader, page: Grey, gap: int) -> None:
    cv2.ellipse(page, (330, 132), (260, 70), 0, gap, 360, (70,), 4)
    cv2.ellipse(page, (640, 355), (560, 85), 0, gap, 360, (70,), 4)
    cv2.rectangle(page, (120, 690), (1010, 790), (70,), 4)
    assert_reads(lines(reader, page), TEXT)


def test_bubbles_that_strokes_connect_are_read(reader: PageReader) -> None:
    """A map of five bubbles, higher than all letters, that are one piece of ink."""
    sheet = np.full((1200, 1800), 245, np.uint8)
    crops = [line.crop for line in find_lines(read_picture(LETTER)).lines[:4]]
    places = [(900, 600, 0, 330), (350, 200, 0, 330), (1400, 220, 1, 250), (360, 1000, 2, 240), (1420, 980, 3, 200)]
    for x, y, _, _ in places[1:]:
        cv2.line(sheet, (900, 600), (x, y), (70,), 4)
    for x, y, number, width in places:
        crop = crops[number][:, :width]
        cv2.ellipse(sheet, (x, y), (width // 2 + 60, 95), 0, 0, 360, (245,), cv2.FILLED)
        cv2.ellipse(sheet, (x, y), (width // 2 + 60, 95), 0, 0, 360, (70,), 4)
        top, left = y - crop.shape[0] // 2, x - width // 2
        sheet[top : top + crop.shape[0], left : left + width] = crop
    ink = np.where(sheet < 180, 255, 0).astype(np.uint8)
    assert cv2.connectedComponentsWithStats(ink)[2][1:, 2].max() > 1200
    read = lines(reader, sheet)
    assert_reads(read, ["Dear Anna thank yo", "Dear Anna", "I read and co"])


def test_a_letter_that_touches_the_outline_stays(page: Grey) -> None:
    ink = np.where(page < 180, 255, 0).astype(np.uint8)
    tip = int(np.flatnonzero(ink[100:170].any(axis=0))[0])
    row = 100 + int(np.flatnonzero(ink[100:170, tip])[0])
    cv2.ellipse(ink, (tip + 240, row), (242, 90), 0, 0, 360, (255,), 4)
    outline = find_enclosures(ink)
    assert np.count_nonzero(outline) > 2000
    assert not outline[row - 15 : row + 15, tip + 40 : tip + 400].any()


def test_writing_and_lonely_rings_are_no_outlines(page: Grey) -> None:
    ink = np.where(page < 180, 255, 0).astype(np.uint8)
    cv2.ellipse(ink, (700, 930), (300, 50), 0, 0, 360, (255,), 4)  # around nothing
    cv2.line(ink, (150, 160), (600, 165), (255,), 4)
    assert not find_enclosures(ink).any()
    assert not find_enclosures(np.zeros((5, 5), np.uint8)).any()


def test_the_names_of_what_is_filled_in_are_read_with_it(reader: PageReader, page: Grey) -> None:
    """A form: as in columns, but each line of the left one ends in a colon."""
    form = np.full((1000, 2000), 245, np.uint8)
    form[:, 900:] = page[:, 100:1200]
    for number, name in enumerate(("Name:", "Street:", "Town:", "Notes:")):
        cv2.putText(form, name, (60, 150 + 200 * number), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (60,), 4, cv2.LINE_AA)
    read = lines(reader, form)
    assert len(read) == 4
    assert all(": " in line for line in read)
