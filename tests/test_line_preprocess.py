"""The preprocessing of lines: same tensor whatever light, size and crop; the way back to the crop; bad input."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawn_lines import draw_line
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_hwr.errors import PictureError, UsageError
from edge_hwr.ink import open_rows
from edge_hwr.line_preprocess import (
    LinePreprocessing,
    line_preprocessing_digest,
    prepare_line,
    preprocess_line,
)

STANDARD = LinePreprocessing()
TEXT = "abc 1ca bb"


def line(*, size: float = 1.2, pen: int = 3) -> np.ndarray:
    return draw_line(TEXT, np.random.default_rng(4), size=size, pen=pen)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Cosine of the angle between the tensors of two crops, brought to one width and blurred a little."""
    a, b = (preprocess_line(crop, STANDARD)[0, :, :, 0] for crop in (one, other))
    assert a.shape[0] == b.shape[0] == 48
    b = cv2.resize(b, (a.shape[1], 48), interpolation=cv2.INTER_AREA)
    x, y = (cv2.GaussianBlur(t.astype(np.float32), (7, 7), 0).ravel() for t in (a, b))
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def shaded(crop: np.ndarray) -> np.ndarray:
    lamp = np.linspace(1.0, 0.45, crop.shape[1])
    return np.rint(crop * lamp).astype(np.uint8)


def ruled(crop: np.ndarray) -> np.ndarray:
    copy = crop.copy()
    copy[crop.shape[0] * 2 // 3] = np.minimum(copy[crop.shape[0] * 2 // 3], 150)
    return copy


def with_paper(crop: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(crop, 14, 6, 70, 25, cv2.BORDER_REPLICATE)


def climbing(crop: np.ndarray) -> np.ndarray:
    height, width = crop.shape
    shift = np.float32([[1, 0, 0], [-0.03, 1, 0.03 * width / 2 + 8]])
    return np.asarray(cv2.warpAffine(crop, shift, (width, height + 16), borderMode=cv2.BORDER_REPLICATE), np.uint8)


@pytest.mark.parametrize(
    ("other", "least"),
    [
        (line(size=2.4, pen=6), 0.95),
        (line(size=4.8, pen=12), 0.95),
        (line(pen=2), 0.93),
        (shaded(line()), 0.95),
        (ruled(line()), 0.93),
        (with_paper(line()), 0.95),
        (climbing(line()), 0.9),
    ],
    ids=["twice as large", "four times as large", "thin pen", "under a lamp", "ruled", "loosely cut", "climbing"],
)
def test_light_size_and_crop_hardly_show_in_the_tensor(other: np.ndarray, least: float):
    assert likeness(line(), other) > least


def test_a_word_written_without_lifting_the_pen_keeps_its_strokes():
    x = np.arange(20, 620)
    crop = np.full((90, 640), 230, np.uint8)
    course = np.stack([x, 45 + 6 * np.sin(x / 5)], axis=1).astype(np.int32)
    cv2.polylines(crop, [course], False, (60,), 3, cv2.LINE_AA)
    tensor = preprocess_line(crop, STANDARD)[0, :, STANDARD.margin : -STANDARD.margin, 0]
    assert (tensor.max(axis=0) > 128).mean() > 0.98


def with_hairline(grain: float) -> np.ndarray:
    """The line twice, joined by a stroke a fifth as dark, on paper whose grain has this standard deviation."""
    crop = np.hstack([line(), line()])
    paper, middle = int(np.median(crop)), crop.shape[1] // 2
    cv2.line(crop, (middle - 20, 50), (middle + 20, 30), (paper - (paper - 60) // 5,), 3, cv2.LINE_AA)
    noise = np.random.default_rng(2).normal(0, grain, crop.shape)
    return np.clip(crop + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("grain", "shown"), [(0.5, True), (12.0, False)])
def test_faint_strokes_are_ink_on_clean_paper_and_grain_is_none_on_rough(grain: float, shown: bool):
    tensor = preprocess_line(with_hairline(grain), STANDARD)[0, :, :, 0]
    middle = tensor.shape[1] // 2
    assert (tensor[:, middle - 10 : middle + 10].max(axis=0) > 20).all() == shown
    assert (tensor > 0).mean() < 0.4


def test_ink_is_white_paper_black_and_the_ends_bare():
    tensor = preprocess_line(line(), STANDARD)
    assert tensor.dtype == np.uint8
    assert tensor.shape[:2] + tensor.shape[3:] == (1, 48, 1)
    assert tensor.max() >= 250
    assert np.median(tensor) == 0
    assert tensor[:, :, : STANDARD.margin].max() == tensor[:, :, -STANDARD.margin :].max() == 0


@pytest.mark.parametrize("size", [1.2, 4.8])
def test_columns_of_the_tensor_lead_back_to_the_crop(size: float):
    crop = line(size=size, pen=round(3 * size))
    prepared = prepare_line(crop, STANDARD)
    inked = np.flatnonzero((crop < 120).any(axis=0))
    first, last = np.flatnonzero((prepared.tensor[0, :, :, 0] > 128).any(axis=0))[[0, -1]]
    assert prepared.left + first * prepared.scale == pytest.approx(inked[0], abs=3 * size)
    assert prepared.left + last * prepared.scale == pytest.approx(inked[-1], abs=3 * size)
    rows = np.flatnonzero((crop < 120).any(axis=1))
    assert prepared.top < rows.mean() < prepared.bottom


@pytest.mark.parametrize("stretched", [0.75, 1.3])
def test_narrow_and_wide_hands_come_half_the_way_together(stretched: float):
    crop = line(size=3, pen=8)
    other = cv2.resize(crop, None, fx=stretched, fy=1, interpolation=cv2.INTER_AREA)
    widths = [prepare_line(each, STANDARD).width - 2 * STANDARD.margin for each in (crop, other)]
    assert widths[1] / widths[0] == pytest.approx(stretched**0.5, rel=0.03)
    in_proportion = [prepare_line(each, LinePreprocessing(pitch=0)).width - 16 for each in (crop, other)]
    assert in_proportion[1] / in_proportion[0] == pytest.approx(stretched, rel=0.03)
    assert all(3 / 4 <= width / given <= 4 / 3 for width, given in zip(widths, in_proportion, strict=True))


def test_words_far_apart_are_no_wide_hand():
    crop = line()
    paper = np.full((crop.shape[0], 300), crop[0, 0], np.uint8)
    apart = prepare_line(np.hstack([crop, paper, crop]), STANDARD)
    together = prepare_line(crop, STANDARD)
    assert apart.scale == pytest.approx(together.scale, rel=0.03)


def test_very_long_lines_are_squeezed_into_the_widest_tensor():
    assert preprocess_line(np.tile(line(), 40), LinePreprocessing(widest=1000)).shape == (1, 48, 1000, 1)


@given(
    st.integers(1, 300), st.integers(1, 400), st.integers(0, 255), st.integers(0, 60), st.integers(0, 2**32 - 1)
)  # fmt: skip
@settings(max_examples=60)
def test_any_picture_gives_a_tensor_or_nothing(height: int, width: int, level: int, strokes: int, seed: int):
    rng = np.random.default_rng(seed)
    picture = np.full((height, width), level, np.uint8)
    for _ in range(strokes):
        y, x = rng.integers(height), rng.integers(width)
        picture[y : y + rng.integers(1, 9), x : x + rng.integers(1, 30)] = rng.integers(256)
    prepared = prepare_line(picture, STANDARD)
    assert prepared.tensor.shape == (1, 48, prepared.width, 1)
    assert prepared.width == 0 or 2 * STANDARD.margin < prepared.width <= STANDARD.widest


@pytest.mark.parametrize("picture", [np.zeros((40, 90, 3), np.uint8), np.zeros((40, 90)), np.zeros(40, np.uint8)])
def test_what_is_no_grey_picture_is_refused(picture: np.ndarray):
    with pytest.raises(PictureError, match="uint8 of shape"):
        preprocess_line(picture, STANDARD)


def test_digest_is_stable_and_tells_parameters_apart():
    # Written down so that a change of the preprocessing cannot pass unseen: shipped models would have to be retrained.
    assert line_preprocessing_digest(STANDARD) == ("b10e110697b860289095b9e74a0259064e927bf053bf40106c6359ce125e8cbc")
    assert line_preprocessing_digest(LinePreprocessing(dead_zone=31)) != line_preprocessing_digest(STANDARD)


def test_parameters_round_trip_and_refuse_what_they_do_not_know():
    assert LinePreprocessing.from_json(STANDARD.to_json()) == STANDARD
    assert LinePreprocessing.from_json({"height": 40}) == LinePreprocessing(height=40, pitch=0), "made before it"
    with pytest.raises(UsageError, match="sharpen"):
        LinePreprocessing.from_json({"sharpen": 3})
    with pytest.raises(UsageError, match="height = 2"):
        LinePreprocessing(height=2)


@pytest.mark.parametrize("wrong", [{"margin": 4096}, {"height": 7}, {"reach": 15}, {"pitch": -1}])
def test_parameters_that_make_no_tensor_are_named(wrong: dict[str, int]):
    ((name, value),) = wrong.items()
    with pytest.raises(UsageError, match=f"cannot be made with {name} = {value}$"):
        LinePreprocessing(**wrong)


@given(st.integers(8, 90), st.integers(8, 400), st.integers(0, 2**32 - 1))
def test_rules_are_what_an_opening_by_a_long_row_leaves(height: int, width: int, seed: int):
    """Printed rules are found by the opening that OpenCV has, whose result the digests of models stand for."""
    depth = np.random.default_rng(seed).integers(0, 120, (height, width)).astype(np.uint8)
    depth[height // 2] |= 128
    length = min(height * 3 // 2, width)
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (length, 1))
    assert np.array_equal(open_rows(depth, length), cv2.morphologyEx(depth, cv2.MORPH_OPEN, kernel))
