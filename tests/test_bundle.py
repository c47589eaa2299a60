"""Bundles: what is written comes back, and nothing that was damaged is opened."""

from __future__ import annotations

import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from drawn_model import DIGITS, describe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_hwr import bundle as bundles
from edge_hwr.bundle import Bundle, open_bundle, shipped_bundles, verify_golden, write_bundle
from edge_hwr.datasets import open_dataset
from edge_hwr.errors import BundleError, EdgeHwrError
from edge_hwr.language_model import open_language_model
from edge_hwr.runtime import TfliteModel


def rewrite(bundle: Bundle, path: Path, **changes: object) -> Path:
    """The bundle again, with other metadata."""
    inputs, outputs = bundle.golden()
    write_bundle(path, bundle.flatbuffer, DIGITS, describe(**changes), inputs, outputs)
    return path


def test_what_is_written_comes_back(drawn_bundle: Bundle) -> None:
    assert drawn_bundle.labels == tuple(DIGITS)
    assert drawn_bundle.metadata.name == "drawn"
    assert drawn_bundle.metadata.reject_below == 0.5
    assert drawn_bundle.size == drawn_bundle.path.stat().st_size
    inputs, outputs = drawn_bundle.golden()
    assert inputs.shape == (16, 28, 28, 1)
    assert outputs.shape == (16, 10)


def test_the_same_arguments_give_the_same_bytes(drawn_bundle: Bundle, tmp_path: Path) -> None:
    first = rewrite(drawn_bundle, tmp_path / "first.tflite").read_bytes()
    assert first == rewrite(drawn_bundle, tmp_path / "second.tflite").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.tflite", "second.tflite"]


def test_any_runtime_and_unzip_take_the_file_as_it_is(drawn_bundle: Bundle) -> None:
    whole = TfliteModel(drawn_bundle.path.read_bytes())
    assert verify_golden(drawn_bundle, whole).decisions_changed == 0
    with zipfile.ZipFile(drawn_bundle.path) as archive:
        assert archive.namelist() == ["labels.txt", "edge_hwr.json", "golden.npz"]
        assert archive.testzip() is None
    try:
        done = subprocess.run(["unzip", "-tq", str(drawn_bundle.path)], capture_output=True, text=True, timeout=20)
    except FileNotFoundError:
        pytest.skip("unzip is not installed")
    assert done.returncode == 0
    assert "warning" not in done.stdout + done.stderr


def test_golden_vectors_tell_another_model(drawn_bundle: Bundle, float_flatbuffer: bytes) -> None:
    same = verify_golden(drawn_bundle, TfliteModel(drawn_bundle.flatbuffer))
    assert (same.samples, same.decisions_changed) == (16, 0)
    assert same.largest_difference <= 2
    other = verify_golden(drawn_bundle, TfliteModel(float_flatbuffer))
    assert other.decisions_changed > 0
    assert other.largest_difference > 2


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_one_flipped_byte_anywhere_is_noticed(drawn_bundle: Bundle, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(drawn_bundle.path.read_bytes())
    # From the end as often as from the start: the zip's directory is small beside the model.
    position = data.draw(st.integers(0, len(content) - 1) | st.integers(len(content) - 600, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "flipped.tflite"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"flipped\.tflite: (damaged|not a|no metadata)") as raised:
        open_bundle(path)
    assert "\n" not in str(raised.value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_bundle_cut_short_is_not_opened(drawn_bundle: Bundle, tmp_path: Path, share: float) -> None:
    content = drawn_bundle.path.read_bytes()
    path = tmp_path / "cut.tflite"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(BundleError):
        open_bundle(path)


def test_a_plain_tflite_is_told_from_a_bundle(drawn_bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "plain.tflite"
    path.write_bytes(drawn_bundle.flatbuffer)
    with pytest.raises(BundleError, match=r"plain\.tflite: no metadata"):
        open_bundle(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "newer edge-hwr"),
        ({"preprocessing_digest": "0" * 64}, "another preprocessing"),
        ({"preprocessing": {"height": 28, "swirl": 3}}, "cannot use swirl"),
        ({"charset": "abcdefghij"}, "labels and charset differ"),
    ],
)
def test_metadata_that_do_not_fit_are_refused(
    drawn_bundle: Bundle, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        open_bundle(rewrite(drawn_bundle, tmp_path / "odd.tflite", **changes))


@pytest.mark.parametrize("opened", [open_bundle, open_dataset, open_language_model])
def test_a_pipe_is_not_waited_for(tmp_path: Path, opened: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / "pipe.tflite")
    with pytest.raises(EdgeHwrError, match=r"pipe\.tflite.*(not a file|neither a file)"):
        opened(tmp_path / "pipe.tflite")


def test_a_name_that_is_too_long_is_told() -> None:
    with pytest.raises(BundleError, match="File name too long"):
        open_bundle("a" * 300)


def test_what_is_no_bundle_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty.tflite").touch()
    (tmp_path / "text.tflite").write_text("not a model, but long enough to have an end and a beginning\n" * 9)
    for name, message in [
        ("empty.tflite", "empty"),
        ("text.tflite", "not a model bundle"),
        ("nowhere.tflite", "no such file"),
        (".", "a folder"),
    ]:
        with pytest.raises(BundleError, match=message):
            open_bundle(tmp_path / name)


def test_shipped_bundles_open_by_name(drawn_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "SHIPPED", tmp_path)
    rewrite(drawn_bundle, tmp_path / "drawn.tflite")
    assert shipped_bundles() == ["drawn"]
    assert open_bundle("drawn").path == tmp_path / "drawn.tflite"
    with pytest.raises(BundleError, match=r"nor a model that ships \(drawn\)"):
        open_bundle("digit")


@pytest.mark.parametrize("name", shipped_bundles())
def test_every_bundle_that_ships_decides_as_at_its_export(name: str) -> None:
    bundle = open_bundle(name)
    assert bundle.metadata.name == name
    assert verify_golden(bundle).decisions_changed == 0
    # Runtimes and processors differ by a step or two of int8: no golden sample may be so close a call.
    if bundle.metadata.task == "glyph":
        _, outputs = bundle.golden()
        ranked = np.sort(outputs.astype(int), axis=1)
        assert (ranked[:, -1] - ranked[:, -2]).min() > 4


def test_arguments_that_do_not_fit_are_not_written(drawn_bundle: Bundle, tmp_path: Path) -> None:
    inputs, outputs = drawn_bundle.golden()
    with pytest.raises(BundleError, match="golden outputs"):
        write_bundle(tmp_path / "x.tflite", drawn_bundle.flatbuffer, "01", describe(), inputs, outputs)
    with pytest.raises(BundleError, match="label"):
        write_bundle(tmp_path / "x.tflite", drawn_bundle.flatbuffer, ["\n", *DIGITS[1:]], describe(), inputs, outputs)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(
    drawn_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rewrite(drawn_bundle, tmp_path / "kept.tflite")
    before = path.read_bytes()

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        rewrite(drawn_bundle, path, temperature=2.0)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_golden_inputs_keep_their_bytes(drawn_bundle: Bundle) -> None:
    inputs, _ = drawn_bundle.golden()
    assert inputs.dtype == np.uint8
    assert inputs.max() == 255
