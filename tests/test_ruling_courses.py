"""Remains of ruling between words and before them, cut off by writing and margin lines."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_hwr.page_layout import find_lines
from edge_hwr.picture import read_picture
from edge_hwr.ruling_courses import find_continuations

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.mark.parametrize("slope", [-0.03, 0.0, 0.02])
def test_short_pieces_of_a_rule_are_told_from_strokes(slope: float):
    ruling, pieces = np.zeros((240, 600), np.uint8), np.zeros((240, 600), np.uint8)
    for y in (60, 120, 180):
        cv2.line(ruling, (300, round(y + 300 * slope)), (599, round(y + 599 * slope)), (255,), 2)
        for x in (20, 90, 200):
            cv2.line(pieces, (x, round(y + x * slope)), (x + 12, round(y + (x + 12) * slope)), (255,), 2)
    strokes = np.zeros_like(pieces)
    cv2.putText(strokes, "ill - to", (10, 100), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (255,), 3)
    strokes &= ~(ruling | pieces)
    found = find_continuations(ruling | pieces | strokes, ruling)
    assert np.count_nonzero(found & pieces) > 0.9 * np.count_nonzero(pieces & ~ruling)
    assert np.count_nonzero(found & strokes) < 0.03 * np.count_nonzero(strokes)


def test_a_page_without_ruling_keeps_its_dashes():
    page = np.zeros((200, 300), np.uint8)
    cv2.line(page, (40, 100), (70, 100), (255,), 2)
    assert not find_continuations(page, np.zeros_like(page)).any()


def test_lines_on_ruled_paper_begin_with_their_writing():
    picture = read_picture(SAMPLES / "letter.jpg")
    lines = find_lines(picture).lines
    assert len(lines) == len((SAMPLES / "letter.txt").read_text("utf-8").splitlines())
    margin = 85  # where the sheet's red line runs, at the most
    assert min(line.box.x for line in lines) > margin
