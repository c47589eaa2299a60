"""Pages that lie upside down or on their side are read all the same, and the reading says so."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_hwr import line_reader
from edge_hwr.bundle import open_bundle
from edge_hwr.ctc import decode_greedy
from edge_hwr.device.settle import Settler
from edge_hwr.language_model import open_language_model
from edge_hwr.metrics import character_error_rate
from edge_hwr.picture import read_picture
from edge_hwr.quarter_turns import turn, turn_box_back
from edge_hwr.reader import Reader
from edge_hwr.reading import Box

SAMPLES = Path(__file__).parents[1] / "samples"
TEXT = (SAMPLES / "letter.txt").read_text("utf-8").strip()
QUARTERS = (0, 90, 180, 270)


@pytest.fixture(scope="module")
def page() -> NDArray[np.uint8]:
    """A photographed letter; the numbers of its rows and columns differ."""
    return read_picture(SAMPLES / "letter.jpg")


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(QUARTERS), st.data())
def test_boxes_come_back_from_turned_pictures(height: int, width: int, degrees: int, data: st.DataObject):
    grey = np.arange(height * width).reshape(height, width).astype(np.uint8)
    turned = turn(grey, degrees)
    x, y = data.draw(st.integers(0, turned.shape[1] - 1)), data.draw(st.integers(0, turned.shape[0] - 1))
    w, h = data.draw(st.integers(1, turned.shape[1] - x)), data.draw(st.integers(1, turned.shape[0] - y))
    left, top, wide, high = turn_box_back(Box(x, y, w, h), degrees, grey.shape)
    back = grey[top : top + high, left : left + wide]
    assert np.array_equal(turn(np.ascontiguousarray(back), degrees), turned[y : y + h, x : x + w])


@pytest.mark.parametrize("degrees", QUARTERS)
def test_pages_are_read_whichever_way_they_lie(page: NDArray[np.uint8], degrees: int):
    turned = turn(page, degrees)
    reading = Reader("lines").read(turned)
    assert reading.turned == -degrees % 360
    assert reading.to_json()["turned"] == reading.turned
    assert character_error_rate([TEXT], [reading.text]) < 0.08
    assert (reading.height, reading.width) == turned.shape
    paper = np.median(turned)
    for line in reading.lines:
        for glyph in line.glyphs:
            if glyph.text != " ":
                x, y, w, h = glyph.box
                assert turned[y : y + h, x : x + w].min() < 0.7 * paper, "it stands on its ink"


def test_a_page_is_searched_by_its_lexicon_only_once_it_is_known_how_it_lies(
    page: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
):
    searched: list[int] = []
    decode = line_reader.decode_beam

    def count(scores, labels, **options):
        searched.append(len(scores))
        return decode(scores, labels, **options)

    monkeypatch.setattr(line_reader, "decode_beam", count)
    reader = Reader("lines", lexicon="en")
    upright = reader.read(page).text
    assert len(searched) == len(TEXT.splitlines())
    for degrees in (90, 180):
        searched.clear()
        assert character_error_rate([upright], [reader.read(turn(page, degrees)).text]) < 0.02
        assert len(searched) == len(TEXT.splitlines())


def test_what_is_no_writing_is_not_searched_by_a_lexicon(monkeypatch: pytest.MonkeyPatch):
    searched: list[int] = []
    monkeypatch.setattr(line_reader, "decode_beam", lambda scores, labels, **_: searched.append(1) or decode(scores))
    decode = partial(decode_greedy, labels=open_bundle("lines").labels)
    reader = line_reader.LineReader(open_bundle("lines"), lexicon=open_language_model("en"))
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(150, 90, (60, 600)).clip(0, 255).astype(np.uint8)
        reader.read(np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), np.uint8))
    assert len(searched) <= 2


@pytest.mark.parametrize("name", ["note", "meter-form", "puzzle"])
def test_pages_of_figures_are_found_to_lie_on_their_side(name: str):
    """They make some sense that way, too."""
    page = read_picture(SAMPLES / f"{name}.jpg")
    assert Reader("lines").read(turn(page, 90)).turned == 270


def test_a_sheet_on_a_carpet_is_read_and_the_carpet_is_not(page: NDArray[np.uint8]):
    """The pattern looks like more lines than there are on the sheet."""
    height, width = page.shape
    wool = np.random.default_rng(0).normal(0, 240, (height * 8 // 5, width * 8 // 5)).astype(np.float32)
    carpet = (80 + 1.3 * cv2.GaussianBlur(wool, (0, 0), 4)).clip(0, 255).astype(np.uint8)
    top, left = height * 3 // 10, width * 3 // 10
    carpet[top : top + height, left : left + width] = page
    reading = Reader("lines").read(carpet)
    assert reading.turned == 0
    assert character_error_rate([TEXT], [reading.text]) < 0.08


@pytest.mark.parametrize("degrees", [27, 45, 70, 134, 160, 223, 251, 315])
def test_a_sheet_on_a_table_is_read_at_any_angle(page: NDArray[np.uint8], degrees: int):
    height, width = page.shape
    side = math.ceil(1.1 * math.hypot(height, width))
    onto = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    onto[:, 2] += (side - width) / 2, (side - height) / 2
    grain = np.random.default_rng(degrees).normal(0, 60, (side, side)).astype(np.float32)
    table = (90 + cv2.GaussianBlur(grain, (0, 0), 2)).clip(0, 255).astype(np.uint8)
    there = cv2.warpAffine(np.full_like(page, 255), onto, (side, side), flags=cv2.INTER_NEAREST) > 0
    table[there] = cv2.warpAffine(page, onto, (side, side), flags=cv2.INTER_LINEAR)[there]
    reading = Reader("lines").read(table)
    assert character_error_rate([TEXT], [reading.text]) < 0.08
    for line in reading.lines:
        x, y, w, h = line.box
        assert there[y + h // 2, x + w // 2]


@pytest.mark.parametrize("degrees", [-44, -31, 22, 38, 63, 207])
def test_a_page_whose_edges_are_not_seen_is_read_at_any_angle(page: NDArray[np.uint8], degrees: int):
    height, width = page.shape
    side = math.ceil(1.1 * math.hypot(height, width))
    onto = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    onto[:, 2] += (side - width) / 2, (side - height) / 2
    turned = cv2.warpAffine(page, onto, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    reading = Reader("lines").read(np.asarray(turned, np.uint8))
    assert character_error_rate([TEXT], [reading.text]) < 0.08


def test_a_page_the_right_way_up_is_read_once(page: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch):
    read: list[int] = []
    original = cv2.connectedComponentsWithStats
    monkeypatch.setattr(cv2, "connectedComponentsWithStats", lambda *a, **k: read.append(1) or original(*a, **k))
    reader = Reader("lines")
    reader.read(page)
    once = len(read)
    read.clear()
    reader.read(turn(page, 180))
    assert once < len(read) <= 3 * once  # on its side as well, and again the right way up


def test_frames_are_first_read_the_way_the_last_one_was(page: NDArray[np.uint8]):
    reader = Reader("lines", remember=True)
    readings = [reader.read(turn(page, 180)) for _ in range(5)]
    assert {reading.text for reading in readings} == {readings[0].text}
    assert {reading.turned for reading in readings} == {180}
    assert readings[-1].remembered == len(TEXT.splitlines())
    again = reader.read(page)
    assert again.turned == 0
    assert character_error_rate([TEXT], [again.text]) < 0.08


@pytest.mark.parametrize("degrees", QUARTERS)
def test_text_settles_in_the_direction_of_the_writing(page: NDArray[np.uint8], degrees: int):
    reading = Reader("lines").read(turn(page, degrees))
    settler = Settler(0.0, 1)
    settled = None
    for frame in range(3):
        settled = settler.update(reading, float(frame)) or settled
    assert settled is not None
    assert settled.text == reading.text
    assert character_error_rate([TEXT], [settled.text]) < 0.08
    assert settled.turned == reading.turned


def test_light_lines_on_dark_are_remembered_like_others(page: NDArray[np.uint8]):
    board, reader = np.asarray(255 - np.maximum(page, 60), np.uint8), Reader("lines", remember=True)
    readings = [reader.read(board) for _ in range(5)]
    assert all(reading.inverted for reading in readings)
    assert readings[-1].remembered == len(TEXT.splitlines())
    assert not reader.read(page).inverted
