"""Digits that touch: found as one, and read as those they are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawing import Grey, sheet, write
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_hwr.glyph_cuts import cut_glyph
from edge_hwr.layout import find_glyphs
from edge_hwr.preprocess import GlyphPreprocessing, preprocess_glyphs
from edge_hwr.reader import Reader
from edge_hwr.reading import REJECTED

DIGITS = "0123456789"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader("digits")


def ink_of(digit: str, size: int, pen: int = 4) -> Grey:
    """A digit, 255 on 0, cut to its sides: uint8 (3 * size, W), its foot at 2 * size."""
    ink = np.zeros((3 * size, 3 * size), np.uint8)
    cv2.putText(ink, digit, (size, 2 * size), cv2.FONT_HERSHEY_SIMPLEX, size / 21, (255,), pen, cv2.LINE_AA)
    x, _, w, _ = cv2.boundingRect((ink > 60).astype(np.uint8))
    return ink[:, x : x + w]


def write_joined(
    page: Grey, text: str, x: int, y: int, *, size: int = 60, overlap: int = 3, stretch: float = 1
) -> None:
    """Digits from (x, y) on, each so many pixels into the one before."""
    for digit in text:
        ink = cv2.resize(ink_of(digit, size), None, fx=stretch, fy=1, interpolation=cv2.INTER_AREA)
        share = ink.astype(np.float32) / 255
        view = page[y - 2 * size : y + size, x : x + ink.shape[1]]
        view[:] = (view * (1 - share) + 60 * share).astype(np.uint8)
        x += ink.shape[1] - overlap


def test_two_digits_that_touch_are_read_as_two(reader: Reader):
    misread = []
    for pair in (first + second for first in DIGITS for second in DIGITS):
        page = sheet()
        write_joined(page, "5", 100, 150)
        write_joined(page, pair, 250, 150)
        write_joined(page, "8", 450, 150)
        reading = reader.read(page)
        if reading.text.replace(" ", "") != f"5{pair}8":
            misread.append((pair, reading.text))
    assert len(misread) <= 3, misread


@pytest.mark.parametrize("model", ["digits", "digits-nano"])
def test_three_digits_that_touch_are_read_where_they_stand(model: str):
    page = sheet()
    write_joined(page, "305", 250, 150)
    write_joined(page, "741", 250, 350, overlap=-20)
    reading = Reader(model).read(page)
    assert reading.text == "305\n741"
    (joined, apart) = reading.lines
    middles = [glyph.box.x + glyph.box.w / 2 for glyph in joined.glyphs]
    assert middles == sorted(middles)
    assert joined.box.x >= 245
    assert joined.box.x + joined.box.w <= 250 + sum(ink_of(d, 60).shape[1] for d in "305")
    assert all(abs(glyph.box.h - apart.box.h) < 12 for glyph in joined.glyphs)


@pytest.mark.parametrize("stretch", [1.2, 1.5])
def test_broad_digits_stay_whole(reader: Reader, stretch: float):
    page = sheet(900, 600)
    write_joined(page, "01234", 60, 200, overlap=-40, stretch=stretch)
    write_joined(page, "56789", 60, 450, overlap=-40, stretch=stretch)
    assert reader.read(page).text.replace(" ", "") == "01234\n56789"


def test_a_letter_of_two_strokes_is_marked_and_no_number(reader: Reader):
    page = sheet()
    write(page, "52U08", 60, 200, size=60, pen=4, pitch=90)
    assert reader.read(page).text == f"52{REJECTED}08"


def test_letters_that_are_broad_stay_whole():
    page = sheet(900, 400)
    write(page, "MWmw HM", 60, 200, size=80, pen=4, pitch=110)
    assert len(Reader("characters").read(page).glyphs) == 6


@given(st.text("0123456789", min_size=2, max_size=4), st.integers(16, 90), st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_pieces_are_parts_of_their_glyph(text: str, size: int, overlap: int):
    page = sheet()
    write_joined(page, text, 60, 220, size=size, overlap=overlap)
    found = find_glyphs(page)
    for index, (x, y, w, h) in enumerate(found.boxes.tolist()):
        cut = cut_glyph(found, index, float(h))
        if cut is None:
            continue
        pieces, layout = cut
        assert len(pieces) == len(layout) == len(pieces.boxes)
        assert (pieces.spans[:, 0] < pieces.spans[:, 1]).all()
        assert pieces.spans.max() <= pieces.count
        assert (pieces.boxes[:, :2] >= (x, y)).all()
        assert (pieces.boxes[:, :2] + pieces.boxes[:, 2:] <= (x + w, y + h)).all()
        tensors = preprocess_glyphs(layout, GlyphPreprocessing())
        assert (tensors.max(axis=(1, 2, 3)) > 200).all()
