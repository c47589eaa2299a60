"""Pages whose headings are several times as large as their text."""

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

LETTER = Path(__file__).parents[1] / "samples" / "letter.jpg"
TEXT = ("thank you for the three books.", "I read the first one on the train", "and could not put it down.")
PAPER = 245


@pytest.fixture(scope="module")
def crops() -> list[Grey]:
    return [line.crop for line in find_lines(read_picture(LETTER)).lines]


@pytest.fixture(scope="module")
def reader() -> PageReader:
    return PageReader(open_bundle("lines"))


def paste(page: Grey, crop: Grey, left: int, top: int) -> None:
    height, width = crop.shape
    page[top : top + height, left : left + width] = np.minimum(page[top : top + height, left : left + width], crop)


def write(crops: list[Grey], size: float) -> Grey:
    """A page that begins with "Dear Anna," so many times as large as the three lines below."""
    page = np.full((1300, 2400), PAPER, np.uint8)
    paste(page, np.asarray(cv2.resize(crops[0], None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)), 60, 40)
    for number, crop in enumerate(crops[1:4]):
        paste(page, crop, 80, round(60 + 1.2 * size * len(crops[0])) + 110 * number)
    return page


def read(reader: PageReader, page: Grey) -> list[str]:
    """The lines of a page, without what is left of rules that are as thick as letters."""
    texts = [line.text for line in reader.read(page).lines]
    return [text.rstrip(",") for text in texts if len(text) > 1]


@pytest.mark.parametrize("size", [2, 3.5, 5, 6.5])
def test_reads_a_heading_of_any_size(crops: list[Grey], reader: PageReader, size: float) -> None:
    # The largest is enlarged so far that it is a blur, of which models make more or less.
    assert_reads(read(reader, write(crops, size)), ["Dear Anna", *TEXT], edits=3)


def test_a_heading_is_read_on_ruled_paper_and_when_underlined(crops: list[Grey], reader: PageReader) -> None:
    page = write(crops, 4)
    cv2.line(page, (80, 330), (800, 336), (70,), 4)
    ruled = page.copy()
    ruled[20::100] = np.minimum(ruled[20::100], 200)
    for picture in (page, ruled):
        assert_reads(read(reader, picture), ["Dear Anna", *TEXT])


def test_a_large_drawing_and_a_frame_are_no_headings(crops: list[Grey], reader: PageReader) -> None:
    page = write(crops, 1)
    cv2.circle(page, (1380, 400), 120, (60,), 5)
    cv2.line(page, (1500, 300), (1650, 520), (60,), 5)
    cv2.rectangle(page, (1100, 700), (1500, 1000), (60,), 5)
    cv2.ellipse(page, (500, 1000), (180, 90), 20, 0, 300, (60,), 5)
    cv2.rectangle(page, (40, 118), (1180, 480), (60,), 6)
    assert_reads(read(reader, page), ["Dear Anna", *TEXT])


def test_each_column_keeps_its_heading(crops: list[Grey], reader: PageReader) -> None:
    left, right = write(crops, 3), write([crops[6], *crops[1:4]], 4)
    lines = read(reader, np.hstack([left[:, :1300], right[:, :1300]]))
    assert len(lines) == 8
    assert lines[0] == "Dear Anna"
    assert_reads([lines[3], lines[7]], [TEXT[2], TEXT[2]])


def test_without_a_reader_to_judge_them_pages_are_laid_out_by_their_text(crops: list[Grey]) -> None:
    page = write(crops, 5)
    assert len(find_lines(page).lines) >= len(TEXT)
