"""Characters that touch, and pieces of them, drawn for training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_hwr.export.data import find_sources
from edge_hwr.export.recipe import Recipe, load_recipe, recipe_from_json
from edge_hwr.export.sources import JUNK, Unipen
from edge_hwr.export.strokes import load_strokes
from edge_hwr.export.touching import Touching
from edge_hwr.layout import find_glyphs
from edge_hwr.reader import Reader


@pytest.fixture(scope="module")
def source(data: Path) -> Touching:
    return Touching.load(400, load_strokes(data / "unipen" / "chars_strokes.npz"), "0123456789")


def test_half_is_to_be_rejected_and_half_is_every_digit(source: Touching) -> None:
    assert (source.labels == JUNK).mean() == 0.5
    assert set(source.labels.tolist()) == {JUNK, *range(10)}
    assert source.labels.dtype == np.int16


def test_nobody_is_learned_from_who_is_held_out_elsewhere(source: Touching, data: Path) -> None:
    writers = source.strokes.writer[source.rows[source.first]]
    single = Unipen.load(data / "unipen" / "chars_strokes.npz", "0123456789")
    theirs = single.strokes.writer[single.rows]
    assert set(writers[~source.validation].tolist()) <= set(theirs[~single.validation].tolist())
    assert set(writers[source.validation].tolist()) <= set(theirs[single.validation].tolist())
    assert source.validation.any()


def test_few_are_of_many_writers(source: Touching) -> None:
    few = Touching.load(50, source.strokes, "0123456789")
    assert len(np.unique(few.strokes.writer[few.rows[few.first]])) > 20
    assert few.validation.any()


def test_what_touches_is_found_as_one_glyph_and_broader_than_its_characters(source: Touching) -> None:
    rng = np.random.default_rng(2)
    boxes = [find_glyphs(source.draw(index, rng, camera=False)).boxes for index in range(400) if index % 10 < 3]
    assert np.mean([len(box) == 1 for box in boxes]) > 0.9
    broad = [box[0, 2] / box[0, 3] for box in boxes if len(box) == 1]
    assert np.median(broad) > 1.0


def test_pieces_are_read_as_the_characters_they_are(source: Touching) -> None:
    rng = np.random.default_rng(3)
    right = seen = 0
    reader = Reader("digits")
    for index in np.flatnonzero(source.labels != JUNK).tolist():
        picture = source.draw(index, rng, camera=False)
        if picture.std() > 0:
            right += reader.read(picture).text == "0123456789"[source.labels[index]]
            seen += 1
    assert seen > 150
    assert right / seen > 0.93


def test_a_recipe_asks_for_them_by_name(data: Path) -> None:
    asked = {"source": "touching", "samples": 50, "camera": 1}
    network = {"backbone": "plain", "stages": [[4]]}
    recipe = recipe_from_json({"name": "test", "charset": "0123456789", "network": network, "data": [asked]})
    assert isinstance(recipe, Recipe)
    found, files = find_sources(recipe, [data])
    assert [drawn.source.name for drawn in found] == ["touching"]
    assert [file.name for file in files] == ["chars_strokes.npz"]
    shipped = load_recipe("digits-touching")
    assert isinstance(shipped, Recipe)
    assert any(entry.source == "touching" for entry in shipped.data)


def test_of_a_charset_that_nobody_wrote_there_is_nothing_to_draw(source: Touching) -> None:
    assert len(Touching.load(10, source.strokes, "αβ").labels) == 0
