"""Ones with flags and crossed sevens."""

from __future__ import annotations

import numpy as np
import pytest

from edge_hwr.errors import RecipeError
from edge_hwr.export.continental import Continental, crossed_seven, flagged_one
from edge_hwr.layout import isolate_glyph


def test_half_are_ones_and_all_can_be_found_on_their_paper() -> None:
    source = Continental.load(40, "0123456789")
    rng = np.random.default_rng(4)
    assert sorted(set(source.labels.tolist())) == [1, 7]
    assert (source.labels == 1).sum() == 20
    assert {1, 7} == set(source.labels[source.validation].tolist())
    for index in range(40):
        assert len(isolate_glyph(source.draw(index, rng, camera=False))) == 1


def test_the_flag_of_a_one_falls_and_the_bar_of_a_seven_does_not() -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        flag = flagged_one(rng)[0]
        assert flag[0, 1] > flag[6, 1] + 0.05  # from its tip up to the head
        bar = crossed_seven(rng)[0]
        head = bar[np.argmax(bar[:, 0])]
        assert abs(bar[1, 1] - head[1]) < 0.25


def test_a_charset_without_them_is_refused() -> None:
    with pytest.raises(RecipeError, match="leave that source out"):
        Continental.load(10, "abc")
