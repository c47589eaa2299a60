"""Pages that lie upside down or on their side are read all the same, and the reading says so."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawn_lines import write_page
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_hwr.bundle import Bundle
from edge_hwr.device.settle import Settler
from edge_hwr.quarter_turns import turn, turn_box_back
from edge_hwr.reader import Reader
from edge_hwr.reading import Box

TEXTS = ["1a", "cccab1", "b abb c"]
QUARTERS = (0, 90, 180, 270)


@pytest.fixture(autouse=True)
def quick_to_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model of the tests knows four characters and is surer of nonsense than one that knows hundreds."""
    monkeypatch.setattr("edge_hwr.line_reader._SENSELESS", 0.8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
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
def test_pages_are_read_whichever_way_they_lie(line_bundle: Bundle, degrees: int):
    page = turn(write_page(TEXTS), degrees)
    reading = Reader(line_bundle).read(page)
    assert reading.turned == -degrees % 360
    assert reading.to_json()["turned"] == reading.turned
    assert reading.text == "\n".join(TEXTS)
    assert (reading.height, reading.width) == page.shape
    for line in reading.lines:
        for glyph in line.glyphs:
            x, y, w, h = glyph.box
            assert page[y : y + h, x : x + w].min() < 120  # it stands on its ink


def test_a_page_the_right_way_up_is_read_once(line_bundle: Bundle, monkeypatch: pytest.MonkeyPatch):
    read: list[int] = []
    original = cv2.connectedComponentsWithStats
    monkeypatch.setattr(cv2, "connectedComponentsWithStats", lambda *a, **k: read.append(1) or original(*a, **k))
    reader = Reader(line_bundle)
    reader.read(write_page(TEXTS))
    once = len(read)
    read.clear()
    reader.read(turn(write_page(TEXTS), 180))
    assert once < len(read) <= 3 * once  # on its side as well, and again the right way up


def test_frames_are_first_read_the_way_the_last_one_was(line_bundle: Bundle):
    reader = Reader(line_bundle, remember=True)
    upside_down = turn(write_page(TEXTS), 180)
    readings = [reader.read(upside_down) for _ in range(5)]
    assert {reading.text for reading in readings} == {"\n".join(TEXTS)}
    assert {reading.turned for reading in readings} == {180}
    assert readings[-1].remembered == 3
    again = reader.read(write_page(TEXTS))
    assert (again.text, again.turned) == ("\n".join(TEXTS), 0)


@pytest.mark.parametrize("degrees", QUARTERS)
def test_text_settles_in_the_direction_of_the_writing(line_bundle: Bundle, degrees: int):
    reading = Reader(line_bundle).read(turn(write_page(TEXTS), degrees))
    settler = Settler(0.0, 1)
    settled = None
    for frame in range(3):
        settled = settler.update(reading, float(frame)) or settled
    assert settled is not None
    assert settled.text == "\n".join(TEXTS)
    assert settled.turned == reading.turned
