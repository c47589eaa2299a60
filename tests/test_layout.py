"""Layout on drawn pages and, where the data is there, on real photographs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from drawing import centres, sheet, square, sudoku_truth, write
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_hwr.layout import find_glyphs, isolate_glyph


def test_glyphs_are_found_in_reading_order_under_uneven_light():
    page = sheet(falloff=140)
    for row in range(4):
        write(page, "0123456789", 60, 90 + 100 * row)
    found = find_glyphs(page)
    assert len(found) == 40
    assert found.line_of.tolist() == [row for row in range(4) for _ in range(10)]
    for index, (x, y) in enumerate(centres(found.boxes)):
        row, column = divmod(index, 10)
        assert abs(x - (60 + 44 * column + 15)) < 14
        assert abs(y - (72 + 100 * row)) < 14


@pytest.mark.parametrize("size", [18, 28, 48, 90])
def test_boxes_hug_the_ink_at_every_size(size: int):
    page = sheet(1280, 720)
    write(page, "358", 100, 400, size=size, pen=max(2, size // 12), pitch=2 * size)
    found = find_glyphs(page)
    assert len(found) == 3
    assert np.all(np.abs(found.boxes[:, 3] - (size + max(2, size // 12))) <= 0.2 * size + 4)


@pytest.mark.parametrize("slope", [-0.03, 0.0, 0.02])
def test_ruled_lines_are_not_ink_even_where_digits_stand_on_them(slope: float):
    page = sheet()
    for row in range(5):
        left, right = (0, 60 + 90 * row), (639, 60 + 90 * row + round(639 * slope))
        cv2.line(page, left, right, (130,), 2, cv2.LINE_AA)
    write(page, "2718281828", 60, 152)  # the feet of the digits touch the second line
    found = find_glyphs(page)
    assert len(found) == 10
    assert np.all(found.boxes[:, 2] < 60)


def test_grid_is_not_ink_and_its_digits_are_found_touching_or_not():
    page = sheet(960, 960)
    for k in range(10):
        pen = 5 if k % 3 == 0 else 2
        cv2.line(page, (30 + 100 * k, 30), (30 + 100 * k, 930), (40,), pen, cv2.LINE_AA)
        cv2.line(page, (30, 30 + 100 * k), (930, 30 + 100 * k), (40,), pen, cv2.LINE_AA)
    for row in range(9):
        for column in range(9):
            low = 12 if (row + column) % 4 == 0 else 0  # every fourth digit reaches the line below it
            write(page, str((row * 3 + column) % 10), 62 + 100 * column, 108 + 100 * row + low, size=50, pen=4)
    found = find_glyphs(page)
    cells = [(int((y - 30) // 100), int((x - 30) // 100)) for x, y in centres(found.boxes)]
    assert sorted(cells) == [(row, column) for row in range(9) for column in range(9)]


def test_thin_pen_is_found_beside_bold_print_on_a_grid():
    page = sheet(960, 960)
    for k in range(10):
        cv2.line(page, (30 + 100 * k, 30), (30 + 100 * k, 930), (40,), 2, cv2.LINE_AA)
        cv2.line(page, (30, 30 + 100 * k), (930, 30 + 100 * k), (40,), 2, cv2.LINE_AA)
    rng = np.random.default_rng(2)
    for row in range(9):
        for column in range(9):
            x, y = 50 + 100 * column, 58 + 100 * row
            if (row + column) % 2:
                write(page, "8", x + 10, y + 50, size=50, pen=9)
            else:  # a zigzag of a sharp pencil, two pixels wide
                bends = np.array([[x, y], [x + 34, y + 6], [x + 4, y + 30], [x + 36, y + 52]]) + rng.integers(
                    -3, 4, (4, 2)
                )
                cv2.polylines(page, [bends.astype(np.int32)], False, (90,), 2, cv2.LINE_AA)
    cells = {(int((y - 30) // 100), int((x - 30) // 100)) for x, y in centres(find_glyphs(page).boxes)}
    assert len(cells) >= 79


def test_table_edge_and_dark_table_are_not_ink():
    page = np.full((480, 640), 70, np.uint8)
    page[:, 200:] = sheet(440, 480)
    write(page, "4096", 300, 250)
    assert [round(x / 50) for x, _ in centres(find_glyphs(page).boxes)] == [6, 7, 8, 9]


def test_broken_digit_is_one_glyph_and_specks_are_none():
    page = sheet()
    write(page, "859268", 60, 200, size=60, pen=4, pitch=90)
    bare = sheet()
    for k in (0, 2, 5):  # a pen that skipped: a gap of four pixels through the digit
        page[166:170, 60 + 90 * k : 130 + 90 * k] = bare[166:170, 60 + 90 * k : 130 + 90 * k]
    specks = np.random.default_rng(3).integers((0, 260), (640, 480), (60, 2))
    for x, y in specks.tolist():
        cv2.circle(page, (x, y), 1, (60,), -1)
    found = find_glyphs(page)
    assert len(found) == 6
    assert np.all(found.boxes[:, 3] > 55)


def test_a_climbing_line_stays_one_line():
    page = sheet(1280, 720)
    for k in range(16):
        write(page, str(k % 10), 60 + 70 * k, 300 - 9 * k)
        write(page, str(k % 10), 60 + 70 * k, 390 - 9 * k)
    assert find_glyphs(page).line_of.tolist() == [0] * 16 + [1] * 16


@pytest.mark.parametrize("page", [np.zeros((480, 640), np.uint8), np.full((480, 640), 255, np.uint8), sheet()])
def test_bare_frames_hold_no_glyphs(page: np.ndarray):
    assert len(find_glyphs(page)) == 0
    assert len(isolate_glyph(page)) == 0


@settings(max_examples=150)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**32 - 1), st.sampled_from(["noise", "steps", "dots"]))
def test_any_picture_gives_boxes_within_it(width: int, height: int, seed: int, kind: str):
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (height, width), np.uint8)
    if kind == "steps":
        picture = (picture > 128).astype(np.uint8) * 255
    elif kind == "dots":
        picture = np.where(picture > 250, 0, 220).astype(np.uint8)
    for found in (find_glyphs(picture), isolate_glyph(picture)):
        assert len(found.boxes) == len(found.line_of)
        for x, y, w, h in found.boxes.tolist():
            assert w > 0
            assert h > 0
            assert 0 <= x < x + w <= width
            assert 0 <= y < y + h <= height


@pytest.mark.parametrize(("width", "height"), [(800, 9600), (16000, 120)])
def test_glyphs_are_found_all_along_a_roll(width: int, height: int):
    page = sheet(width, height)
    places = [(x, y) for y in range(100, height, 160) for x in range(60, width - 60, 340)]
    for x, y in places:
        write(page, "358", x, y, size=40, pen=4, pitch=40)
    assert len(find_glyphs(page)) == 3 * len(places)


@pytest.mark.parametrize("size", [(1, 2000), (2, 1280), (3, 9000), (2000, 1), (1, 1)])
def test_thin_strips_hold_no_glyphs_and_do_no_harm(size: tuple[int, int]):
    strip = np.full(size, 220, np.uint8)
    strip[:, ::7] = 30
    assert len(find_glyphs(strip)) == 0


def test_isolate_leaves_out_ruling_and_neighbours_at_the_edge():
    crop = sheet(64, 64, falloff=10)
    crop[:, 1:4] = 50
    crop[58:60, :] = 90
    cv2.ellipse(crop, (66, 20), (8, 12), 0, 0, 360, (60,), 3)
    write(crop, "7", 20, 46, size=30)
    found = isolate_glyph(crop)
    assert len(found) == 1
    x, y, w, h = found.boxes[0].tolist()
    assert 14 <= x <= 26
    assert x + w <= 50
    assert y >= 12
    assert y + h <= 54


@pytest.mark.parametrize("photo", ["photo2002", "photo2003"])
def test_every_cell_of_real_sudoku_photos_has_a_glyph(data: Path, photo: str):
    page = cv2.imread(str(data / "sudoku_photos" / f"{photo}.jpg"), cv2.IMREAD_GRAYSCALE)
    to_cells, _ = sudoku_truth(data / "sudoku_photos" / f"{photo}.txt")
    points = np.array([centres(find_glyphs(page).boxes)], np.float32)
    cells = np.floor(cv2.perspectiveTransform(points, to_cells)[0]).astype(int)
    inside = [(row, column) for column, row in cells.tolist() if 0 <= row < 9 and 0 <= column < 9]
    assert len(set(inside)) == 81
    assert len(inside) <= 84


@pytest.mark.parametrize("border", [0, 1, 12])
@pytest.mark.parametrize("glyph", list('A08Mci?:!="ztx5'))
def test_isolate_keeps_all_of_a_glyph_however_tightly_it_was_cut_out(glyph: str, border: int):
    paper = np.full((120, 120), 235, np.uint8)
    cv2.putText(paper, glyph, (30, 80), cv2.FONT_HERSHEY_SIMPLEX, 2.2, (40,), 4, cv2.LINE_AA)
    x, y, w, h = cv2.boundingRect(255 - paper - 20)
    crop = np.full((h + 2 * border, w + 2 * border), 235, np.uint8)
    crop[border : border + h, border : border + w] = paper[y : y + h, x : x + w]
    found = isolate_glyph(crop)
    kept = cv2.dilate((found.owner[found.labels] == 0).astype(np.uint8), np.ones((3, 3))) > 0
    assert kept[crop < 100].mean() > 0.95


@pytest.mark.parametrize("text", ["oil,hat.", "a-b:c", "i;j!k?", "l'eau", "7.50-8"])
def test_marks_are_glyphs_of_their_own_where_they_are_read(text: str):
    page = sheet(1280, 720)
    write(page, text, 100, 300, size=60, pen=6, pitch=70)
    page[500:504, 600:604] = 90  # a speck between the lines
    found = find_glyphs(page, marks=True)
    assert len(found) == len(text)
    assert set(found.line_of.tolist()) == {0}


def test_marks_are_dirt_where_only_digits_are_read():
    page = sheet(1280, 720)
    write(page, "7.50-8,", 100, 300, size=60, pen=6, pitch=70)
    assert len(find_glyphs(page)) == 4


def test_a_form_and_a_table_of_few_entries_hold_these_alone():
    form = sheet(1280, 960)
    for top in (60, 280, 500, 720):
        for left in range(100, 1051, 95):
            cv2.line(form, (left, top), (left, top + 119), (80,), 4)
        for level in (top, top + 119):
            cv2.line(form, (100, level), (1050, level), (80,), 4)
    for place, digit in enumerate("46915768"):
        write(form, digit, 130 + 95 * place, 150, size=60, pen=5)
    assert len(find_glyphs(form)) == 8
    table = sheet(1200, 900, falloff=20)
    for left in range(100, 1101, 250):
        cv2.line(table, (left, 60), (left, 840), (80,), 3, cv2.LINE_AA)
    for level in range(60, 841, 130):
        cv2.line(table, (100, level), (1100, level), (80,), 3, cv2.LINE_AA)
    write(table, "805", 130, 160, size=45, pitch=50)
    write(table, "92", 660, 680, size=45, pitch=50)
    for degrees in (0, 1, 2):  # nobody holds a camera straight
        turn = cv2.getRotationMatrix2D((600, 450), degrees, 1.0)
        seen = cv2.warpAffine(table, turn, (1200, 900), borderMode=cv2.BORDER_REPLICATE)
        assert len(find_glyphs(np.asarray(cv2.GaussianBlur(seen, (0, 0), 0.8), np.uint8))) == 5


@pytest.mark.parametrize("thick", [2, 4])
@pytest.mark.parametrize("degrees", [0, 1.5])
def test_dark_rules_and_a_margin_that_hold_all_the_writing_together(thick: int, degrees: float):
    """One piece of ink, with ones and sevens as upright as the walls of a form."""
    page = sheet(1600, 960, falloff=30)
    for row in range(6):
        for place, digit in enumerate("1147706914"):
            write(page, digit, 220 + 120 * place, 152 + 120 * row, size=86, pen=7)
    cv2.line(page, (120, 0), (112, 960), (120,), 3, cv2.LINE_AA)
    found = find_glyphs(square(page, 120, 110, thick, degrees, upright=False))
    assert np.bincount(found.line_of).tolist() == [10] * 6


def test_a_broad_digit_on_plain_paper_keeps_its_straight_strokes():
    page = sheet()
    write(page, "38", 60, 140, size=40)
    two = np.array([(200, 112), (214, 100), (228, 110), (204, 140), (270, 140)], np.int32)
    cv2.polylines(page, [two], False, (60,), 3, cv2.LINE_AA)  # its base is as wide as the others are high twice over
    found = find_glyphs(page)
    assert len(found) == 3
    assert found.boxes[2, 2] == pytest.approx(70, abs=6)


def test_a_colon_is_no_cloud_of_specks():
    page = sheet()
    write(page, "7", 60, 140, size=60, pen=4)
    for level in (105, 135):
        cv2.circle(page, (125, level), 3, (60,), -1, cv2.LINE_AA)
    write(page, "30", 150, 140, size=60, pen=4, pitch=66)
    assert len(find_glyphs(page, marks=True)) == 4


@pytest.mark.parametrize("size", [40, 110])
def test_a_ring_around_a_number_is_none_of_it(size: int):
    page = sheet(900, 480, falloff=30)
    for place, digits in enumerate(("42", "7")):
        write(page, digits, 200 + 360 * place, 280, size=size, pen=max(2, size // 14), pitch=size)
        middle = 200 + 360 * place + round(size * (0.85, 0.38)[place])
        axes = round(size * (1.6, 1.0)[place]), size
        cv2.ellipse(page, (middle, 280 - size // 2), axes, 8, 0, 350, (60,), max(2, size // 14), cv2.LINE_AA)
    found = find_glyphs(page)
    assert len(found) == 3
    assert found.boxes[:, 3].max() < 1.2 * size
    with_sign = sheet(900, 480, falloff=30)
    write(with_sign, "8%6", 200, 280, size=110, pen=6, pitch=120)  # a stroke beside two rings is around neither
    assert len(find_glyphs(with_sign, marks=True)) == 3


@pytest.mark.parametrize(("pitch", "grey", "degrees"), [(64, 150, 0), (56, 190, 2)])
def test_a_digit_in_each_square_of_school_paper(pitch: int, grey: int, degrees: float):
    """The writing stands free of the lines, which are most of the ink and go on beyond the frame."""
    page = sheet(1280, 960, falloff=50)
    for row in range(6):
        for place, digit in enumerate("91452806"):
            x, y = round((4.4 + place) * pitch), round((2.26 + 2 * row) * pitch)
            if digit == "1":
                cv2.line(page, (x + 20, y - 52), (x + 16, y), (60,), 4, cv2.LINE_AA)
            else:
                write(page, digit, x, y, size=50, pen=4)
    found = find_glyphs(square(page, pitch, grey, 2, degrees))
    assert np.bincount(found.line_of).tolist() == [8] * 6


@pytest.mark.parametrize("table", [40, 90, 130])
def test_a_sheet_on_a_darker_table_shows_no_glyphs_along_its_edges(table: int):
    page = np.full((960, 1280), table, np.uint8)
    corners = np.array([(130, 70), (1170, 96), (1190, 900), (106, 880)], np.int32)
    cv2.fillConvexPoly(page, corners, (225,), cv2.LINE_AA)
    for row in range(5):  # ones, and lines close to one another: no walls stand between them
        for place, digit in enumerate("40528"):
            write(page, digit, 300 + 110 * place, 270 + 108 * row, size=88, pen=6)
        cv2.line(page, (852, 186 + 108 * row), (848, 268 + 108 * row), (60,), 6, cv2.LINE_AA)
    light = np.linspace(1.0, 0.75, 1280)[None] * np.linspace(1.0, 0.9, 960)[:, None]
    grain = np.random.default_rng(3).normal(0, 3, page.shape)
    seen = np.clip(cv2.GaussianBlur(page, (0, 0), 1.2) * light + grain, 0, 255).astype(np.uint8)
    assert np.bincount(find_glyphs(seen).line_of).tolist() == [6] * 5


@pytest.mark.parametrize("degrees", [0, 1])
def test_the_teeth_of_a_comb_are_no_ones(degrees: float):
    page = sheet(1000, 420, falloff=30)
    for foot in (150, 330):
        cv2.line(page, (90, foot), (890, foot), (90,), 3, cv2.LINE_AA)
        for left in range(90, 891, 100):
            cv2.line(page, (left, foot - 60), (left, foot), (90,), 3, cv2.LINE_AA)
        for place, digit in enumerate("40285638"):
            write(page, digit, 120 + 100 * place, foot - 8, size=62, pen=5)
    turn = cv2.getRotationMatrix2D((500, 210), degrees, 1.0)
    seen = cv2.warpAffine(page, turn, (1000, 420), borderMode=cv2.BORDER_REPLICATE)
    found = find_glyphs(np.asarray(cv2.GaussianBlur(seen, (0, 0), 0.8), np.uint8))
    assert np.bincount(found.line_of).tolist() == [8, 8]


@pytest.mark.parametrize("degrees", [0, 1])
def test_ones_in_tight_cells_are_no_pieces_of_the_walls(degrees: float):
    page, rng = sheet(900, 640, falloff=20), np.random.default_rng(1)
    for level in range(40, 601, 80):
        cv2.line(page, (60, level), (860, level), (90,), 3, cv2.LINE_AA)
    for left in range(60, 861, 80):
        cv2.line(page, (left, 40), (left, 600), (90,), 3, cv2.LINE_AA)
    for row in range(7):
        for column in range(10):
            x, y = 60 + 80 * column, 40 + 80 * row
            if (row + column) % 2:
                lean, length = rng.integers(-3, 7), rng.integers(54, 66)
                cv2.line(page, (x + 40 + lean, y + 10), (x + 40, y + 10 + length), (60,), 4, cv2.LINE_AA)
            else:
                write(page, "8530729"[row], x + 20, y + 68, size=55, pen=4)
    turn = cv2.getRotationMatrix2D((450, 320), degrees, 1.0)
    seen = cv2.warpAffine(page, turn, (900, 640), borderMode=cv2.BORDER_REPLICATE)
    found = find_glyphs(np.asarray(cv2.GaussianBlur(seen, (0, 0), 0.8), np.uint8))
    assert np.bincount(found.line_of).tolist() == [10] * 7


def test_ones_between_close_lines_and_over_a_rule_are_no_crumbs():
    page = sheet(640, 480, falloff=20)
    for row in range(4):
        write(page, "4  8", 80, 140 + 64 * row, size=60, pen=4, pitch=60)
        for left in (160, 215):  # a plain stroke, as most people write a one
            cv2.line(page, (left, 84 + 64 * row), (left, 138 + 64 * row), (60,), 3, cv2.LINE_AA)
    cv2.line(page, (60, 342), (320, 343), (60,), 4, cv2.LINE_AA)
    assert len(find_glyphs(page)) == 16
