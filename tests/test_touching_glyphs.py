"""Digits that touch: found as one, and read as those they are."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from drawing import Grey, sheet, write
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_hwr.glyph_cuts import GlyphPieces, cut_glyph
from edge_hwr.layout import find_glyphs
from edge_hwr.preprocess import GlyphPreprocessing, preprocess_glyphs
from edge_hwr.reader import Reader
from edge_hwr.reading import REJECTED
from edge_hwr.touching_glyphs import CAUTIOUS, TAUGHT, Bounds, Suspect, bounds_of, choose_pieces, find_touching

DIGITS = "0123456789"


@cache
def reader_of(model: str) -> Reader:
    return Reader(model)


@pytest.fixture
def reader() -> Reader:
    return reader_of("digits")


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
    reading = reader_of(model).read(page)
    assert reading.text == "305\n741"
    (joined, apart) = reading.lines
    middles = [glyph.box.x + glyph.box.w / 2 for glyph in joined.glyphs]
    assert middles == sorted(middles)
    assert joined.box.x >= 245
    assert joined.box.x + joined.box.w <= 250 + sum(ink_of(d, 60).shape[1] for d in "305")
    assert all(abs(glyph.box.h - apart.box.h) < 12 for glyph in joined.glyphs)


def test_noughts_that_share_a_stroke_are_two(reader: Reader):
    page = sheet()
    write_joined(page, "5", 100, 150)
    write_joined(page, "00", 250, 150, overlap=5)
    write_joined(page, "8", 450, 150)
    assert reader.read(page).text.replace(" ", "") == "5008"


FOUR, SEVEN = 4, 7


def suspected(width: float = 1.4, *, sure: bool = True) -> Suspect:
    """A four and something else, 100 pixels high."""
    return Suspect(index=0, label=FOUR, sure=sure, width=width, height=100)


def in_pieces(*widths: int) -> GlyphPieces:
    """Pieces of these widths, side by side."""
    starts = np.concatenate([[0], np.cumsum(widths)[:-1]])
    boxes = np.array([(x, 0, w, 100) for x, w in zip(starts, widths, strict=True)], np.int32)
    spans = np.array([(k, k + 1) for k in range(len(widths))], np.int32)
    return GlyphPieces(len(widths), spans, boxes)


@pytest.mark.parametrize(
    ("suspect", "pieces", "read", "confidences"),
    [
        (suspected(), in_pieces(70, 70), (FOUR, SEVEN), (0.999, 0.985)),  # not sure enough for what was sure
        (suspected(sure=False), in_pieces(70, 70), (FOUR, SEVEN), (0.999, 0.97)),
        (suspected(), in_pieces(70, 70), (SEVEN, SEVEN), (0.999, 0.999)),  # nothing like what the whole was
        (suspected(1.2), in_pieces(75, 45), (FOUR, SEVEN), (0.999, 0.999)),  # a glyph and a stroke of it
        (suspected(1.35, sure=False), in_pieces(45, 45, 45), (1, 1, 1), (0.999, 0.999, 0.999)),  # strokes alone
        (suspected(1.4, sure=False), in_pieces(45, 45), (1, 1), (0.999, 0.999)),
        (suspected(0.9, sure=False), in_pieces(60, 30), (FOUR, 1), (0.999, 0.999)),
        (suspected(1.35), in_pieces(65, 35, 35), (FOUR, 1, 1), (0.999, 0.999, 0.999)),  # too many for the width
    ],
)
def test_pieces_that_are_no_glyphs_are_not_believed(
    suspect: Suspect, pieces: GlyphPieces, read: tuple[int, ...], confidences: tuple[float, ...]
):
    assert choose_pieces(suspect, pieces, np.array(read), np.array(confidences, np.float32), CAUTIOUS) == []


@pytest.mark.parametrize("suspect", [suspected(), suspected(sure=False)])
def test_pieces_that_are_glyphs_are_believed(suspect: Suspect):
    seen = np.array([FOUR, SEVEN]), np.array([0.995, 0.999], np.float32)
    assert choose_pieces(suspect, in_pieces(70, 70), *seen, CAUTIOUS) == [0, 1]


@pytest.mark.parametrize(
    ("suspect", "pieces", "read", "confidences"),
    [
        (suspected(0.9, sure=False), in_pieces(70, 20), (FOUR, 1), (0.999, 0.999)),  # a one that touches
        (suspected(sure=False), in_pieces(70, 70), (FOUR, SEVEN), (0.999, 0.975)),
    ],
)
def test_a_model_that_was_taught_is_believed_more_where_it_was_not_sure_of_the_whole(
    suspect: Suspect, pieces: GlyphPieces, read: tuple[int, ...], confidences: tuple[float, ...]
):
    seen = np.array(read), np.array(confidences, np.float32)
    assert choose_pieces(suspect, pieces, *seen, TAUGHT) == [0, 1]
    assert choose_pieces(replace(suspect, sure=True), pieces, *seen, TAUGHT) == []
    assert choose_pieces(suspect, pieces, seen[0], np.array([0.999, 0.965], np.float32), TAUGHT) == []


def test_what_a_model_learned_from_says_how_far_it_is_believed():
    assert bounds_of({"data": [{"source": "mnist"}, {"source": "touching"}]}) is TAUGHT
    for data in ([{"source": "mnist"}], [], None, 3, ["touching"]):
        assert bounds_of({"data": data}) is CAUTIOUS
    assert bounds_of({}) is CAUTIOUS


def suspects_of(page: Grey, *unsure: int, bounds: Bounds = CAUTIOUS) -> list[int]:
    """Which glyphs of a page may be several, when all but these are read surely."""
    found = find_glyphs(page)
    confidences = np.ones(len(found), np.float32)
    confidences[list(unsure)] = 0.1
    suspects = find_touching(found, np.arange(len(found)), confidences, 0.5, bounds, letters=False)
    return [suspect.index for suspect in suspects]


@pytest.mark.parametrize(
    ("width", "sure", "cautious", "taught"),
    [(0.55, False, False, False), (0.65, False, False, True), (0.9, False, True, True), (1.0, True, False, False),
     (1.1, True, True, True)],
)  # fmt: skip
def test_how_broad_what_may_be_several_is(width: float, sure: bool, cautious: bool, taught: bool):
    page = sheet(900, 300)
    for x in range(60, 700, 130):
        cv2.rectangle(page, (x, 100), (x + (40 if x < 580 else round(100 * width)) - 1, 199), (60,), -1)
    unsure = () if sure else (4,)
    assert suspects_of(page, *unsure) == [4] * cautious
    assert suspects_of(page, *unsure, bounds=TAUGHT) == [4] * taught


def test_of_a_broad_hand_only_what_a_taught_model_is_not_sure_of_may_be_several():
    page = sheet(900, 300)
    write_joined(page, "3535358", 60, 200, overlap=-20, stretch=1.5)
    assert suspects_of(page, 4) == suspects_of(page) == []
    assert suspects_of(page, bounds=TAUGHT) == []
    assert suspects_of(page, 4, bounds=TAUGHT) == [4]


def test_what_is_broad_is_suspected_among_digits_of_a_narrower_hand_alone():
    page = sheet(900, 300)
    write_joined(page, "3535", 60, 200, overlap=-20)
    write_joined(page, "58", 500, 200)
    assert suspects_of(page) == [4]
    assert suspects_of(page, 0, 1, 2) == []  # where most else is no digit, it is none either
    broad = sheet(900, 300)
    write_joined(broad, "35358", 60, 200, overlap=-20, stretch=1.9)
    assert suspects_of(broad) == []


@pytest.mark.parametrize("model", ["digits", "digits-nano"])
@pytest.mark.parametrize("stretch", [1.2, 1.5])
@pytest.mark.parametrize("text", ["01234", "56789", "2468", "3579"])
def test_broad_digits_stay_whole(model: str, stretch: float, text: str):
    page = sheet(900, 300)
    write_joined(page, text, 60, 200, overlap=-40, stretch=stretch)
    assert reader_of(model).read(page).text.replace(" ", "") == text


@pytest.mark.parametrize("text", ["3 4 12", "7 5 11", "6 3 8 14", "3 4 88"])
def test_blanks_are_between_numbers_whether_their_digits_touch_or_not(reader: Reader, text: str):
    page = sheet()
    x = 60
    for number in text.split():
        touching = number == "88"
        write_joined(page, number, x, 200, overlap=3 if touching else -12)
        x += 100
    assert reader.read(page).text == text


def test_every_number_of_a_column_is_read_though_all_its_digits_touch(reader: Reader):
    numbers = [f"{tens}{ones}" for tens, ones in zip("234567890234", "345678902356", strict=True)]
    page = sheet(400, 1100)
    for row, number in enumerate(numbers):
        write_joined(page, number, 100, 90 + 85 * row, size=44)
    assert reader.read(page).text.split() == numbers


def test_a_nought_that_a_comma_touches_is_no_number(reader: Reader):
    page = sheet()
    for x, text in ((60, "34"), (330, "00")):
        write_joined(page, text, x, 200, overlap=-12)
    write_joined(page, "0", 220, 200)
    cv2.line(page, (258, 196), (250, 222), (60,), 5, cv2.LINE_AA)
    assert len(reader.read(page).glyphs) == 5


def test_broad_letters_are_not_even_cut():
    page = sheet(900, 400)
    write_joined(page, "3535", 60, 200, overlap=-20)
    write_joined(page, "W", 450, 200, stretch=1.2)
    found = find_glyphs(page)
    seen = np.arange(5), np.ones(5, np.float32)
    assert find_touching(found, *seen, 0.5, TAUGHT, letters=True) == []
    assert [suspect.index for suspect in find_touching(found, *seen, 0.5, TAUGHT, letters=False)] == [4]


def test_a_letter_of_two_strokes_is_marked_and_no_number(reader: Reader):
    page = sheet()
    write(page, "52U08", 60, 200, size=60, pen=4, pitch=90)
    assert reader.read(page).text == f"52{REJECTED}08"


@given(st.text("0123456789", min_size=2, max_size=4), st.integers(16, 90), st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_pieces_are_parts_of_their_glyph(text: str, size: int, overlap: int):
    page = sheet()
    write_joined(page, text, 60, 220, size=size, overlap=overlap)
    found = find_glyphs(page)
    for index, (x, y, w, h) in enumerate(found.boxes.tolist()):
        cut = cut_glyph(found, index, float(h))
        assert cut is not None or w < h
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
