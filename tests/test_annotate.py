"""Annotated pictures: marks where the glyphs are and nowhere else, in colours that tell how sure the model is."""

from __future__ import annotations

import numpy as np
import pytest
from drawing import Grey, sheet, write
from numpy.typing import NDArray

from edge_hwr.annotate import annotate
from edge_hwr.reading import Box, Glyph, Line, Reading


def reading_of(page: NDArray[np.uint8], *glyphs: Glyph) -> Reading:
    line = Line("".join(glyph.text for glyph in glyphs), 1.0, Box(0, 0, 1, 1), glyphs)
    return Reading(page.shape[1], page.shape[0], "digits", (line,) if glyphs else ())


@pytest.fixture
def page() -> Grey:
    page = sheet(1000, 700, grain=0)
    write(page, "47", 300, 400, size=80, pen=6, pitch=300)
    return page


def test_a_box_and_a_name_stand_at_each_glyph_and_nowhere_else(page: Grey) -> None:
    boxes = [Box(295, 315, 80, 95), Box(595, 315, 80, 95)]
    drawn = annotate(page, reading_of(page, Glyph("4", 0.99, boxes[0]), Glyph("7", 0.99, boxes[1])))
    assert (drawn.shape, drawn.dtype) == ((700, 1000, 3), np.uint8)
    changed = (drawn.astype(int) - page[..., np.newaxis] != 0).any(axis=2)
    for x, y, w, h in boxes:
        assert changed[y : y + h, x : x + w].mean() > 0.9, "the box is tinted"
        assert changed[y - 20 : y - 6, x + w // 2 - 8 : x + w // 2 + 8].all(), "its name stands above"
        changed[y - 45 : y + h + 8, x - 8 : x + w + 8] = False
    assert not changed.any()
    assert drawn is not page


def test_colour_tells_the_confidence(page: Grey) -> None:
    box = Box(295, 315, 80, 95)

    def edge(confidence: float, rejected: bool = False) -> tuple[int, int, int]:
        drawn = annotate(page, reading_of(page, Glyph("4", confidence, box, rejected)))
        # The outline stands two pens left of the box.
        blue, green, red = (int(value) for value in drawn[360, 293])
        return blue, green, red

    blue, green, red = edge(0.99)
    assert green > max(blue, red)
    blue, green, red = edge(0.8)
    assert red > green > blue
    blue, green, red = edge(0.3)
    assert red > 1.5 * max(blue, green)
    blue, green, red = edge(0.3, rejected=True)
    assert max(blue, green, red) - min(blue, green, red) < 30


def test_a_rejected_glyph_is_not_named(page: Grey) -> None:
    box = Box(295, 315, 80, 95)
    four, seven = (annotate(page, reading_of(page, Glyph(text, 0.2, box, True))) for text in "47")
    np.testing.assert_array_equal(four, seven)
    assert (annotate(page, reading_of(page, Glyph("4", 0.2, box))) != four).any()


@pytest.mark.parametrize("text", "éÇœß€«")
def test_no_name_looks_like_that_of_a_rejected_glyph(page: Grey, text: str) -> None:
    box = Box(295, 315, 80, 95)
    named, *asked = (annotate(page, reading_of(page, Glyph(name, 0.99, box))) for name in (text, "?", "??", "???"))
    assert all((named != questions).any() for questions in asked)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (28, 28), (640, 480), (2000, 30)])
def test_pictures_and_boxes_of_any_size_are_drawn(width: int, height: int) -> None:
    page = sheet(width, height)
    whole, corner = Glyph("0", 0.9, Box(0, 0, width, height)), Glyph("1", 0.1, Box(0, 0, 1, 1), True)
    drawn = annotate(page, reading_of(page, whole, corner))
    assert max(drawn.shape[:2]) >= 900
    assert drawn.shape[0] * width == drawn.shape[1] * height


def test_a_colour_picture_without_text_stays_as_it_is() -> None:
    page = np.random.default_rng(1).integers(0, 255, (600, 950, 3), dtype=np.uint8)
    np.testing.assert_array_equal(annotate(page, reading_of(page)), page)
