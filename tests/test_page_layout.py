"""Line finding: on drawn pages, real photographs, and pictures that are no page at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawing import square
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge_hwr.columns import cut_at_gutters, reading_order
from edge_hwr.dot_grid import find_dot_grid
from edge_hwr.page_layout import PageLayout, TextLine, find_lines
from edge_hwr.picture import read_picture
from edge_hwr.sheet import find_sheet

Grey = NDArray[np.uint8]

WORDS = ("Meeting at noon", "bring the blue folder", "and ask Paul", "whether he paid", "for the last journey")
PITCH = 70
SAMPLES = Path(__file__).parents[1] / "samples"


def write(lines: tuple[str, ...] = WORDS, *, left: int = 90, top: int = 150, pitch: int = PITCH) -> Grey:
    """A page of script lettering, 1000 x 800."""
    page = np.full((1000, 800), 235, np.uint8)
    for number, line in enumerate(lines):
        place = (left, top + number * pitch)
        cv2.putText(page, line, place, cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.2, (40,), 2, cv2.LINE_AA)
    return page


def turn(page: Grey, degrees: float) -> Grey:
    height, width = page.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return np.asarray(cv2.warpAffine(page, matrix, (width, height), borderValue=(235,)), np.uint8)


def on_a_desk(page: Grey) -> tuple[Grey, NDArray[np.float32]]:
    """The page at an angle on a dark desk, and where its corners are."""
    rng = np.random.default_rng(3)
    desk = np.asarray(rng.normal(70, 6, (1200, 1000)).clip(0, 255), np.uint8)
    height, width = page.shape
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    corners = np.array([[150, 90], [860, 130], [910, 1120], [90, 1090]], np.float32)
    matrix = cv2.getPerspectiveTransform(flat, corners)
    seen = cv2.warpPerspective(page, matrix, (1000, 1200))
    mask = cv2.warpPerspective(np.full_like(page, 255), matrix, (1000, 1200))
    return np.asarray(np.where(mask > 127, seen, desk), np.uint8), corners


def check(layout: PageLayout, grey: Grey) -> None:
    """What holds for every layout."""
    height, width = grey.shape
    for line in layout.lines:
        x, y, w, h = line.box
        assert x >= 0
        assert y >= 0
        assert w >= 1
        assert h >= 1
        assert x + w <= width
        assert y + h <= height
        assert line.crop.dtype == np.uint8
        assert line.crop.ndim == 2
        assert line.crop.size > 0
        assert line.polygon.min() >= 0
        assert (line.polygon.max(axis=0) < (width, height)).all()


def middles(layout: PageLayout) -> list[float]:
    return [line.box.y + line.box.h / 2 for line in layout.lines]


def test_finds_the_lines_of_a_page_from_top_to_bottom() -> None:
    page = write()
    layout = find_lines(page)
    check(layout, page)
    assert layout.sheet is None
    expected = [150 - 12 + number * PITCH for number in range(len(WORDS))]
    assert middles(layout) == pytest.approx(expected, abs=15)


@pytest.mark.parametrize("degrees", [-10, -4, 3, 9])
def test_straightens_skewed_lines(degrees: float) -> None:
    page = turn(write(), degrees)
    layout = find_lines(page)
    check(layout, page)
    assert len(layout.lines) == len(WORDS)
    for line in layout.lines:
        assert line.crop.shape[0] < 1.2 * PITCH
        rows = np.flatnonzero((line.crop < 128).any(axis=1))
        assert np.ptp(rows) < 0.9 * PITCH


@pytest.mark.parametrize("pitch", [35, 52])
def test_finds_lines_on_ruled_and_on_squared_paper(pitch: int) -> None:
    page = write()
    page[np.arange(20, 1000, pitch)] = 170
    if pitch == 35:
        page[:, np.arange(20, 800, pitch)] = 170
    assert len(find_lines(page).lines) == len(WORDS)


def dot(page: Grey, pitch: float, radius: float) -> Grey:
    """The page on dotted paper, with 5 mm between dots where it is 210 mm wide."""
    paper = np.full_like(page, 235)
    for y in np.arange(pitch / 3, page.shape[0], pitch):
        for x in np.arange(pitch / 2, page.shape[1], pitch):
            cv2.circle(paper, (round(16 * x), round(16 * y)), round(16 * radius), (150,), -1, cv2.LINE_AA, 4)
    return np.minimum(page, paper)


@pytest.mark.parametrize(("pitch", "radius"), [(19, 1.0), (19.5, 1.6), (28, 2.0), (40, 2.5)])
@pytest.mark.parametrize("degrees", [0, 4])
def test_dots_of_the_paper_are_no_writing_and_those_of_the_writing_stay(
    pitch: float, radius: float, degrees: float
) -> None:
    written = write((*WORDS[:3], "i. ii. iii: a j!"))
    plain = find_lines(turn(written, degrees))
    dotted = find_lines(turn(dot(written, pitch, radius), degrees))
    assert len(dotted.lines) == len(plain.lines) == 4
    for clean, other in zip(plain.lines, dotted.lines, strict=True):
        before, after = (245.0 * line.crop.size - line.crop.sum() for line in (clean, other))
        # What touches a stroke stays with it, and hides some of it.
        assert 0.97 < after / before < 1.13
    assert not find_lines(turn(dot(np.full_like(written, 235), pitch, radius), degrees)).lines


@pytest.mark.parametrize("pitch", [26, 40])
def test_dotted_rules_are_no_grid(pitch: int) -> None:
    page = np.full((1000, 800), 235, np.uint8)
    for y in range(100, 900, pitch):
        page[y : y + 2, 90:700:5] = page[y : y + 2, 91:700:5] = 120
    mask = np.where(page < 200, np.uint8(255), np.uint8(0))
    _, _, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
    assert len(stats) > 1000
    found = find_dot_grid(np.asarray(stats[1:], np.int32), np.asarray(centres[1:], np.float64), mask.shape)
    assert not found.any()


@pytest.mark.parametrize(("pitch", "dark", "thick"), [(19.5, 190, 1), (19.5, 150, 1), (28, 170, 2), (40, 150, 2)])
@pytest.mark.parametrize("degrees", [0, -4])
def test_lines_of_squared_paper_are_in_no_crop(pitch: float, dark: int, thick: int, degrees: float) -> None:
    written = write()
    plain = find_lines(turn(written, degrees))
    squared = find_lines(turn(square(written, pitch, dark, thick), degrees))
    assert len(squared.lines) == len(plain.lines) == len(WORDS)
    for clean, other in zip(plain.lines, squared.lines, strict=True):
        # Upright lines alone: of level ones the preprocessing of lines takes what is left.
        before, after = ((line.crop < 200).mean(axis=0) > 0.9 for line in (clean, other))
        assert not before.any()
        assert not after.any()
        inked = [np.count_nonzero(line.crop < 120) for line in (clean, other)]
        assert 0.8 < inked[1] / inked[0] < 1.2
    assert not find_lines(turn(square(np.full_like(written, 235), pitch, dark, thick), degrees)).lines


@pytest.mark.parametrize("pitch", [36, 50])
def test_dark_rules_do_not_part_what_is_written_across_them(pitch: int) -> None:
    letter = read_picture(SAMPLES / "letter.jpg")
    crossed = square(letter, pitch, 150, 2, upright=False)
    plain, ruled = (find_lines(seen).lines for seen in (letter, crossed))
    assert len(ruled) == len(plain) == 7
    for clean, other in zip(plain, ruled, strict=True):
        assert abs(clean.box.w - other.box.w) < 0.1 * clean.box.w


def test_dotted_paper_is_known_in_perspective_too() -> None:
    picture, _ = on_a_desk(dot(write(), 22, 1.6))
    assert len(find_lines(picture).lines) == len(WORDS)


def test_finds_the_sheet_and_leaves_the_desk_alone() -> None:
    picture, corners = on_a_desk(write())
    layout = find_lines(picture)
    check(layout, picture)
    assert layout.sheet is not None
    assert np.abs(layout.sheet - corners).max() < 12
    assert len(layout.lines) == len(WORDS)


def test_takes_no_corner_of_the_sheet_for_writing() -> None:
    flat, _ = on_a_desk(write())
    picture, corners = on_a_desk(write())
    # The desk shows where the corners of the sheet are rounded off.
    gone = np.zeros_like(picture)
    for corner, inward in zip(corners, ((1, 1), (-1, 1), (-1, -1), (1, -1)), strict=True):
        x, y = (corner + np.multiply(inward, 45)).round().astype(int).tolist()
        square = np.zeros_like(picture)
        ends = [(x, y), tuple(np.subtract((x, y), np.multiply(inward, 60)).tolist())]
        cv2.rectangle(square, ends[0], ends[1], (255,), -1)
        cv2.circle(square, (x, y), 45, (0,), -1)
        gone |= square
    picture[gone > 0] = 70
    layout = find_lines(picture)
    assert middles(layout) == pytest.approx(middles(find_lines(flat)), abs=3)


def test_takes_no_fold_of_the_sheet_for_writing() -> None:
    shade = np.zeros((1000, 800), np.uint8)
    for number, place in enumerate(((690, 160), (660, 230), (700, 300), (640, 380))):
        cv2.ellipse(shade, place, (5, 25), 20 + 8 * number, 0, 360, (50,), -1, cv2.LINE_AA)
    layout = find_lines(cv2.subtract(write(), cv2.GaussianBlur(shade, (0, 0), 2)))
    assert middles(layout) == pytest.approx(middles(find_lines(write())), abs=3)
    assert all(line.box.x + line.box.w < 600 for line in layout.lines)


def test_evens_out_the_light() -> None:
    lamp = np.linspace(1.0, 0.35, 800)
    layout = find_lines((write() * lamp).astype(np.uint8))
    assert len(layout.lines) == len(WORDS)
    paper = [float(np.median(line.crop)) for line in layout.lines]
    assert paper == pytest.approx([245] * len(WORDS), abs=6)


def test_a_crop_shows_no_ink_of_other_lines() -> None:
    page = write(pitch=46)
    alone = find_lines(write(WORDS[1:2], top=150 + 46))
    among = find_lines(page)
    assert len(among.lines) == len(WORDS)
    ink = np.count_nonzero(among.lines[1].crop < 128)
    assert ink == pytest.approx(np.count_nonzero(alone.lines[0].crop < 128), rel=0.06)


@pytest.mark.parametrize("degrees", [0, 7, -5])
def test_a_single_row_of_words_far_apart_is_one_line(degrees: float) -> None:
    page = np.full((300, 1240), 235, np.uint8)
    for number, word in enumerate(("Monday", "Tuesday", "Friday", "Sunday")):
        cv2.putText(page, word, (60 + 290 * number, 165), cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.2, (40,), 2, cv2.LINE_AA)
    (line,) = find_lines(turn(page, degrees)).lines
    assert line.crop.shape[0] < PITCH


@pytest.mark.parametrize("pitch", [70, 150])
def test_columns_are_parted_however_far_apart_their_lines_are(pitch: int) -> None:
    page = cv2.hconcat([write(WORDS, left=40, pitch=pitch), write(WORDS, left=60, pitch=pitch)])
    boxes = [line.box for line in find_lines(np.asarray(page, np.uint8)).lines]
    assert [box.x > 800 for box in boxes] == 5 * [False] + 5 * [True]


def test_a_gutter_goes_on_past_lines_of_one_side_and_beside_long_ones() -> None:
    """As between the pages of a book, whose lines are not level with each other."""
    both, left, right, long = (0, 40), (0,), (40,), (8, 40)
    for starts in ([both, left, right, long], [left, both, right, both], [long, right, left, both]):
        inked = np.zeros((len(starts), 80), np.bool_)
        for row, columns in enumerate(starts):
            for column in columns:
                inked[row, column : column + 22] = True
        parts = cut_at_gutters(inked, inked, [10.0 * row for row in range(len(starts))], 8.0)
        assert [len(part) for part in parts] == [2 if columns in (both, long) else 1 for columns in starts]
    assert len(cut_at_gutters(inked[2:], inked[2:], [0.0, 10.0], 8.0)[1]) == 1, "two lines have no gutter"


def test_what_lies_between_two_notes_does_not_join_them() -> None:
    page = cv2.hconcat([write(WORDS[2:], left=60), write(WORDS[2:], left=60)])
    page = np.asarray(page, np.uint8)
    for row in range(100, 400, 9):  # the grain of a table, paler than ink, and in pieces that are too flat for letters
        for column in range(500, 780, 40):
            page[row : row + 3, column + row % 30 :][:, :25] = 170
    boxes = [line.box for line in find_lines(page).lines if line.box.h > 20]
    assert [box.x > 800 for box in boxes] == 3 * [False] + 3 * [True]
    assert all(box.x + box.w < 560 for box in boxes[:3])


def test_a_frame_is_no_sheet_turned_round() -> None:
    page = cv2.copyMakeBorder(write(), 30, 30, 30, 30, cv2.BORDER_CONSTANT, value=(20,))
    around = cv2.copyMakeBorder(page, 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=(235,))
    layout = find_lines(np.asarray(around, np.uint8))
    assert len(layout.lines) == len(WORDS)
    assert middles(layout) == sorted(middles(layout))
    if layout.sheet is not None:
        assert layout.sheet[0, 1] < layout.sheet[3, 1]
        assert layout.sheet[0, 0] < layout.sheet[1, 0]


def test_a_note_that_is_stuck_on_a_page_is_not_all_that_is_read() -> None:
    page = write()
    page = np.asarray(np.minimum(page, 200), np.uint8)
    page[600:900, 300:700] = 252
    cv2.putText(page, "buy milk", (380, 760), cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.2, (40,), 2, cv2.LINE_AA)
    assert find_sheet(page) is not None
    assert len(find_lines(page).lines) == len(WORDS) + 1


@pytest.mark.parametrize("pencil", [155, 175])
def test_a_paler_pen_is_judged_by_whether_it_makes_sense(pencil: int) -> None:
    """Folds and shadows are as pale as pencil beside a black pen, and make none."""
    page = write()
    page[520:] = np.where(page[520:] < 235, (235 - (235 - page[520:].astype(int)) * (235 - pencil) // 195), 235)
    dark = int(sum(middle < 500 for middle in middles(find_lines(write()))))

    def is_pale(line: TextLine) -> bool:
        return int(line.crop.min()) > 100

    for sense, found in ((0.85, len(WORDS)), (0.4, dark)):
        layout = find_lines(page, lambda lines, pale=sense: pale if is_pale(lines[0]) else 0.9)  # type: ignore[misc]
        assert len(layout.lines) == found
    assert len(find_lines(page).lines) == dark


@pytest.mark.parametrize(("main", "size", "step"), [(1.6, 0.6, 20), (1.8, 0.7, 24)])
def test_small_print_that_was_taken_for_one_line_is_parted_where_that_makes_sense(
    main: float, size: float, step: int
) -> None:
    page, font = np.full((900, 1000), 235, np.uint8), cv2.FONT_HERSHEY_SIMPLEX
    for number, text in enumerate(WORDS):
        cv2.putText(page, text, (60, 260 + 120 * number), font, main, (40,), 3, cv2.LINE_AA)
    print_ = ("I have read the terms of this study and agree that what I write", "may be published without my name")
    for number, text in enumerate(print_):
        cv2.putText(page, text, (60, 60 + step * number), font, size, (40,), 2, cv2.LINE_AA)

    def sense(better: float) -> Callable[[Sequence[TextLine]], float]:
        return lambda lines: sum(0.3 if line.box.h > 30 and line.box.y < 150 else better for line in lines) / len(lines)

    assert find_lines(page).crowded
    for better, count in ((0.9, len(WORDS) + 2), (0.31, len(WORDS) + 1)):
        assert len(find_lines(page, sense(better)).lines) == count


def test_writing_around_a_note_is_judged_by_whether_it_makes_sense() -> None:
    page = np.asarray(np.minimum(write(), 200), np.uint8)
    page[600:900, 300:700] = 252
    cv2.putText(page, "buy milk", (380, 760), cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.2, (40,), 2, cv2.LINE_AA)
    for sense, found in ((0.8, len(WORDS) + 1), (0.3, 1)):
        judged = find_lines(page, lambda lines, around=sense: around if lines[0].box.y < 600 else 0.9)  # type: ignore[misc]
        assert len(judged.lines) == found


def test_a_blot_takes_no_more_of_a_line_than_it_covers() -> None:
    page = write()
    row = 150 + PITCH
    cv2.ellipse(page, (240, row - 10), (60, 55), 0, 0, 360, (50,), -1, cv2.LINE_AA)
    layout = find_lines(page)
    check(layout, page)
    (line,) = (line for line in layout.lines if abs(line.box.y + line.box.h / 2 - row) < PITCH / 2)
    assert line.box.h < 1.2 * PITCH
    assert line.box.w > 0.9 * cv2.getTextSize(WORDS[1], cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.2, 2)[0][0]


def test_a_heading_by_a_broad_pen_is_a_line() -> None:
    page = write(top=250)
    cv2.putText(page, "The Garden", (90, 140), cv2.FONT_HERSHEY_SIMPLEX, 2.4, (30,), 15, cv2.LINE_AA)
    layout = find_lines(page)
    assert len(layout.lines) == len(WORDS) + 1
    assert layout.lines[0].box.w > 300


@pytest.mark.parametrize("blur", [4, 5, 6])
def test_lines_out_of_focus_are_found_whole(blur: float) -> None:
    letter = read_picture(SAMPLES / "letter.jpg")
    sharp, soft = (find_lines(page).lines for page in (letter, cv2.GaussianBlur(letter, (0, 0), blur)))
    assert len(soft) == len(sharp)
    for one, other in ((one.box, other.box) for one, other in zip(sharp, soft, strict=True)):
        assert min(one.x + one.w, other.x + other.w) - max(one.x, other.x) > 0.9 * one.w
        assert abs(one.y + one.h / 2 - other.y - other.h / 2) < 0.2 * one.h


def test_small_writing_on_a_large_picture_is_no_ruling() -> None:
    """Letters without ascenders, joined in a row, are as thin as a printed line once the picture is reduced."""
    page = np.full((3000, 4000), 235, np.uint8)
    for number in range(20):
        for column in range(2):
            text = "when we can scan some narrow manna"
            place = (200 + 1900 * column, 300 + 120 * number)
            cv2.putText(page, text, place, cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.4, (40,), 3, cv2.LINE_AA)
    length = cv2.getTextSize("when we can scan some narrow manna", cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.4, 3)[0][0]
    lines = find_lines(page).lines
    assert len(lines) == 40
    assert all(line.box.w > 0.95 * length for line in lines)


def test_reads_one_column_after_the_other() -> None:
    words = ("alpha beta", "gamma", "delta", "epsilon")
    page = np.minimum(write(words, left=60), write(words, left=480))
    layout = find_lines(page)
    assert len(layout.lines) == 8
    assert [line.box.x < 400 for line in layout.lines] == [True] * 4 + [False] * 4
    first = middles(replace(layout, lines=layout.lines[:4]))
    assert first == sorted(first)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_blank_page_has_no_lines(value: int) -> None:
    assert find_lines(np.full((700, 500), value, np.uint8)).lines == ()


@pytest.mark.parametrize("shape", [(3, 900), (900, 3), (1, 1)])
def test_there_is_no_writing_on_a_strip(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    assert find_lines(noise).lines == ()


def test_noise_and_textures_are_bounded() -> None:
    rng = np.random.default_rng(0)
    for picture in (rng.integers(0, 256, (600, 800)), rng.normal(128, 40, (40, 9000)).clip(0, 255)):
        grey = picture.astype(np.uint8)
        layout = find_lines(grey)
        check(layout, grey)
        assert len(layout.lines) <= 500


def test_a_large_picture_is_read_at_its_own_resolution() -> None:
    page = np.asarray(cv2.resize(write(), None, fx=5, fy=5, interpolation=cv2.INTER_LINEAR), np.uint8)
    layout = find_lines(page)
    check(layout, page)
    assert len(layout.lines) == len(WORDS)
    assert all(line.crop.shape[0] > 2 * PITCH for line in layout.lines)


@settings(max_examples=60)
@given(arrays(np.uint8, st.tuples(st.integers(1, 90), st.integers(1, 90)), elements=st.integers(0, 255)))
def test_any_picture_gives_a_layout(grey: Grey) -> None:
    check(find_lines(grey), grey)


@settings(max_examples=25)
@given(
    st.integers(1, 6),
    st.floats(44, 110),
    st.floats(-9, 9),
    st.integers(0, 60),
    st.booleans(),
)
def test_lines_come_from_top_to_bottom(count: int, pitch: float, degrees: float, falloff: int, ruled: bool) -> None:
    page = write(WORDS[:count], pitch=round(pitch))
    if ruled:
        page[np.arange(10, 1000, round(pitch))] = 180
    page = turn(page, degrees)
    page -= np.linspace(0, falloff, 800).astype(np.uint8)
    layout = find_lines(page)
    check(layout, page)
    assert len(layout.lines) >= 1
    first = [middles(layout)[row[0]] for row in layout.rows()]
    assert first == sorted(first)
    assert [k for row in layout.rows() for k in row] == list(range(len(layout.lines)))


@pytest.mark.parametrize("gap", [90, 160, 320])
def test_the_numbers_of_a_list_are_read_with_their_items(gap: int) -> None:
    page = write(left=90 + gap)
    for number in range(len(WORDS)):
        place = (40, 150 + number * PITCH)
        cv2.putText(page, str(number + 1), place, cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.2, (40,), 2, cv2.LINE_AA)
    layout = find_lines(page)
    assert [[layout.lines[k].box.x < 90 for k in row] for row in layout.rows()] == [[True, False]] * len(WORDS)


CELL = st.tuples(st.floats(18, 34), st.floats(-6, 6))


@given(st.lists(st.tuples(CELL, st.none() | CELL, CELL), min_size=4, max_size=8))
def test_the_cells_of_a_table_are_read_row_by_row(table: list[tuple[tuple[float, float] | None, ...]]) -> None:
    """Cells are of different heights, stand a little off their rows, some are empty and the last is wider."""
    boxes, rows = [], []
    for number, cells in enumerate(table):
        widths = (130, 40, 60 if number == len(table) - 1 else 40)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            if cell is not None:
                height, off = cell
                boxes.append((200 * column, 50 * number + off - height / 2, width, height))
                rows.append(number)
    order = reading_order(np.array(boxes), 30.0)
    assert [{rows[k] for k in row} for row in order] == [{number} for number in range(len(table))]
    assert [k for row in order for k in row] == list(range(len(boxes)))


@given(st.lists(st.lists(st.floats(2.0, 7.5), min_size=3, max_size=6), min_size=3, max_size=8), st.booleans())
def test_three_columns_of_words_are_a_table_and_of_sentences_are_none(table: list[list[float]], wide: bool) -> None:
    pitch, columns = 30.0, len(table[0])
    widths = [(row * columns)[:columns] for row in table]
    if wide:
        widths = [[12.0 + cell for cell in row] for row in widths]
    boxes = [
        (700 * column, 60 * number, pitch * width, 24)
        for number, row in enumerate(widths)
        for column, width in enumerate(row)
    ]
    order = [k for row in reading_order(np.array(boxes), pitch) for k in row]
    by_rows = list(range(len(boxes)))
    by_columns = [k for column in range(columns) for k in by_rows[column::columns]]
    assert order == (by_columns if wide else by_rows)


@given(st.integers(0, 3), st.sets(st.tuples(st.integers(0, 4), st.integers(1, 7)), max_size=4))
def test_a_heading_over_two_columns_leaves_a_table_a_table(first: int, empty: set[tuple[int, int]]) -> None:
    """As where the names of two days touch, over cells some of which are empty."""
    heads = [(200 * column, 0, 370 if column == first else 100, 24) for column in range(5) if column != first + 1]
    cells = [
        (200 * column, 60 * row, 100, 24) for row in range(1, 8) for column in range(5) if (column, row) not in empty
    ]
    boxes = np.array([*heads, *cells], np.float64)
    assert [k for row in reading_order(boxes, 30.0) for k in row] == list(range(len(boxes)))


def test_a_page_of_a_thousand_lines_is_ordered() -> None:
    """Each cut between two lines is another half to be looked at."""
    boxes = np.array([(100 * (k % 3 == 0), 40 * k, 200 + 37 * (k % 11), 30) for k in range(1500)])
    both = np.concatenate([boxes, np.add(boxes, (1200, 5, 0, 0))])
    assert [k for row in reading_order(both, 40.0) for k in row] == list(range(3000))


def test_the_number_of_a_page_is_a_line() -> None:
    page = write()
    cv2.putText(page, "7", (400, 800), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (40,), 2, cv2.LINE_AA)
    layout = find_lines(page)
    assert len(layout.lines) == len(WORDS) + 1
    assert abs(middles(layout)[-1] - 787) < 20


def test_date_and_closing_at_the_right_are_not_read_together() -> None:
    page = np.full((1000, 1400), 235, np.uint8)
    page[:, :800] = write(top=250)
    for text, y in (("Bristol", 110), ("4 May", 170), ("Yours", 690), ("John", 750)):
        cv2.putText(page, text, (950, y), cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.2, (40,), 2, cv2.LINE_AA)
    layout = find_lines(page)
    assert [line.box.x > 800 for line in layout.lines] == [True] * 2 + [False] * len(WORDS) + [True] * 2


def test_small_writing_on_a_small_sheet_in_a_large_picture_is_found() -> None:
    table = np.full((4000, 3000), 60, np.uint8)
    table[1500:2000, 1000:1400] = cv2.resize(write(), (400, 500), interpolation=cv2.INTER_AREA)
    assert len(find_lines(table).lines) == len(WORDS)


def test_finds_the_lines_of_photographed_pages(data: Path) -> None:
    for name, count in (("test3", 27), ("page01", 4)):
        path = data / "phone_pages" / f"{name}.jpg"
        if not path.is_file():
            pytest.skip(f"{path} is not there")
        picture = read_picture(path)
        layout = find_lines(picture)
        check(layout, picture)
        assert layout.sheet is not None
        assert len(layout.lines) == count


def test_a_scan_without_an_edge_has_no_sheet() -> None:
    assert find_sheet(write()) is None
    assert find_sheet(np.zeros((1, 1), np.uint8)) is None
