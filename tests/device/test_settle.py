"""Text over time: settled once, changed once, never flickering."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_hwr.device.settle import SETTLE_FRAMES, SETTLE_S, Settler
from edge_hwr.reading import REJECTED, Box, Glyph, Line, Reading

PERIOD_S = 1 / 30


def line(text: str, *, y: int = 50, x: int = 20, confidence: float = 0.95, shake: int = 0) -> Line:
    """A line of glyphs 30 pixels wide and 40 apart; a blank takes the place of a glyph."""
    glyphs = tuple(
        Glyph(character, confidence, Box(x + 40 * column + shake, y + shake, 30, 40), character == REJECTED)
        for column, character in enumerate(text)
        if character != " "
    )
    return Line(text, confidence, Box(x, y, 40 * len(text), 40), glyphs)


def reading(*lines: Line) -> Reading:
    return Reading(640, 480, "digits", lines)


def texts(readings: Iterable[Reading], settler: Settler | None = None) -> list[str]:
    """What is given out, frame by frame."""
    settler = settler or Settler()
    given = (settler.update(one, number * PERIOD_S) for number, one in enumerate(readings))
    return [settled.text for settled in given if settled is not None]


def test_a_text_is_given_out_once_when_it_rests_and_again_when_it_changes() -> None:
    frames = [reading(line("12"), line("40", y=150))] * 40 + [reading(line("12"), line("48", y=150))] * 40
    assert texts(frames) == ["12\n40", "12\n48"]


def test_not_before_it_has_rested_for_frames_and_for_time() -> None:
    settler = Settler()
    one = reading(line("7"))
    assert texts([one] * round(SETTLE_S / PERIOD_S), settler) == []
    slow = Settler()
    assert [slow.update(one, float(second)) is None for second in range(SETTLE_FRAMES + 1)] == [True] * 3 + [False]


def test_an_empty_page_is_told_too() -> None:
    assert texts([reading()] * 20 + [reading(line("5"))] * 20 + [reading()] * 20) == ["", "5", ""]


def test_joined_lines_are_settled_whole_however_their_characters_part_the_ink() -> None:
    def parted(text: str, width: int) -> Line:
        glyphs = tuple(Glyph(c, 0.9, Box(20 + width * at, 50, width, 40), False) for at, c in enumerate(text))
        return Line(text, 0.9, Box(20, 50, 480, 40), glyphs, joined=True)

    right, other = parted("at noon", 60), parted("at noooon", 47)
    settler = Settler()
    assert texts([reading(right), reading(right), reading(other)] * 20, settler) == ["at noon"]
    assert settler.settled is not None
    assert settler.settled.lines[0].glyphs == right.glyphs
    assert texts([reading(other)] * 30, settler) == ["at noooon"]


def test_votes_weigh_as_much_as_their_confidence() -> None:
    sure, unsure = reading(line("1", confidence=0.95)), reading(line("7", confidence=0.4))
    assert texts([sure, unsure] * 40) == ["1"]
    assert texts([unsure, sure, unsure] * 40) == ["1"]


def test_what_is_rejected_now_and_then_was_read_before() -> None:
    assert texts([reading(line("90")), reading(line("90")), reading(line(f"9{REJECTED}", confidence=0.3))] * 20) == [
        "90"
    ]
    assert texts([reading(line(REJECTED, confidence=0.3))] * 20) == [REJECTED]


def test_blanks_and_lines_stay_where_they_are() -> None:
    frames = [reading(line("12 34"), line("5", y=150)), reading(line("12 34"))] * 30
    assert texts(frames) == ["12 34\n5"]


def test_a_blank_that_is_seen_in_half_of_the_frames_does_not_flicker() -> None:
    def close(text: str) -> Reading:
        return reading(Line(text, 0.95, Box(20, 50, 80, 40), line("31").glyphs))

    assert texts([close("31")] * 20 + [close("3 1"), close("31")] * 30) == ["31"]
    assert texts([close("3 1")] * 20 + [close("31"), close("3 1")] * 30) == ["3 1"]


def test_a_reader_that_tells_lines_only() -> None:
    def words(text: str) -> Reading:
        return Reading(640, 480, "lines", (Line(text, 0.9, Box(10, 10, 300, 40)),))

    assert texts([words("good day")] * 10 + [words("good clay")] + [words("good day")] * 10) == ["good day"]


def test_a_page_that_shakes_settles() -> None:
    assert texts(reading(line("2750", shake=(0, 4, -3, 6)[number % 4])) for number in range(60)) == ["2750"]


def test_a_page_that_moves_away_and_comes_back_says_nothing_new() -> None:
    frames = [reading(line("31", x=20 + shift)) for shift in [0] * 30 + list(range(0, 300, 25)) + [300] * 30]
    assert texts(frames) == ["31"]


def test_the_last_words_of_a_recording_are_not_lost() -> None:
    settler = Settler(0)
    assert texts([reading(line("1"))] * 5 + [reading(line("2"))] * 4, settler) == ["1"]
    last = settler.finish()
    assert last is not None
    assert last.text == "2"
    assert settler.finish() is None
    assert Settler().finish() is None


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["123", "12", "1 3", "723", "", "1234"]), max_size=60), st.sampled_from(["123", "9", ""])
)
def test_whatever_was_seen_before_a_page_that_rests_is_read(before: list[str], last: str) -> None:
    """… and nothing is given out twice in a row."""
    settler = Settler()
    frames = [reading(line(text)) if text else reading() for text in before + [last] * 40]
    given_out = texts(frames, settler)
    assert given_out[-1] == last
    assert all(one != other for one, other in pairwise(given_out))
    assert settler.resting
    settled = settler.settled
    assert settled is not None
    assert all(0 <= glyph.confidence <= 1 for glyph in settled.glyphs)


@settings(deadline=None)
@given(st.data())
def test_noise_of_a_tenth_of_the_frames_never_shows(data: st.DataObject) -> None:
    steady, noise = (
        reading(line("4096")),
        [reading(line("4O96")), reading(line("406")), reading(), reading(line("4096 7"))],
    )
    frames = [steady] * 12
    for _ in range(15):
        frames += [data.draw(st.sampled_from(noise)), *[steady] * 9]
    assert texts(frames) == ["4096"]


@pytest.mark.parametrize("glyphs", [40, 100])
def test_a_frame_costs_little(glyphs: int) -> None:
    import time

    page = reading(*(line("0123456789", y=45 * row) for row in range(glyphs // 10)))
    settler = Settler()
    settler.update(page, 0)
    costs = []
    for number in range(30):
        start = time.process_time()
        settler.update(page, number * PERIOD_S)
        costs.append(time.process_time() - start)
    assert min(costs) < PERIOD_S / 3  # of any machine: a fast one takes a tenth of that
