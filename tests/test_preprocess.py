"""The one preprocessing: same tensor whatever pen, light and size drew the glyph."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawing import sheet, write

from edge_hwr.errors import UsageError
from edge_hwr.layout import find_glyphs, isolate_glyph
from edge_hwr.preprocess import GlyphPreprocessing, preprocess_glyphs, preprocessing_digest

STANDARD = GlyphPreprocessing()


def tensor(picture: np.ndarray) -> np.ndarray:
    batch = preprocess_glyphs(isolate_glyph(picture), STANDARD)
    assert batch.shape == (1, 28, 28, 1)
    assert batch.dtype == np.uint8
    return batch[0, :, :, 0]


def five(*, size: int = 60, pen: int = 5, ink: int = 50, bright: int = 215) -> np.ndarray:
    page = sheet(2 * size, 2 * size, bright=bright, falloff=20, grain=1.5)
    write(page, "5", size // 2, size + size // 2, size=size, pen=pen, ink=ink)
    return page


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Cosine of the angle between two tensors, blurred by a pixel so that a shift by half a one does not count."""
    a, b = (cv2.GaussianBlur(t.astype(np.float32), (3, 3), 0).ravel() for t in (one, other))
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


@pytest.mark.parametrize(
    "other",
    [
        five(ink=150),
        five(bright=120, ink=40),
        five(size=30, pen=3),
        five(size=120, pen=10),
        five(pen=2),
        five(pen=9),
    ],
    ids=["pencil", "dusk", "small", "large", "thin pen", "thick pen"],
)
def test_light_pen_and_size_hardly_show_in_the_tensor(other: np.ndarray):
    assert likeness(tensor(five()), tensor(other)) > 0.9


def test_ink_is_white_paper_black_and_the_margin_bare():
    result = tensor(five())
    assert result.max() >= 250
    assert result[:2].max() == result[-2:].max() == result[:, :2].max() == result[:, -2:].max() == 0
    assert np.median(result) == 0


def test_neighbours_leave_no_trace():
    alone, crowded = sheet(), sheet()
    write(alone, "4", 200, 200, size=60)
    write(crowded, "4", 200, 200, size=60)
    cv2.line(crowded, (178, 205), (226, 125), (60,), 3, cv2.LINE_AA)  # a long slanted stroke across the box's corner
    expected = preprocess_glyphs(find_glyphs(alone), STANDARD)[0, :, :, 0]
    found = find_glyphs(crowded)
    index = int(np.argmin(np.abs(found.boxes - find_glyphs(alone).boxes[0]).sum(axis=1)))
    assert likeness(expected, preprocess_glyphs(found, STANDARD)[index, :, :, 0]) > 0.75


def test_no_glyphs_make_an_empty_batch():
    assert preprocess_glyphs(find_glyphs(sheet()), STANDARD).shape == (0, 28, 28, 1)


def test_one_batch_is_what_each_glyph_gives_alone():
    page = sheet()
    write(page, "0123456789", 60, 200)
    found = find_glyphs(page)
    batch = preprocess_glyphs(found, STANDARD)
    for k, (x, y, w, h) in enumerate(found.boxes.tolist()):
        alone = sheet()
        alone[y - 8 : y + h + 8, x - 4 : x + w + 4] = page[y - 8 : y + h + 8, x - 4 : x + w + 4]
        assert likeness(batch[k, :, :, 0], preprocess_glyphs(find_glyphs(alone), STANDARD)[0, :, :, 0]) > 0.95


def test_digest_is_stable_and_tells_parameters_apart():
    # Written down so that a change of the preprocessing cannot pass unseen: shipped models would have to be retrained.
    assert preprocessing_digest(STANDARD) == ("b8f5aea6eeb0caf5f4f21e5b9ea1ce2efb9c2ed110d82ec1b080d0335dd15de7")
    assert preprocessing_digest(GlyphPreprocessing(dead_zone=31)) != preprocessing_digest(STANDARD)


def test_parameters_round_trip_and_refuse_what_they_do_not_know():
    assert GlyphPreprocessing.from_json(STANDARD.to_json()) == STANDARD
    with pytest.raises(UsageError, match="sharpen"):
        GlyphPreprocessing.from_json({"sharpen": 3})
    with pytest.raises(UsageError, match="margin"):
        GlyphPreprocessing(margin=14)


def test_a_margin_that_is_no_margin_is_told_from_one_that_leaves_no_room():
    with pytest.raises(UsageError, match="one pixel at least"):
        GlyphPreprocessing(margin=0)
    with pytest.raises(UsageError, match="leaves no room in 28x28"):
        GlyphPreprocessing(margin=14)
