"""Margins and walls of tables beside what is written: drawn by hand, and in a sample."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from drawing import sheet
from numpy.typing import NDArray

from edge_hwr.page_layout import find_lines
from edge_hwr.picture import read_picture
from edge_hwr.reader import Reader

Grey = NDArray[np.uint8]

SAMPLES = Path(__file__).parents[1] / "samples"
CELLS = (("name", "age", "team"), ("Oliver", "1", "red"), ("Grace", "27", "blue"), ("Henry", "13", "red"))


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader("lines")


def table(*, wander: int, ink: int, seed: int) -> Grey:
    """Cells written close to walls that a hand drew without a ruler."""
    rng = np.random.default_rng(seed)
    page = sheet(1100, 900, bright=230, falloff=30)
    lefts, top, pitch = (100, 460, 760, 1000), 120, 140

    def draw(points: list[tuple[int, int]]) -> None:
        cv2.polylines(page, [np.array(points, np.int32)], isClosed=False, color=(ink,), thickness=4)

    for x in lefts:
        draw([(x + int(rng.integers(-wander, wander + 1)), top + pitch * row // 2) for row in range(9)])
    for row in range(5):
        draw([(x, top + row * pitch + int(rng.integers(-wander, wander + 1))) for x in range(100, 1001, 150)])
    for row, cells in enumerate(CELLS):
        for x, text in zip(lefts, cells, strict=False):
            place = (x + 30, top + 95 + row * pitch)
            cv2.putText(page, text, place, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 1.8, (50,), 4, cv2.LINE_AA)
    return page


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("wander", "ink"), [(0, 60), (4, 60), (4, 90)])
def test_the_walls_of_a_table_are_read_with_no_cell(reader: Reader, wander: int, ink: int, seed: int) -> None:
    reading = reader.read(table(wander=wander, ink=ink, seed=seed))
    rows = [line.text.split() for line in reading.lines]
    assert [len("".join(row)) for row in rows] == [len("".join(cells)) for cells in CELLS]
    assert [row[-1] for row in rows] == [cells[-1] for cells in CELLS]


def test_a_margin_is_not_read_before_the_lines_beside_it(reader: Reader) -> None:
    reading = reader.read(read_picture(SAMPLES / "phone-list.jpg"))
    assert [line.text.split()[0] for line in reading.lines] == ["06", "07", "04", "05", "09"]


def test_what_crosses_a_margin_is_cut_out_whole() -> None:
    page = sheet(1000, 700, bright=230, falloff=30)
    for row in range(5):
        cv2.putText(page, "Minimum", (70, 130 + 110 * row), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 2, (50,), 4, cv2.LINE_AA)
    plain = [line.crop for line in find_lines(page).lines]
    crossed = page.copy()
    cv2.line(crossed, (180, 0), (184, 699), (120,), 3)
    cut = [line.crop for line in find_lines(crossed).lines]
    assert len(cut) == len(plain) == 5
    for crop, other in zip(cut, plain, strict=True):
        assert np.count_nonzero(crop < 110) > 0.93 * np.count_nonzero(other < 110)
