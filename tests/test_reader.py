"""The whole path, with the model that ships: from a frame to text."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from drawing import sheet, square, sudoku_truth, write
from drawn_model import describe
from numpy.typing import NDArray

from edge_hwr.bundle import Bundle, open_bundle, write_bundle
from edge_hwr.datasets import open_dataset
from edge_hwr.errors import PictureError, UsageError
from edge_hwr.language_model import open_language_model
from edge_hwr.metrics import edit_distance
from edge_hwr.picture import read_picture
from edge_hwr.reader import Reader
from edge_hwr.reading import REJECTED

SAMPLES = Path(__file__).parents[1] / "samples"


def turn_page(page: NDArray[np.uint8], degrees: float) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A page turned and made a little smaller, so that hardly any of it is lost; and where its points went."""
    height, width = page.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 0.85)
    seen = cv2.warpAffine(page, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.uint8), np.asarray(turn, np.float64)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader("digits")


def test_digits_on_a_sheet_become_lines_of_text(reader: Reader):
    page = sheet()
    write(page, "31415", 60, 120)
    write(page, "926  535", 60, 240)
    reading = reader.read(page)
    assert reading.text == "31415\n926 535"
    assert (reading.width, reading.height, reading.model) == (640, 480, "digits")
    assert all(glyph.confidence > 0.8 for glyph in reading.glyphs)
    assert set(reading.ms) == {"layout", "preprocess", "invoke", "decode", "total"}
    assert reading.ms["total"] == pytest.approx(sum(v for k, v in reading.ms.items() if k != "total"), abs=0.01)


def test_boxes_of_lines_enclose_their_glyphs(reader: Reader):
    page = sheet()
    write(page, "8042", 60, 120)
    (line,) = reader.read(page).lines
    assert line.box.x == min(glyph.box.x for glyph in line.glyphs)
    assert line.box.x + line.box.w == max(glyph.box.x + glyph.box.w for glyph in line.glyphs)
    assert [glyph.text for glyph in line.glyphs] == list("8042")


def test_digits_in_boxes_are_no_words(reader: Reader):
    page = sheet()
    write(page, "70361", 60, 120, pitch=100)
    assert reader.read(page).text == "70361"


@pytest.mark.parametrize(("pitch", "degrees"), [(24, 0), (24, -3), (36, 3), (48, 0), (48, 6)])
def test_dark_squares_are_paper(reader: Reader, pitch: float, degrees: float):
    page = sheet(1280, 960)
    rows = ["3141592653", "5897932384", "6264338327"]
    for number, row in enumerate(rows):
        write(page, row, 90, 250 + 220 * number, size=84, pen=7, pitch=110)
    text = reader.read(square(page, pitch, 120, 2, degrees)).text
    assert edit_distance(text.replace(" ", ""), "\n".join(rows)) <= 2
    assert len(reader.read(square(sheet(1280, 960), pitch, 120, 2, degrees)).text) <= 3


@pytest.mark.parametrize("model", ["digits", "characters"])
@pytest.mark.parametrize("degrees", [-12, -9, -5, 2, 5, 9, 12])
@pytest.mark.parametrize("sample", ["columns.jpg", "puzzle.jpg"])
def test_a_page_need_not_be_upright(model: str, degrees: float, sample: str):
    """Whole lines of it, in their order, and each glyph where it stands."""
    page = read_picture(SAMPLES / sample)
    turned, turn = turn_page(page, degrees)
    reader = Reader(model)
    plain, other = reader.read(page), reader.read(turned)
    text, turned_text = (reading.text.replace(" ", "") for reading in (plain, other))
    assert edit_distance(turned_text, text) <= 0.1 * len(text)
    for glyph in plain.glyphs:
        x, y = turn @ (glyph.box.x + glyph.box.w / 2, glyph.box.y + glyph.box.h / 2, 1.0)
        there = [one for one in other.glyphs if abs(one.box.x + one.box.w / 2 - x) < 12 and
                 abs(one.box.y + one.box.h / 2 - y) < 12]  # fmt: skip
        assert len(there) == 1 or glyph.rejected


def test_rules_broken_by_the_digits_on_them_are_no_part_of_these(reader: Reader):
    """A piece of a rule that hangs on a digit made it twice as broad, and closed the blank beside it."""
    reading = reader.read(read_picture(SAMPLES / "phone-list.jpg"))
    assert [[len(pair) for pair in line.text.split()] for line in reading.lines] == [[2] * 5] * 5
    assert max(glyph.box.w / glyph.box.h for glyph in reading.glyphs) < 1.5


@pytest.mark.parametrize("grey", [130, 215], ids=["dark", "faint"])
@pytest.mark.parametrize("degrees", [0, 2])
def test_a_photographed_list_is_read_on_squares(reader: Reader, degrees: float, grey: int):
    """Dark ones hang together with all of the writing; of faint ones crumbs are seen here and there."""
    page = read_picture(SAMPLES / "phone-list.jpg")
    plain, squared = (reader.read(seen).text.replace(" ", "") for seen in (page, square(page, 36, grey, 2, degrees)))
    assert edit_distance(squared, plain) <= 0.1 * len(plain)


@pytest.mark.parametrize("degrees", [0, 2])
def test_a_photographed_list_is_read_where_dark_rules_cross_it(reader: Reader, degrees: float):
    page = read_picture(SAMPLES / "phone-list.jpg")
    ruled = square(page, 40, 130, 2, degrees, upright=False)
    plain, crossed = (reader.read(seen).text.replace(" ", "") for seen in (page, ruled))
    assert edit_distance(crossed, plain) <= 0.1 * len(plain)


@pytest.mark.parametrize("text", ["6", "9", "68"])
def test_a_few_broad_digits_on_a_board_are_not_read_by_their_holes(reader: Reader, text: str):
    page = sheet(2400, 720, bright=215, falloff=40)
    write(page, text, 150, 560, size=200, pen=30, ink=40, pitch=220)
    reading = reader.read(255 - page)
    assert reading.text == text
    assert reading.inverted


def test_blanks_in_boxes_are_where_boxes_are_apart_or_empty(reader: Reader):
    page = sheet(1280, 400, falloff=30)
    for place, digit in enumerate("218725890641"):
        x = 60 + 90 * place + 50 * (place // 4)
        if digit == "1":  # there is much room around it
            cv2.line(page, (x + 22, 78), (x + 20, 148), (60,), 6, cv2.LINE_AA)
        else:
            write(page, digit, x, 150, size=74, pen=6)
    write(page, "8093 42", 60, 300, size=74, pen=6, pitch=90)
    assert reader.read(page).text == "2187 2589 0641\n8093 42"


def test_what_is_no_digit_is_marked_and_lines_of_it_are_left_out(reader: Reader):
    page = sheet()
    write(page, "123", 60, 120, size=60, pitch=80)
    write(page, "#", 300, 120, size=60)
    for k in range(5):
        cv2.circle(page, (80 + 60 * k, 300), 24, (70,), -1)
    reading = reader.read(page)
    assert reading.text == f"123{REJECTED}"
    assert reading.glyphs[-1].rejected
    assert reading.glyphs[-1].to_json()["rejected"] is True


def test_an_unsure_glyph_alone_in_its_row_is_marked_and_not_left_out(reader: Reader):
    """As the answers of a form, one below the other: none may move up."""
    page = sheet()
    for row, text in enumerate("4K7"):
        write(page, text, 100, 120 + 130 * row, size=60)
    reading = reader.read(page)
    assert reading.text == f"4\n{REJECTED}\n7"
    assert [line.glyphs[0].rejected for line in reading.lines] == [False, True, False]
    alone = sheet()
    write(alone, "K", 100, 120, size=60)
    assert reader.read(alone).text == REJECTED


@pytest.mark.parametrize(("pitch", "read"), [(27, "000"), (22, REJECTED)])
def test_digits_that_overlap_are_read_or_marked_and_leave_blanks_where_they_are(reader: Reader, pitch: int, read: str):
    page = sheet()
    write(page, "65", 60, 120)
    write(page, "000", 200, 120, pen=4, pitch=pitch)
    write(page, "90", 360, 120)
    write(page, "31415926", 60, 240)
    assert reader.read(page).text == f"65 {read} 90\n31415926"


def test_blank_frames_read_as_nothing(reader: Reader):
    for level in (0, 128, 255):
        assert reader.read(np.full((480, 640), level, np.uint8)).text == ""


@pytest.mark.parametrize("frame", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4)), np.zeros((0, 4), np.uint8)])
def test_a_frame_that_is_no_grey_picture_is_refused(reader: Reader, frame: np.ndarray):
    with pytest.raises(PictureError, match="uint8 of shape"):
        reader.read(frame)


@pytest.mark.parametrize("frame", ["photo.jpg", None, [[0, 1], [2, 3]], memoryview(b"abcd")])
def test_what_is_no_array_is_refused(reader: Reader, frame: Any):
    with pytest.raises(PictureError, match=r"a frame is an array, not .*: read_picture makes one of a file"):
        reader.read(frame)


@pytest.mark.parametrize(
    ("frame", "remedy"),
    [(np.zeros((4, 4, 3), np.uint8), "cvtColor"), (np.zeros((4, 4), np.float32), "multiplied by 255")],
)
def test_colours_and_shares_are_refused_with_what_to_do(reader: Reader, frame: np.ndarray, remedy: str):
    with pytest.raises(PictureError, match=remedy):
        reader.read(frame)


@pytest.mark.parametrize("name", ["", None, 7, "a\0b"])
def test_what_names_no_file_is_refused(name: Any):
    for take in (Reader, read_picture, open_dataset, open_language_model):
        with pytest.raises(UsageError):
            take(name)


def test_a_reader_that_is_at_work_in_one_thread_is_refused_to_another():
    reader, page = Reader("lines"), read_picture(SAMPLES / "letter.jpg")
    text = reader.read(page).text
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(reader.read, page) for _ in range(8)]
    errors = [error for future in futures if (error := future.exception()) is not None]
    assert errors
    assert all(isinstance(error, UsageError) and "one thread at a time" in str(error) for error in errors)
    assert {future.result().text for future in futures if future.exception() is None} == {text}
    assert reader.read(page).text == text, "it works on after that"


def test_a_dotted_strip_of_one_row_is_read(reader: Reader):
    strip = np.full((1, 200_001), 235, np.uint8)
    strip[0, ::2] = 40
    assert reader.read(strip).text == ""


@pytest.mark.parametrize("threads", [0, -1, 30_000, 3_000_000_000, "2", 1.5])
def test_a_reader_of_no_possible_number_of_threads_is_refused(threads: Any):
    with pytest.raises(UsageError, match=f"one thread or more, up to 256, not on {threads}"):
        Reader("digits", threads=threads)


def test_samples_are_read(reader: Reader):
    rows = (SAMPLES / "labels.tsv").read_text(encoding="utf-8").splitlines()[1:]
    truth = {name: text.replace("\\n", "").replace(" ", "") for name, text in (row.split("\t") for row in rows)}
    wrong = 0
    for name, text in truth.items():
        reading = reader.read(read_picture(SAMPLES / name))
        read = "".join(glyph.text for glyph in reading.glyphs if not glyph.rejected)
        wrong += edit_distance(read, text)
    assert len(truth) >= 4
    assert wrong <= 0.03 * sum(map(len, truth.values()))


@pytest.mark.parametrize("photo", ["photo2002", "photo2003"])
def test_real_sudoku_photos_are_read(reader: Reader, data: Path, photo: str):
    to_cells, truth = sudoku_truth(data / "sudoku_photos" / f"{photo}.txt")
    reading = reader.read(read_picture(data / "sudoku_photos" / f"{photo}.jpg"))
    right = set()
    for glyph in reading.glyphs:
        centre = np.array([[[glyph.box.x + glyph.box.w / 2, glyph.box.y + glyph.box.h / 2]]], np.float32)
        column, row = np.floor(cv2.perspectiveTransform(centre, to_cells)[0, 0]).astype(int).tolist()
        if 0 <= row < 9 and 0 <= column < 9 and truth[row][column] == glyph.text:
            right.add((row, column))
    assert len(right) >= 0.95 * 81


def renamed(bundle: Bundle, folder: Path, labels: str, temperature: float = 1.0) -> Bundle:
    """The same network with other names for its classes."""
    path = folder / "renamed.tflite"
    inputs, outputs = bundle.golden()
    metadata = describe(charset=labels, temperature=temperature)
    write_bundle(path, bundle.flatbuffer, labels, metadata, inputs, outputs)
    return open_bundle(path)


def test_the_company_decides_between_characters_of_one_shape(drawn_bundle: Bundle, tmp_path: Path):
    unsure = renamed(drawn_bundle, tmp_path, "O023456789", temperature=20)
    page = sheet()
    write(page, "23045", 60, 120)
    assert Reader(unsure, context=False).read(page).text == "23O45"
    assert Reader(unsure).read(page).text == "23045"


def test_context_changes_nothing_where_no_characters_look_alike():
    page = sheet()
    write(page, "31415", 60, 120)
    with_it, without = (Reader("digits", context=context).read(page) for context in (True, False))
    assert with_it.lines == without.lines


def test_marks_are_looked_for_where_the_model_knows_them(drawn_bundle: Bundle, tmp_path: Path):
    page = sheet()
    write(page, "2345", 60, 120)
    cv2.circle(page, (142, 117), 3, (60,), -1)
    assert len(Reader(drawn_bundle).read(page).glyphs) == 4
    assert len(Reader(renamed(drawn_bundle, tmp_path, ".123456789")).read(page).glyphs) == 5
