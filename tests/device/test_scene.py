"""What counts as a change in front of the camera, and what seeing that costs."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_hwr.bundle import Bundle
from edge_hwr.device.scene import Scene
from edge_hwr.reader import Reader

sys.path.insert(0, str(Path(__file__).parents[1]))
from drawing import sheet, write

RNG = np.random.default_rng(3)


def seen(page: np.ndarray, grain: float = 4.0) -> np.ndarray:
    """The page as a sensor sees it: each time with other noise."""
    return np.clip(page + RNG.normal(0, grain, page.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def page() -> np.ndarray:
    paper = sheet(1280, 720)
    write(paper, "0123456789", 200, 300)
    return paper


def test_noise_and_light_are_no_change(page: np.ndarray) -> None:
    scene = Scene()
    assert scene.changed(seen(page))
    assert not any(scene.changed(seen(page)) for _ in range(50))
    assert not scene.changed(seen(np.clip(page.astype(int) - 12, 0, 255)))


@pytest.mark.parametrize("pen", [2, 5])
def test_a_stroke_is_a_change(page: np.ndarray, pen: int) -> None:
    scene = Scene()
    scene.changed(seen(page))
    cv2.line(page, (640, 500), (655, 530), (150,), pen, cv2.LINE_AA)
    assert scene.changed(seen(page))
    assert not scene.changed(seen(page))


def test_a_page_that_is_moved_a_little_has_changed(page: np.ndarray) -> None:
    scene = Scene()
    scene.changed(seen(page))
    assert scene.changed(seen(np.roll(page, 3, axis=1)))


def test_slow_changes_add_up(page: np.ndarray) -> None:
    scene = Scene()
    scene.changed(page)
    shadow = np.zeros(page.shape)
    shadow[:, 700:] = 1.0
    assert any(scene.changed(np.clip(page - step * shadow, 0, 255).astype(np.uint8)) for step in range(1, 30))


def test_frames_of_any_size() -> None:
    scene = Scene()
    for shape in ((1, 1), (7, 3), (480, 640), (481, 643)):
        blank = np.zeros(shape, np.uint8)
        assert scene.changed(blank)
        assert not scene.changed(blank)


def test_looking_costs_a_tenth_of_a_reading_at_most(page: np.ndarray, drawn_bundle: Bundle) -> None:
    for top in range(80, 700, 150):  # forty glyphs and a few, as on a page that is being read
        write(page, "0123456789", 200, top)

    def cost(work: object) -> float:
        costs = []
        for _ in range(60):
            start = time.process_time()
            work(page)  # type: ignore[operator]
            costs.append(time.process_time() - start)
        return min(costs)

    cv2.setNumThreads(1)  # as `run` does; idle threads of OpenCV would be counted as work
    scene = Scene()
    scene.changed(page)
    assert cost(scene.changed) < 0.1 * cost(Reader(drawn_bundle).read)
