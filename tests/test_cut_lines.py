"""Lines that the edge of the picture cuts in two: half of a line makes no sense, and is no text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reading_checks import assert_reads

from edge_hwr.bundle import open_bundle
from edge_hwr.ink import Grey
from edge_hwr.page_layout import find_lines
from edge_hwr.page_reader import PageReader
from edge_hwr.picture import read_picture
from edge_hwr.quarter_turns import turn

LETTER = Path(__file__).parents[1] / "samples" / "letter.jpg"
INNER = ["thank you for the three books.", "I read the first one on the train", "and could not put it down."]
PITCH, TOP = 110, 40


@pytest.fixture(scope="module")
def reader() -> PageReader:
    return PageReader(open_bundle("lines"))


@pytest.fixture(scope="module")
def page() -> Grey:
    """The beginning of a letter twice, one under the other: a line every `PITCH` pixels from `TOP` on."""
    crops = [line.crop for line in find_lines(read_picture(LETTER)).lines[:4]]
    page = np.full((2 * TOP + PITCH * 8, 1500), 245, np.uint8)
    for number, crop in enumerate([*crops, *crops]):
        place = page[TOP + PITCH * number :, 60:][: crop.shape[0], : crop.shape[1]]
        np.minimum(place, crop, out=place)
    return page


@pytest.mark.parametrize("degrees", [0, 90, 180])
def test_lines_cut_in_two_are_left_out_and_the_others_read(reader: PageReader, page: Grey, degrees: int) -> None:
    cut = page[TOP + 40 : TOP + 4 * PITCH + 36]  # the lower half of the first line, the upper one of the fifth
    read = [line.text for line in reader.read(turn(np.ascontiguousarray(cut), degrees)).lines]
    assert_reads([text[-12:] for text in read], [text[-12:] for text in INNER], edits=3)


def test_whole_lines_at_the_edges_are_read(reader: PageReader, page: Grey) -> None:
    tight = np.ascontiguousarray(page[TOP + PITCH : TOP + 3 * PITCH + 75])
    assert len(reader.read(tight).lines) == 3


def test_a_line_that_fills_the_picture_is_read(reader: PageReader, page: Grey) -> None:
    strip = page[TOP + 3 * PITCH : TOP + 3 * PITCH + 72]
    inked = np.flatnonzero((strip < 150).any(axis=1))
    (line,) = reader.read(np.ascontiguousarray(strip[inked[0] : inked[-1] + 1])).lines
    assert_reads([line.text], [INNER[-1]])
