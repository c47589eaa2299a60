"""Ones with flags, crossed sevens and curled nines."""

from __future__ import annotations

import numpy as np
import pytest

from edge_hwr.errors import RecipeError
from edge_hwr.export.continental import Continental, crossed_seven, curled_nine, flagged_one
from edge_hwr.layout import isolate_glyph


def test_two_in_five_are_ones_and_all_can_be_found_on_their_paper() -> None:
    source = Continental.load(40, "0123456789")
    rng = np.random.default_rng(4)
    assert source.labels[:5].tolist() == [1, 7, 1, 7, 9]
    assert (source.labels == 1).sum() == 16
    assert {1, 7, 9} == set(source.labels[source.validation].tolist())
    for index in range(40):
        assert len(isolate_glyph(source.draw(index, rng, camera=False))) == 1


def test_the_flag_of_a_one_falls_and_the_bar_of_a_seven_does_not() -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        flag = flagged_one(rng)[0]
        tip = flag[np.argmin(flag[:7, 0])]
        assert tip[1] > 0.05  # the head is where all begins, at (0, 0)
        bar = crossed_seven(rng)[0]
        head = bar[np.argmax(bar[:, 0])]
        assert abs(bar[1, 1] - head[1]) < 0.25


def test_the_tail_of_a_nine_comes_back_under_its_loop() -> None:
    rng = np.random.default_rng(6)
    for _ in range(200):
        (nine,) = curled_nine(rng)
        loop, tip = nine[:24], nine[-1]
        assert tip[1] > loop[:, 1].max()
        assert tip[0] < loop[:, 0].mean()


def test_a_charset_without_them_is_refused() -> None:
    with pytest.raises(RecipeError, match="leave that source out"):
        Continental.load(10, "abc")
