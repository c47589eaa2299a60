"""Characters out of words: those of words that fall apart into them, each under its own label."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_strokes import Drawing, pack

from edge_hwr.bundle import open_bundle
from edge_hwr.errors import DatasetError
from edge_hwr.export.data import find_sources
from edge_hwr.export.recipe import recipe_from_json
from edge_hwr.export.sources import held_out
from edge_hwr.export.word_characters import WordCharacters, split_word
from edge_hwr.layout import isolate_glyph
from edge_hwr.preprocess import GlyphPreprocessing, preprocess_glyphs
from edge_hwr.runtime import TfliteModel

LETTERS = "abcdefghijklmnopqrstuvwxyz"

IT: Drawing = [
    [(60, 20), (60, 100)],  # the stem of the t, begun before the i was done
    [(45, 40), (75, 40)],
    [(10, 50), (12, 100)],
    [(11, 30)],
]
JOINED: Drawing = [[(10, 0), (12, 100), (40, 60), (60, 100)]]


def write_words(path: Path, words: dict[str, Drawing], *, writer: int = 3, test: bool = False) -> Path:
    count = len(words)
    return pack(path, list(words.values()), list(words), writers=[writer] * count, test=[test] * count)


def test_a_word_that_falls_apart_gives_its_characters(tmp_path: Path) -> None:
    path = write_words(tmp_path / "words_strokes.npz", {"it": IT, "la": JOINED, "x": JOINED})
    source = WordCharacters.load(path, LETTERS)
    assert [LETTERS[label] for label in source.labels.tolist()] == ["i", "t", "x"], (
        "la is one piece, and two characters"
    )
    pictures = [source.draw(index, np.random.default_rng(1), camera=False) for index in (0, 1)]
    dotted, crossed = (cv2.connectedComponents((picture < 128).astype(np.uint8))[0] - 1 for picture in pictures)
    assert (dotted, crossed) == (2, 1)


def test_writers_of_the_test_set_and_characters_of_other_charsets_are_left_out(tmp_path: Path) -> None:
    path = write_words(tmp_path / "kept.npz", {"it": IT})
    assert [LETTERS[7:9][label] for label in WordCharacters.load(path, LETTERS[7:9]).labels.tolist()] == ["i"]
    assert not len(WordCharacters.load(write_words(tmp_path / "test.npz", {"it": IT}, test=True), LETTERS).labels)


def test_writers_are_held_out_whole(tmp_path: Path) -> None:
    for writer in range(2, 40):
        path = write_words(tmp_path / f"{writer}.npz", {"it": IT}, writer=writer)
        assert WordCharacters.load(path, LETTERS).validation.tolist() == [held_out(f"writer {writer}")] * 2


def test_a_recipe_gets_its_words_and_never_those_of_single_characters(tmp_path: Path) -> None:
    (tmp_path / "unipen").mkdir()
    path = write_words(tmp_path / "unipen" / "words_strokes.npz", {"it": IT})
    network = {"backbone": "plain", "stages": [[4]]}
    data = [{"source": "unipen-words", "clean": 1}]
    recipe = recipe_from_json({"name": "test", "charset": LETTERS, "network": network, "data": data})
    (drawn,), files = find_sources(recipe, [tmp_path])
    assert (drawn.source.name, files) == ("unipen-words", [path])
    path.rename(path.with_name("chars_strokes.npz"))
    with pytest.raises(DatasetError, match="nothing to learn from"):
        find_sources(recipe, [tmp_path])


def test_real_words_give_characters_that_are_read_as_what_they_are(data: Path) -> None:
    bundle = open_bundle("characters")
    source = WordCharacters.load(data / "unipen" / "words_strokes.npz", bundle.metadata.charset)
    assert len(source.labels) > 50_000
    assert not source.strokes.test[source.words].any()
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(source.labels), 400, replace=False).tolist()
    preprocessing = GlyphPreprocessing.from_json(bundle.metadata.preprocessing)
    drawn = [isolate_glyph(source.draw(index, rng, camera=False)) for index in chosen]
    glyphs = np.concatenate([preprocess_glyphs(found, preprocessing) for found in drawn])
    read = [bundle.labels[best] for best in TfliteModel(bundle.flatbuffer).invoke(glyphs).argmax(axis=1).tolist()]
    written = [bundle.labels[source.labels[index]] for index in chosen]
    assert np.mean([a.lower() == b.lower() for a, b in zip(read, written, strict=True)]) > 0.65


@given(
    st.lists(
        st.lists(st.tuples(st.floats(-2, 9, width=32), st.floats(0, 1, width=32)), min_size=1, max_size=4),
        min_size=1,
        max_size=12,
    )
)
def test_every_stroke_is_of_one_piece_whatever_was_recorded(points: list[list[tuple[float, float]]]) -> None:
    strokes = [np.array(stroke, np.float32) for stroke in points]
    pieces = split_word(strokes)
    assert sorted(np.concatenate(pieces).tolist()) == list(range(len(strokes)))
    begins = [min(strokes[number][:, 0].min() for number in piece.tolist()) for piece in pieces]
    assert begins == sorted(begins)
