"""Frames of one scene: lines that have not changed are not read again."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_lines import write_page
from numpy.typing import NDArray

from edge_hwr.bundle import Bundle
from edge_hwr.device.assembly import run
from edge_hwr.device.settings import make_settings
from edge_hwr.reader import Reader

Grey = NDArray[np.uint8]

TEXTS = ["abc 1ba", "cab 11", "b1 aa cc"]
READINGS = 3
"""After so many frames a line is remembered."""


def seen(page: Grey, seed: int, *, down: float = 0.0, across: float = 0.0, light: float = 1.0) -> Grey:
    """A page as a camera sees it: moved a little, with noise, in other light."""
    matrix = np.array([[1, 0, across], [0, 1, down]], np.float64)
    moved = cv2.warpAffine(page, matrix, page.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    noise = np.random.default_rng(seed).normal(0, 3, page.shape)
    return np.asarray((moved * light + noise).clip(0, 255), np.uint8)


def shown(reader: Reader, page: Grey) -> None:
    """Show a page until its lines are remembered."""
    for seed in range(READINGS):
        reader.read(seen(page, seed))


@pytest.fixture
def reader(line_bundle: Bundle) -> Reader:
    return Reader(line_bundle, remember=True)


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


def test_lines_that_have_not_changed_are_not_read_again(reader: Reader, line_bundle: Bundle):
    page = write_page(TEXTS)
    assert [reader.read(seen(page, seed)).remembered for seed in range(6)] == [0, 0, 0, 3, 3, 3]
    reading = reader.read(seen(page, 7, down=1.4, across=-1.7, light=0.9))
    assert reading.remembered == 3
    assert reading.text == "\n".join(TEXTS)
    assert reading.to_json()["remembered"] == 3
    assert reading.ms["invoke"] == 0
    fresh = Reader(line_bundle).read(seen(page, 7, down=1.4, across=-1.7, light=0.9))
    for line, other in zip(reading.lines, fresh.lines, strict=True):
        # Boxes are those of the frame, to the pixel: the lines have moved.
        assert line.box == other.box
        assert [glyph.text for glyph in line.glyphs] == [glyph.text for glyph in other.glyphs]


@pytest.mark.parametrize("other", ["cab 1c", "cab 1", "cab 111", "cab 11 b", "ccab 11"])
def test_a_line_that_has_changed_is_read_again_and_it_alone(reader: Reader, other: str):
    shown(reader, write_page(TEXTS))
    reading = reader.read(seen(write_page([TEXTS[0], other, TEXTS[2]]), 9, across=0.7))
    assert reading.text.splitlines() == [TEXTS[0], other, TEXTS[2]]
    assert reading.remembered == 2


def test_a_letter_that_is_written_bit_by_bit_is_noticed(reader: Reader):
    before, after = write_page(TEXTS), write_page([TEXTS[0], "cab 11 a", TEXTS[2]])
    shown(reader, before)
    columns = np.flatnonzero((before != after).any(axis=0))
    for end in range(columns[0], columns[-1] + 2):
        drawn = before.copy()
        drawn[:, :end] = after[:, :end]
        reading = reader.read(drawn)
    assert reading.text.splitlines()[1] == "cab 11 a"


def test_lines_come_and_go(reader: Reader):
    shown(reader, write_page(TEXTS))
    assert reader.read(np.full((470, 900), 225, np.uint8)).lines == ()
    reading = reader.read(write_page(TEXTS[:2]))
    assert (reading.text, reading.remembered) == ("\n".join(TEXTS[:2]), 0)


def test_pictures_know_nothing_of_each_other(line_bundle: Bundle):
    reader = Reader(line_bundle)
    page = write_page(TEXTS)
    assert [reader.read(page).remembered for _ in range(READINGS + 2)] == [0] * (READINGS + 2)


def test_a_folder_of_pictures_is_read_picture_by_picture(line_bundle: Bundle, tmp_path: Path, stop: threading.Event):
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), write_page(TEXTS))
    settings = make_settings({}, {"source": str(tmp_path), "model": str(line_bundle.path), "quiet": True})
    tally = run(settings, stop)
    assert (tally.lines, tally.lines_remembered) == (15, 0)


def test_the_tally_of_a_run_counts_the_lines_that_were_not_read_again(
    line_bundle: Bundle, tmp_path: Path, stop: threading.Event
):
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (900, 470))
    for seed in range(6):
        writer.write(cv2.cvtColor(seen(write_page(TEXTS), seed), cv2.COLOR_GRAY2BGR))
    writer.release()
    settings = make_settings({}, {"source": str(path), "model": str(line_bundle.path), "quiet": True})
    tally = run(settings, stop)
    assert tally.lines == 3 * tally.read
    assert tally.lines_remembered == tally.lines - 3 * READINGS
