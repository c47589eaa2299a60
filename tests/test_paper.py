"""Paper: what ink looks like to a camera."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_hwr.export.paper import View, expose, photograph

CLEAN = View(texture=0.0, tilt=0.0, gradient=0.0, defocus=0.0, noise=0.0)


@pytest.fixture
def cross() -> npt.NDArray[np.uint8]:
    ink = np.zeros((40, 30), np.uint8)
    cv2.line(ink, (15, 0), (15, 39), (255,), 4)
    cv2.line(ink, (0, 20), (29, 20), (255,), 4)
    return ink


def clean(**changes: object) -> View:
    return dataclasses.replace(CLEAN, **changes)  # type: ignore[arg-type]


def test_ink_and_paper_have_the_brightness_of_the_view(cross: npt.NDArray[np.uint8]) -> None:
    picture = photograph(cross, np.random.default_rng(0), view=clean(ink=0.75, paper=0.8))
    assert picture.dtype == np.uint8
    assert picture.shape > cross.shape
    assert set(np.unique(picture)) == {round(255 * 0.8 * 0.25), round(255 * 0.8)}
    assert np.count_nonzero(picture < 100) == np.count_nonzero(cross)


@pytest.mark.parametrize("fault", [{"noise": 0.05}, {"texture": 0.05}, {"halftone": 0.3}, {"gradient": 0.4}])
def test_faults_of_paper_and_light_trouble_the_blank(fault: dict[str, float]) -> None:
    blank = np.full((60, 60), 0.8, np.float32)
    still = expose(blank, np.random.default_rng(0), CLEAN)
    troubled = expose(blank, np.random.default_rng(0), clean(**fault))
    assert still.std() == 0
    assert troubled.std() > 5


@pytest.mark.parametrize("fault", [{"defocus": 2.0}, {"motion": 6.0}])
def test_blur_lowers_the_contrast_of_edges(cross: npt.NDArray[np.uint8], fault: dict[str, float]) -> None:
    def sharpness(view: View) -> float:
        picture = photograph(cross, np.random.default_rng(0), view=view)
        return float(np.abs(cv2.Laplacian(picture, cv2.CV_32F)).max())

    assert sharpness(clean(**fault)) < 0.6 * sharpness(CLEAN)


def test_sharpening_leaves_halos_brighter_than_the_paper(cross: npt.NDArray[np.uint8]) -> None:
    view = clean(paper=0.6, sharpening=1.0)
    assert photograph(cross, np.random.default_rng(0), view=view).max() > 1.05 * 255 * 0.6


def test_a_shadow_darkens_a_part_of_the_picture() -> None:
    pictures = [
        expose(np.full((60, 60), 0.8, np.float32), np.random.default_rng(seed), clean(shadow=0.5)) for seed in range(8)
    ]
    assert min(picture.min() for picture in pictures) < 0.55 * 255 * 0.8
    assert max(picture.max() for picture in pictures) == round(255 * 0.8)


@pytest.mark.parametrize("ruling", ["lines", "squares", "box"])
def test_ruling_adds_straight_lines(cross: npt.NDArray[np.uint8], ruling: str) -> None:
    def longest(ink: npt.NDArray[np.bool_]) -> float:
        return max(ink.mean(axis=0).max(), ink.mean(axis=1).max())

    spans = [
        longest(photograph(cross, np.random.default_rng(seed), view=clean(ruling=ruling, ruling_ink=0.9)) < 100)
        for seed in range(20)
    ]
    assert max(spans) == 1.0


def test_neighbours_and_the_back_of_the_sheet_add_ink(cross: npt.NDArray[np.uint8]) -> None:
    def dark(view: View) -> int:
        return sum(int((photograph(cross, np.random.default_rng(s), view=view) < 0.83 * 255).sum()) for s in range(10))

    plain = dark(CLEAN)
    assert dark(clean(neighbours=0.15)) > plain
    assert dark(clean(show_through=0.2)) > plain


def test_jpeg_changes_the_picture_but_little(cross: npt.NDArray[np.uint8]) -> None:
    plain = photograph(cross, np.random.default_rng(0), view=CLEAN).astype(int)
    packed = photograph(cross, np.random.default_rng(0), view=clean(jpeg=50)).astype(int)
    assert 0 < np.abs(plain - packed).mean() < 12


def test_colour_is_kept_and_large_pictures_are_covered() -> None:
    light = np.ones((1100, 1300, 3), np.float32) * np.array([0.2, 0.5, 0.9], np.float32)
    picture = expose(light, np.random.default_rng(0), View(gradient=0.0))
    assert picture.shape == light.shape
    np.testing.assert_allclose(picture.mean(axis=(0, 1)), [51, 127, 229], atol=3)
    assert picture[1050:, 1250:].std() > 0


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32), height=st.integers(1, 90), width=st.integers(1, 90))
def test_any_ink_can_be_photographed_and_the_same_seed_gives_the_same(seed: int, height: int, width: int) -> None:
    ink = np.full((height, width), 255, np.uint8)
    pictures = [photograph(ink, np.random.default_rng(seed)) for _ in range(2)]
    np.testing.assert_array_equal(*pictures)
    assert pictures[0].dtype == np.uint8
    assert pictures[0].shape[0] > height
    assert pictures[0].shape[1] > width
