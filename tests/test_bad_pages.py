"""Pictures that are no page of handwriting: a clear result in bounded time and memory, whatever they show."""

from __future__ import annotations

import resource
import time
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge_hwr import commands
from edge_hwr.bundle import Bundle
from edge_hwr.page_layout import find_lines
from edge_hwr.picture import write_picture
from edge_hwr.reader import Reader
from edge_hwr.reading import Reading

Grey = NDArray[np.uint8]


@pytest.fixture(scope="module")
def reader(line_bundle: Bundle) -> Reader:
    return Reader(line_bundle)


def check(reading: Reading, grey: Grey) -> None:
    """What holds for every reading."""
    assert (reading.height, reading.width) == grey.shape
    for line in reading.lines:
        assert line.text
        for box in (line.box, *(glyph.box for glyph in line.glyphs)):
            assert min(box.x, box.y) >= 0
            assert min(box.w, box.h) >= 1
            assert box.x + box.w <= reading.width
            assert box.y + box.h <= reading.height
        assert all(0 <= glyph.confidence <= 1 for glyph in line.glyphs)


def grain(height: int, width: int, mean: float, spread: float, blur: float = 0.0) -> Grey:
    """Noise, uint8 (height, width), as smooth as `blur`."""
    noise = np.random.default_rng(0).standard_normal((height, width)).astype(np.float32)
    if blur:
        noise = cv2.GaussianBlur(noise, (0, 0), blur)
        noise /= noise.std()
    return np.asarray((mean + spread * noise).clip(0, 255), np.uint8)


def printed() -> Grey:
    """A page of print, 60 lines of 20 pixels."""
    page = np.full((1600, 1130), 240, np.uint8)
    for number in range(60):
        text = "The quick brown fox jumps over the lazy dog, 0123456789."
        cv2.putText(page, text, (90, 80 + 25 * number), cv2.FONT_HERSHEY_COMPLEX, 0.5, (30,), 1, cv2.LINE_AA)
    return page


@pytest.mark.parametrize(
    "grey",
    [
        pytest.param(grain(900, 1200, 128, 60), id="noise"),
        pytest.param(grain(1200, 1600, 150, 40, blur=3), id="plaster"),
        pytest.param(grain(1200, 1600, 150, 8, blur=40), id="wall"),
        pytest.param(grain(900, 1200, 8, 4), id="dark frame"),
        pytest.param(printed(), id="print"),
        pytest.param(np.full((60, 10_000), 220, np.uint8), id="blank line"),
        pytest.param(np.indices((600, 800)).sum(axis=0).astype(np.uint8) // 4 % 2 * 255, id="stripes"),
        pytest.param(np.full((1, 1), 90, np.uint8), id="one pixel"),
        pytest.param(grain(3, 900, 150, 60), id="three rows"),
        pytest.param(grain(900, 2, 150, 60), id="two columns"),
    ],
)
def test_what_is_no_handwriting_is_done_with_soon(reader: Reader, grey: Grey):
    grey = np.asarray(grey, np.uint8)
    started = time.thread_time()
    check(reader.read(grey), grey)
    assert time.thread_time() - started < 60


def test_nothing_is_read_on_a_plain_wall_or_in_the_dark(reader: Reader):
    for grey in (
        grain(1200, 1600, 150, 8, blur=40),
        np.full((1200, 1600), 245, np.uint8),
        np.zeros((50, 50), np.uint8),
    ):
        assert reader.read(grey).text == ""


@pytest.mark.parametrize(("mean", "spread"), [(30, 6), (40, 12), (120, 30)])
def test_the_noise_of_a_dark_room_takes_little_memory_and_time(mean: float, spread: float):
    grey = grain(720, 1280, mean, spread)
    tracemalloc.start()
    try:
        layout = find_lines(grey)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not layout.lines
    assert peak < 100e6


def test_a_page_full_of_specks_is_still_a_page():
    page = np.full((1000, 900), 235, np.uint8)
    for number in range(12):
        place = (60, 90 + 75 * number)
        cv2.putText(page, "bring the blue folder", place, cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.9, (40,), 4, cv2.LINE_AA)
    page[np.random.default_rng(0).random(page.shape) < 0.015] = 60
    assert 12 <= len(find_lines(page).lines) <= 14


@pytest.mark.parametrize("shape", [(33000, 700), (700, 33000)])
def test_a_page_too_long_to_be_warped_is_refused_by_its_name(
    line_bundle: Bundle, tmp_path: Path, shape: tuple[int, int]
):
    path = tmp_path / "long.png"
    write_picture(path, np.full(shape, 240, np.uint8))
    short = tmp_path / "short.png"
    write_picture(short, np.full((50, 50), 240, np.uint8))
    called = CliRunner().invoke(commands.read, [str(path), str(short), "--model", str(line_bundle.path)])
    assert called.stderr.startswith(f"edge-hwr: error: {path}: a page of {shape[1]} x {shape[0]} pixels")
    assert f"{short}: no writing found" in called.stderr


def test_a_line_of_ten_thousand_pixels_is_read_on_its_page(reader: Reader):
    page = np.full((140, 10_000), 225, np.uint8)
    for number in range(40):
        cv2.putText(page, "abc1 cab", (60 + 245 * number, 90), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (60,), 3, cv2.LINE_AA)
    reading = reader.read(page)
    check(reading, page)
    assert len(reading.text.replace(" ", "")) > 200


def test_sixty_megapixels_are_read_in_bounded_memory(reader: Reader):
    page = np.full((9000, 6700), 230, np.uint8)
    for number in range(20):
        place = (500, 900 + 390 * number)
        cv2.putText(page, "abc 1ba cab", place, cv2.FONT_HERSHEY_SIMPLEX, 7, (60,), 16, cv2.LINE_AA)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.thread_time()
    reading = reader.read(page)
    assert time.thread_time() - started < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000  # kilobytes
    check(reading, page)
    assert len(reading.lines) == 20


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays(np.uint8, st.tuples(st.integers(1, 120), st.integers(1, 120)), elements=st.integers(0, 255)))
def test_any_picture_is_read(reader: Reader, grey: Grey):
    check(reader.read(grey), grey)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 90), st.integers(0, 9)), min_size=2, max_size=6))
def test_any_frames_are_read_one_after_the_other(line_bundle: Bundle, frames: list[tuple[int, int, int]]):
    watching = Reader(line_bundle, remember=True)
    for height, width, seed in frames:
        grey = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
        check(watching.read(grey), grey)


def test_the_command_says_that_a_page_is_blank(line_bundle: Bundle, tmp_path: Path):
    write_picture(tmp_path / "blank.png", np.full((700, 500), 240, np.uint8))
    given = [str(tmp_path / "blank.png"), "--model", str(line_bundle.path)]
    done = CliRunner().invoke(commands.read, given, standalone_mode=False)
    assert done.exception is None
    assert "no writing found" in done.output
