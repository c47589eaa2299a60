"""Strokes: read from a packed file, bent, and drawn with pens."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_strokes import pack

from edge_hwr.errors import DatasetError
from edge_hwr.export.strokes import Pen, distort_strokes, draw_strokes, load_strokes

SEVEN = [[(0, 0), (50, 0), (20, 100)], [(10, 50), (40, 48)]]
DASH = [[(0, 0), (100, 5)]]
DOT = [[(0, 0)]]

Drawing = list[npt.NDArray[np.float32]]


def drawing(points: list[list[tuple[int, int]]]) -> Drawing:
    return [np.array(stroke, np.float32) / 100 for stroke in points]


def test_packed_strokes_come_back_in_units_of_their_height(tmp_path: Path) -> None:
    found = load_strokes(pack(tmp_path / "strokes.npz", [SEVEN, DOT, DASH], "7.-"))
    assert len(found) == 3
    assert found.label.tolist() == ["7", ".", "-"]
    assert found.writer.tolist() == [0, 1, 2]
    assert found.test.tolist() == [False, True, False]
    assert found.source.tolist() == ["abc"] * 3
    for index, expected in enumerate((SEVEN, DOT, DASH)):
        for stroke, points in zip(found.strokes(index), expected, strict=True):
            assert stroke.dtype == np.float32
            np.testing.assert_allclose(stroke, np.array(points) / 100, atol=1e-6)
    with pytest.raises(IndexError):
        found.strokes(3)


def test_unusable_stroke_files_are_refused(tmp_path: Path) -> None:
    whole = pack(tmp_path / "strokes.npz", [SEVEN, DASH], "7-")
    short = tmp_path / "short.npz"
    short.write_bytes(whole.read_bytes()[:-200])
    np.savez(tmp_path / "other.npz", delta=np.zeros((3, 2)))
    uneven = pack(tmp_path / "uneven.npz", [SEVEN, DASH], "7-1")
    packed = tmp_path / "packed.npz"
    with np.load(whole) as arrays:
        np.savez_compressed(packed, **arrays)
    damaged = bytearray(packed.read_bytes())
    damaged[70:76] = b"\xff\x00\xff\x7f\xff\x00"
    packed.write_bytes(damaged)
    for path in (tmp_path / "missing.npz", short, tmp_path / "other.npz", uneven, packed):
        with pytest.raises(DatasetError, match=path.name):
            load_strokes(path)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("n_strokes", [2, 0, 1]),
        ("n_strokes", [2, 1, 2]),
        ("stroke_len", [3, 0, 4]),
        ("label", [7, 1, 2]),
        ("unit", 0),
    ],
)
def test_strokes_that_do_not_add_up_are_refused(tmp_path: Path, column: str, value: object) -> None:
    path = pack(tmp_path / "strokes.npz", [SEVEN, DASH, DASH], "7--")
    with np.load(path) as packed:
        arrays = dict(packed)
    np.savez(path, **{**arrays, column: np.array(value, arrays[column].dtype if column != "label" else np.int64)})
    with pytest.raises(DatasetError, match="not a file of packed strokes"):
        load_strokes(path)


def test_a_thicker_pen_leaves_more_ink_and_a_faint_or_skipping_one_less() -> None:
    def ink(**changes: float) -> float:
        pen = dataclasses.replace(Pen(width=0.08, pressure=0.0), **changes)
        rng = np.random.default_rng(1)
        return float(np.mean([draw_strokes(drawing(SEVEN), rng, height_px=60, pen=pen).sum() for _ in range(20)]))

    plain = ink()
    assert ink(width=0.16) > 1.7 * plain
    assert ink(width=0.04) < 0.65 * plain
    assert ink(faintness=0.6) < 0.9 * plain
    assert ink(skips=0.3) < 0.9 * plain
    assert ink(grain=0.7) < 0.95 * plain


def test_a_flat_nib_is_thin_along_its_edge() -> None:
    pen = Pen(width=0.2, pressure=0.0, nib=1.0, nib_angle=0.0)
    rng = np.random.default_rng(1)
    flat = draw_strokes([np.array([[0, 0], [1, 0]], np.float32)], rng, height_px=60, pen=pen)
    upright = draw_strokes([np.array([[0, 0], [0, 1]], np.float32)], rng, height_px=60, pen=pen)
    assert flat.shape[0] < 0.6 * upright.shape[1]


def test_height_is_that_of_the_nominal_box_and_flat_drawings_stay_flat() -> None:
    rng = np.random.default_rng(0)
    for height_px in (12.0, 40.0, 250.0):
        seven = draw_strokes(drawing(SEVEN), rng, height_px=height_px, pen=Pen(width=0.05, pressure=0.0))
        assert seven.shape[0] == pytest.approx(1.05 * height_px, abs=3)
        dash = draw_strokes(drawing(DASH), rng, height_px=height_px, pen=Pen(width=0.05, pressure=0.0))
        assert dash.shape[0] < 0.2 * height_px + 3
        assert dash.shape[1] == pytest.approx(1.05 * height_px, abs=3)


@settings(max_examples=60)
@given(
    points=st.lists(
        st.lists(st.tuples(st.integers(0, 300), st.integers(0, 100)), min_size=1, max_size=8), min_size=1, max_size=4
    ),
    seed=st.integers(0, 2**32),
    height_px=st.floats(6, 120),
)
def test_any_strokes_can_be_bent_and_drawn(points: list[list[tuple[int, int]]], seed: int, height_px: float) -> None:
    rng = np.random.default_rng(seed)
    bent = distort_strokes(drawing(points), rng)
    assert len(bent) == len(points)
    before, after = (np.ptp(np.concatenate(strokes), axis=0).max() for strokes in (drawing(points), bent))
    assert 0.4 * before - 0.1 < after < 2.0 * before + 0.2
    coverage = draw_strokes(bent, rng, height_px=height_px, pen=Pen.random(rng))
    assert coverage.dtype == np.uint8
    assert coverage.ndim == 2
    assert min(coverage.shape) >= 1


def test_the_same_seed_draws_the_same() -> None:
    first, second = (
        draw_strokes(distort_strokes(drawing(SEVEN), rng), rng, height_px=40, pen=Pen.random(rng))
        for rng in (np.random.default_rng(5), np.random.default_rng(5))
    )
    np.testing.assert_array_equal(first, second)


def test_recorded_handwriting_is_read_and_drawn() -> None:
    path = Path(os.environ.get("EDGE_HWR_DATA", "../shared/data")) / "unipen/chars_strokes.npz"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    found = load_strokes(path)
    assert len(found) == 121_048
    rng = np.random.default_rng(0)
    for index in rng.integers(len(found), size=50).tolist():
        strokes = found.strokes(index)
        assert np.ptp(np.concatenate(strokes), axis=0).max() <= 1.001
        assert draw_strokes(strokes, rng, height_px=32, pen=Pen()).max() > 128
