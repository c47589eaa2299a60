"""Sources of glyphs: what they yield, what is held out, and that the pool comes through the one pipeline."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import CHARSET, draw_character, write_dataset
from numpy.typing import NDArray

from edge_hwr.errors import DatasetError
from edge_hwr.export.data import check_held_out, find_sources
from edge_hwr.export.junk import Junk
from edge_hwr.export.pool import Pool, draw_pool
from edge_hwr.export.recipe import Recipe, recipe_from_json
from edge_hwr.export.sources import JUNK, LabelledPictures, Mnist, Unipen
from edge_hwr.export.strokes import load_strokes
from edge_hwr.layout import isolate_glyph
from edge_hwr.preprocess import GlyphPreprocessing, preprocess_glyphs


def make_recipe(*data: dict[str, object], charset: str = "0123456789") -> Recipe:
    network = {"backbone": "plain", "stages": [[4]]}
    return recipe_from_json({"name": "test", "charset": charset, "network": network, "data": list(data)})


def draw_white_on_black(character: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A character of 28x28 as MNIST and EMNIST have them: 0 but for its ink."""
    small = 255 - cv2.resize(draw_character(character, rng), (28, 28), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.threshold(small, 90, 255, cv2.THRESH_TOZERO)[1], np.uint8)


def write_mnist(path: Path, count: int = 48) -> Path:
    """An npz in Keras' layout; the test half holds nonsense, which must never be looked at."""
    rng = np.random.default_rng(1)
    digits = np.arange(count) % 10
    ink = np.stack([draw_white_on_black(str(digit), rng) for digit in digits])
    np.savez(path, x_train=ink, y_train=digits, x_test=np.zeros((4, 28, 28), np.uint8), y_test=np.full(4, 77))
    return path


def write_emnist(folder: Path, characters: str, *, split: str = "train") -> Path:
    """The gzipped idx pair and the mapping that EMNIST comes as: transposed, white on black."""
    rng = np.random.default_rng(2)
    images = np.stack([draw_white_on_black(text, rng) for text in characters])
    classes = sorted(set(characters))
    labels = bytes(classes.index(text) for text in characters)
    path = folder / f"emnist-tiny-{split}-images-idx3-ubyte.gz"
    head = struct.pack(">HBBIII", 0, 8, 3, len(images), 28, 28)
    path.write_bytes(gzip.compress(head + images.transpose(0, 2, 1).tobytes()))
    head = struct.pack(">HBBI", 0, 8, 1, len(images))
    (folder / f"emnist-tiny-{split}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(head + labels))
    mapping = "".join(f"{number} {ord(text)}\n" for number, text in enumerate(classes))
    (folder / "emnist-tiny-mapping.txt").write_text(mapping, encoding="ascii")
    return path


def test_mnist_holds_out_its_last_twelfth_and_looks_like_paper(tmp_path: Path) -> None:
    source = Mnist.load(write_mnist(tmp_path / "mnist.npz"), "0123456789")
    assert np.flatnonzero(source.validation).tolist() == [44, 45, 46, 47]
    assert source.labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    rng = np.random.default_rng(0)
    clean, photographed = (
        preprocess_glyphs(isolate_glyph(source.draw(3, rng, camera=camera)), GlyphPreprocessing())
        for camera in (False, True)
    )
    assert clean.mean() < 100, "ink, and not paper, is white for the network"
    assert np.corrcoef(clean.ravel(), photographed.ravel())[0, 1] > 0.6, "the same glyph"


def test_characters_outside_of_the_charset_are_left_out_of_mnist(tmp_path: Path) -> None:
    source = Mnist.load(write_mnist(tmp_path / "mnist.npz"), "13")
    assert set(source.labels.tolist()) == {0, 1}


def test_unipen_keeps_its_test_writers_out_and_writers_apart(data: Path) -> None:
    source = Unipen.load(data / "unipen" / "chars_strokes.npz", "0123456789")
    assert not source.strokes.test[source.rows].any()
    writers = source.strokes.writer[source.rows]
    held_out, trained = set(writers[source.validation].tolist()), set(writers[~source.validation].tolist())
    assert held_out
    assert not held_out & trained
    first, second = (source.draw(0, np.random.default_rng(seed), camera=True) for seed in (1, 2))
    assert first.shape != second.shape or (first != second).any(), "each drawing is another one"


def test_a_dataset_folder_and_emnist_are_sources(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "own", "0127" * 5)
    emnist = write_emnist(tmp_path, "1770210")
    found, files = find_sources(make_recipe({"source": "dataset", "clean": 3}), [folder, emnist])
    assert files == [folder, emnist]
    assert [drawn.wanted.clean for drawn in found] == [3, 3]
    assert [drawn.source.labels.tolist() for drawn in found] == [[0, 1, 2, 7] * 5, [1, 7, 7, 0, 2, 1, 0]]
    seven = found[1].source.draw(1, np.random.default_rng(0), camera=False)
    top, bottom = (255 - seven[5:11]).sum(), (255 - seven[17:23]).sum()
    assert top > 1.3 * bottom, "a 7 is upright and has its bar on top"


def test_writers_are_held_out_whole_and_of_few_writers_samples(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "own", "0127" * 15)
    header, *rows = (folder / "labels.tsv").read_text().splitlines()
    for writers, whole in ((20, True), (10, True), (2, False)):
        for names in "abcdefgh" if whole else "a":  # none of many a ten is held out by its name
            told = [f"{row}\t{names}{number % writers}" for number, row in enumerate(rows)]
            (folder / "labels.tsv").write_text("\n".join([f"{header}\twriter", *told]))
            apart = LabelledPictures.load(folder, "0127").validation
            assert 0 < apart.sum() < 40
            held_out = {number % writers for number in np.flatnonzero(apart).tolist()}
            trained = {number % writers for number in np.flatnonzero(~apart).tolist()}
            assert len(trained) == writers - whole * len(held_out)


def test_of_little_writing_one_sample_is_held_out(tmp_path: Path) -> None:
    for name in "abcdef":
        folder = write_dataset(tmp_path / name, "01270127012")
        for file in sorted(folder.glob("*.png")):
            file.rename(folder / f"{name}{file.name}")
        table = folder / "labels.tsv"
        header, *rows = table.read_text().splitlines()
        table.write_text("\n".join([header, *(name + row for row in rows)]))
        assert 1 <= LabelledPictures.load(folder, "0127").validation.sum() <= 4


def test_labels_outside_of_the_charset_are_named(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "own", "01A")
    with pytest.raises(DatasetError, match="'A'"):
        LabelledPictures.load(folder, "01")


def test_characters_without_samples_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = write_dataset(tmp_path / "own", "01" * 12)
    find_sources(make_recipe({"source": "dataset", "clean": 1}), [folder])
    assert "no samples to train on of 2 3 4 5 6 7 8 9: the model will not know them" in caplog.text


def test_one_class_only_is_refused(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "own", "7" * 12)
    found, _ = find_sources(make_recipe({"source": "dataset", "clean": 1}), [folder])
    with pytest.raises(DatasetError, match="two different characters"):
        draw_pool(found, GlyphPreprocessing(), seed=1, workers=1)


def test_samples_of_which_none_is_held_out_are_refused(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "few", "01")
    assert not LabelledPictures.load(dataset, "0127").validation.any()
    sources, _ = find_sources(make_recipe({"source": "dataset", "clean": 1}, charset="0127"), [dataset])
    with pytest.raises(DatasetError, match="no samples to validate with"):
        check_held_out(sources)


def test_strokes_of_words_are_not_taken_for_characters(tmp_path: Path) -> None:
    (tmp_path / "words_strokes.npz").write_bytes(b"never opened")
    with pytest.raises(DatasetError, match="nothing to learn from"):
        find_sources(make_recipe({"source": "unipen", "clean": 1}), [tmp_path / "words_strokes.npz"])


def test_nothing_to_learn_from(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nothing to learn from"):
        find_sources(make_recipe({"source": "fonts", "camera": 1}), [tmp_path])
    with pytest.raises(DatasetError, match="no such file"):
        find_sources(make_recipe({"source": "dataset", "clean": 1}), [tmp_path / "missing"])
    (tmp_path / "broken.ttf").write_bytes(b"no font at all")
    with pytest.raises(DatasetError, match="nothing to learn from"):
        find_sources(make_recipe({"source": "fonts", "camera": 1}), [tmp_path])


def test_a_damaged_mnist_says_so(tmp_path: Path) -> None:
    path = write_mnist(tmp_path / "mnist.npz")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DatasetError, match="fetch it again"):
        find_sources(make_recipe({"source": "mnist", "clean": 1}), [path])


def test_junk_of_letters_and_cut_glyphs_is_drawn_from_strokes(data: Path) -> None:
    strokes = load_strokes(data / "unipen" / "chars_strokes.npz")
    source = Junk.load(60, strokes, "AK", "0123456789")
    assert set(strokes.label[source.letters].tolist()) == {"A", "K"}
    assert not strokes.test[source.letters].any()
    assert not strokes.test[source.glyphs].any()
    rng = np.random.default_rng(6)
    sizes = {source.draw(index, rng, camera=index % 2 == 0).shape for index in range(60)}
    assert len(sizes) > 30, "hardly two are alike"


def test_junk_has_no_label_and_ink(tmp_path: Path) -> None:
    source = Junk.load(30, None, "", "01")
    assert set(source.labels.tolist()) == {JUNK}
    rng = np.random.default_rng(4)
    with_ink = sum(len(isolate_glyph(source.draw(index, rng, camera=index % 2 == 0))) for index in range(30))
    assert with_ink >= 27


def test_the_pool_is_drawn_through_the_pipeline_and_the_same_again(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "own", CHARSET * 15)
    wanted = make_recipe(
        {"source": "dataset", "clean": 1}, {"source": "junk", "samples": 20, "camera": 1}, charset=CHARSET
    )
    found, _ = find_sources(wanted, [folder])
    pool = draw_pool(found, GlyphPreprocessing(), seed=9, workers=1)
    again = draw_pool(found, GlyphPreprocessing(), seed=9, workers=2)
    assert pool.groups == ("junk camera", "own")
    assert pool.describe()["own"]["train"] + pool.describe()["own"]["validation"] == 60
    assert (pool.glyphs == again.glyphs).all()
    (own,) = (drawn.source for drawn in found if drawn.source.name == "own")
    row = int(np.flatnonzero(~own.validation)[0])
    picture = own.draw(row, np.random.default_rng(0), camera=False)
    expected = preprocess_glyphs(isolate_glyph(picture), GlyphPreprocessing())[0, ..., 0]
    first = int(np.flatnonzero((pool.group == 1) & ~pool.validation)[0])
    assert (pool.glyphs[first] == expected).all()
    assert pool.labels[first] == own.labels[row]

    pool.save(tmp_path / "pool.npz")
    loaded = Pool.load(tmp_path / "pool.npz", len(CHARSET))
    assert loaded.groups == pool.groups
    assert (loaded.labels == pool.labels).all()
