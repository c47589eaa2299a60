"""What the tests share: a small model that really reads drawn digits, and the place of the real data."""

from __future__ import annotations

import hashlib
import os
import signal
from pathlib import Path

import drawn_lines
import drawn_model
import pytest
from drawn_model import DIGITS, describe
from hypothesis import settings

from edge_hwr.bundle import Bundle, open_bundle, write_bundle
from edge_hwr.line_preprocess import LinePreprocessing, line_preprocessing_digest
from edge_hwr.preprocess import GlyphPreprocessing, preprocessing_digest
from edge_hwr.runtime import TfliteModel

# How long an example takes depends on what else the machine does.
settings.register_profile("edge-hwr", deadline=None)
settings.load_profile("edge-hwr")

# A shell starts its background jobs with Ctrl-C ignored, `nohup` with hang-ups, and what tests start would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real handwriting, named by EDGE_HWR_DATA; tests that need it are skipped without it."""
    folder = Path(os.environ.get("EDGE_HWR_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder} (EDGE_HWR_DATA names another folder)")
    return folder


@pytest.fixture(scope="session")
def drawn_bundle(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Bundle:
    """An int8 bundle that reads digits drawn with OpenCV's fonts; trained in seconds, kept in pytest's cache."""
    source = Path(drawn_model.__file__).read_bytes() + preprocessing_digest(GlyphPreprocessing()).encode()
    cache = pytestconfig.cache.mkdir("edge-hwr") if pytestconfig.cache else tmp_path_factory.mktemp("edge-hwr")
    path = cache / f"drawn-{hashlib.sha256(source).hexdigest()[:16]}.tflite"
    if not path.is_file():
        pictures, classes = drawn_model.draw_digits()
        flatbuffer = drawn_model.train(pictures, classes)
        golden = pictures[:16]
        metadata = describe(precision="int8", reject_below=0.5)
        write_bundle(path, flatbuffer, DIGITS, metadata, golden, TfliteModel(flatbuffer).invoke(golden))
    return open_bundle(path)


@pytest.fixture(scope="session")
def line_bundle(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Bundle:
    """An int8 bundle that reads lines drawn with OpenCV's font; trained in seconds, kept in pytest's cache."""
    source = Path(drawn_lines.__file__).read_bytes() + line_preprocessing_digest(LinePreprocessing()).encode()
    cache = pytestconfig.cache.mkdir("edge-hwr") if pytestconfig.cache else tmp_path_factory.mktemp("edge-hwr")
    path = cache / f"lines-{hashlib.sha256(source).hexdigest()[:16]}.tflite"
    if not path.is_file():
        run = drawn_lines.train_run(tmp_path_factory.mktemp("line-run"), epochs=drawn_lines.ENOUGH_EPOCHS, lines=144)
        from edge_hwr.export.commands import export

        export.main([str(run), "-o", str(path)], standalone_mode=False)
    return open_bundle(path)


@pytest.fixture(scope="session")
def float_flatbuffer() -> bytes:
    """A float32 model of the same shape, untrained."""
    keras = pytest.importorskip("keras", reason="models are made with the extra `export`")
    tf = pytest.importorskip("tensorflow")
    keras.utils.set_random_seed(1)
    flatbuffer: bytes = tf.lite.TFLiteConverter.from_keras_model(drawn_model.network(keras)).convert()
    return flatbuffer
