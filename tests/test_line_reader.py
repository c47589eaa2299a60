"""Whole lines: the runtime, the reader of crops and pages, and the figures, with a model that reads drawn lines."""

from __future__ import annotations

import json
import shutil
import time
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from drawn_lines import draw_line, draw_text, write_lines, write_page

from edge_hwr import commands
from edge_hwr.bundle import Bundle, open_bundle, verify_golden
from edge_hwr.datasets import open_dataset
from edge_hwr.errors import BundleError, ModelError, UsageError
from edge_hwr.evaluate_command import evaluate
from edge_hwr.evaluate_lines import evaluate_lines
from edge_hwr.export.lexicon import lexicon as build_lexicon
from edge_hwr.language_model import open_language_model
from edge_hwr.line_reader import LineReader
from edge_hwr.line_runtime import WIDTHS, LineModel
from edge_hwr.page_layout import find_lines
from edge_hwr.picture import read_picture, write_picture
from edge_hwr.reader import Reader
from edge_hwr.runtime import TfliteModel

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture(scope="module")
def reader(line_bundle: Bundle) -> LineReader:
    return LineReader(line_bundle)


@pytest.fixture(scope="module")
def model(line_bundle: Bundle) -> LineModel:
    return LineModel(line_bundle.flatbuffer)


def random_line(width: int) -> np.ndarray:
    rng = np.random.default_rng(width)
    return ((rng.random((1, 48, width, 1)) < 0.1) * 255).astype(np.uint8)


def test_the_bundle_says_that_it_reads_lines_of_any_width(line_bundle: Bundle):
    metadata = line_bundle.metadata
    assert (metadata.task, metadata.height, metadata.width) == ("line", 48, None)
    assert verify_golden(line_bundle).decisions_changed == 0
    assert verify_golden(line_bundle).samples > 0


def test_tensors_are_integers_from_end_to_end(model: LineModel):
    assert (model.input_dtype, model.output_dtype) == (np.uint8, np.int8)
    assert (model.height, model.stride, model.classes) == (48, 4, len(" abc1") + 1)


@pytest.mark.parametrize("width", [1, 7, 255, 256, 257, 1000, WIDTHS[-1]])
def test_there_is_a_step_for_every_four_columns(model: LineModel, width: int):
    assert model.invoke(random_line(width)).shape == (-(-width // 4), 6)


def test_padding_does_not_change_what_is_read(model: LineModel):
    line = np.pad(random_line(200), ((0, 0), (0, 0), (0, 56), (0, 0)))
    padded = np.pad(line, ((0, 0), (0, 0), (0, 300), (0, 0)))
    assert np.array_equal(model.invoke(padded)[:50], model.invoke(line)[:50])


def test_results_outlive_the_next_invoke(model: LineModel):
    scores = model.invoke(random_line(200))
    before = scores.copy()
    model.invoke(random_line(201))
    assert np.array_equal(scores, before)


def test_wide_lines_are_read_in_pieces_that_fit_together(model: LineModel):
    line = random_line(4000)
    scores = model.invoke(line)
    assert scores.shape == (1000, 6)
    for start in range(0, 3000, 500):
        # What the network sees around a step, whichever piece the step is in.
        alone = model.invoke(line[:, :, start : start + 1000])
        assert np.array_equal(scores[start // 4 + 64 : start // 4 + 186], alone[64:186])


@pytest.mark.parametrize("shape", [(2, 48, 100, 1), (1, 40, 100, 1), (48, 100)])
def test_a_tensor_of_another_kind_is_refused(model: LineModel, shape: tuple[int, ...]):
    with pytest.raises(ModelError, match="takes uint8 lines"):
        model.invoke(np.zeros(shape, np.uint8))


def test_models_of_glyphs_and_of_lines_are_not_taken_for_each_other(line_bundle: Bundle, drawn_bundle: Bundle):
    with pytest.raises(ModelError, match="export it with edge-hwr"):
        TfliteModel(line_bundle.flatbuffer)
    with pytest.raises(ModelError):
        LineModel(drawn_bundle.flatbuffer)
    with pytest.raises(ModelError, match="single glyphs"):
        evaluate_lines(drawn_bundle, open_dataset(Path(__file__).parents[1] / "samples"))


def test_lines_never_seen_are_read(reader: LineReader):
    rng = np.random.default_rng(77)
    texts = [draw_text(rng) for _ in range(40)]
    read = [reader.read(draw_line(text, rng)).decoded.text for text in texts]
    assert sum(one == other for one, other in zip(texts, read, strict=True)) >= 36


def test_a_line_wider_than_any_interpreter_is_read(reader: LineReader):
    text = " ".join(["abc1", "cab", "1b"] * 30)
    crop = draw_line(text, np.random.default_rng(1))
    assert crop.shape[1] > 6000
    assert reader.read(crop).decoded.text == text


def test_words_far_apart_are_parted_by_a_blank(reader: LineReader):
    rng = np.random.default_rng(5)
    words = [draw_line(word, rng) for word in ("abc", "1b", "cc1")]
    paper = np.full((words[0].shape[0], 400), 215, np.uint8)
    height = max(word.shape[0] for word in words)
    parts = [np.pad(part, ((0, height - len(part)), (0, 0)), mode="edge") for part in (*words, paper)]
    apart = np.hstack([parts[0], parts[3], parts[1], parts[3], parts[2]])
    found = reader.read(apart)
    assert found.decoded.text == "abc 1b cc1"
    # The blanks take what is bare, not the letters beside them.
    widths = np.diff(found.spans)
    assert all((width > 0.15) == (text == " ") for text, width in zip(found.decoded.text, widths, strict=True))


def test_bare_paper_between_words_is_no_doubt_about_them():
    """A word at either edge of a page, as a wide gap makes hundreds of steps of which each is a little in doubt."""
    words = [line.crop for line in find_lines(read_picture(SAMPLES / "letter.jpg")).lines[:4]]
    reader = LineReader(open_bundle("lines"))
    near, far = (np.full((110, gap + 1800), 245, np.uint8) for gap in (100, 3000))
    for sheet in (near, far):
        for word, left in ((words[0][:, :330], 20), (words[3], sheet.shape[1] - 850)):
            sheet[20 : 20 + len(word), left : left + word.shape[1]] = word
    confidence = [reader.read(sheet).decoded.confidence for sheet in (near, far)]
    assert abs(confidence[1] - confidence[0]) < 0.1
    assert reader.read(far).decoded.text.count(" ") == reader.read(near).decoded.text.count(" ")


def test_a_line_of_ten_thousand_pixels_takes_little_time_and_memory(reader: LineReader):
    crop = np.full((60, 10_000), 220, np.uint8)
    crop[20:40, 50:9950:12] = 40
    tracemalloc.start()
    started = time.monotonic()
    reader.read(crop)
    assert time.monotonic() - started < 20
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()


@pytest.mark.parametrize("shape", [(3, 900), (1, 1), (900, 3), (40, 400), (2000, 10)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_where_there_is_no_writing_nothing_is_read(reader: LineReader, shape: tuple[int, int], level: int):
    found = reader.read(np.full(shape, level, np.uint8))
    assert found.decoded.text == ""
    assert found.decoded.confidence == 0


def test_a_page_becomes_lines_in_order(line_bundle: Bundle):
    page = write_page(["abc 1ba", "cab 11", "b1 aa cc"])
    reading = Reader(line_bundle).read(page)
    assert reading.text == "abc 1ba\ncab 11\nb1 aa cc"
    assert set(reading.ms) == {"layout", "preprocess", "invoke", "decode", "total"}
    assert all(0.3 < line.confidence <= 1 for line in reading.lines)


def test_a_row_of_a_table_is_one_line(line_bundle: Bundle):
    page = write_page(["abc 1ba", "cab 11", "b1 aa cc", "aa b1"])
    for number, text in enumerate(["1", "c", "b", "1"]):
        cv2.putText(page, text, (760, 120 + 110 * number), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (60,), 3, cv2.LINE_AA)
    reading = Reader(line_bundle).read(page)
    assert [line.text[-2:] for line in reading.lines[1:3]] == [" c", " b"]
    second = reading.lines[1]
    assert second.box.x < 100
    assert second.box.x + second.box.w > 750
    assert "".join(glyph.text for glyph in second.glyphs) == second.text.replace(" ", "")


@pytest.mark.parametrize("column", [["11 111", "1 111", "111 11", "11 11"], ["ab cba", "a bca", "cba ba", "bc ab"]])
def test_a_column_of_figures_is_read_with_what_stands_beside_it(line_bundle: Bundle, column: list[str]):
    """However wide: prices, times, sums. A column of words is read by itself."""
    left = write_page(["abc 1ba", "cab 11", "b1 aa cc", "aa b1"])
    boxes = [line.box for line in Reader(line_bundle).read(np.hstack([left, write_page(column)])).lines]
    sides = [(box.x < left.shape[1], box.x + box.w > left.shape[1]) for box in boxes]
    figures = column[0].startswith("1")
    assert sides == ([(True, True)] * 4 if figures else [(True, False)] * 4 + [(False, True)] * 4)


def test_characters_have_boxes_where_they_stand_on_the_page(line_bundle: Bundle):
    page = write_page(["abc 1ba", "cab 11"])
    turned = cv2.warpAffine(
        page, cv2.getRotationMatrix2D((450, 180), 3, 1.0), page.shape[::-1], borderMode=cv2.BORDER_REPLICATE
    )
    for picture in (page, np.asarray(turned, np.uint8)):
        first, second = Reader(line_bundle).read(picture).lines
        assert "".join(glyph.text for glyph in first.glyphs) == "abc1ba"
        for line in (first, second):
            lefts = [glyph.box.x for glyph in line.glyphs]
            assert lefts == sorted(lefts)
            for glyph in line.glyphs:
                x, y, w, h = glyph.box
                # It holds ink in its middle third, so it stands on its character.
                assert picture[y : y + h, x + w // 3 : x + w - w // 3].min() < 120
                assert 0 < glyph.confidence <= 1
        assert first.glyphs[-1].box.y < second.glyphs[0].box.y


def test_blank_pages_read_as_nothing(line_bundle: Bundle):
    for level in (0, 128, 255):
        assert Reader(line_bundle).read(np.full((480, 640), level, np.uint8)).text == ""


def test_figures_of_a_dataset(line_bundle: Bundle, tmp_path: Path):
    found = evaluate_lines(line_bundle, open_dataset(write_lines(tmp_path / "unseen", 20, seed=99)))
    assert found.samples == 20
    assert found.cer <= 0.05
    assert found.cer_without_blanks <= 0.05
    assert 0 <= found.wer <= 0.2
    assert 0 < found.ms_p50 <= found.ms_p90
    assert (found.outside, found.outside_characters) == (0.0, "")


def test_characters_that_a_model_does_not_know_are_told(line_bundle: Bundle, tmp_path: Path):
    lines = write_lines(tmp_path / "lines", 2)
    pictures = sorted(path.name for path in lines.glob("*.png"))
    (lines / "labels.tsv").write_text(
        f"file\ttext\n{pictures[0]}\ta\u2019b\u2019\n{pictures[1]}\te\u0301abc\n", "utf-8"
    )
    found = evaluate_lines(line_bundle, open_dataset(lines))
    assert found.outside == pytest.approx(3 / 8)
    assert found.outside_characters == "\u2019é"
    table = CliRunner().invoke(evaluate, [str(line_bundle.path), str(lines)], standalone_mode=False).output
    assert "37.50% of the characters: \u2019é" in table


def test_the_commands_take_line_models(line_bundle: Bundle, tmp_path: Path):
    run = CliRunner()
    page = tmp_path / "page.png"
    write_picture(page, write_page(["ab 1c"]))
    read = run.invoke(commands.read, [str(page), "--model", str(line_bundle.path), "--json"], standalone_mode=False)
    assert json.loads(read.output)["text"] == "ab 1c"
    lines = write_lines(tmp_path / "lines", 4)
    given = [str(line_bundle.path), str(lines), "--json"]
    measured = json.loads(run.invoke(evaluate, given, standalone_mode=False).output)
    assert {"model", "bytes", "samples", "cer", "wer", "ms_p50"} <= measured.keys()
    table = run.invoke(evaluate, given[:2], standalone_mode=False).output
    assert "CER" in table


def test_models_are_listed_with_their_error_rates(line_bundle: Bundle, tmp_path: Path, monkeypatch):
    shutil.copy(line_bundle.path, tmp_path / "small-lines.tflite")
    monkeypatch.setattr("edge_hwr.bundle.SHIPPED", tmp_path)
    table = CliRunner().invoke(commands.models, standalone_mode=False).output
    assert "line" in table
    assert "CER" in table
    listed = json.loads(CliRunner().invoke(commands.models, ["--json"], standalone_mode=False).output)
    assert listed["task"] == "line"


def test_a_bundle_of_another_line_preprocessing_is_refused(line_bundle: Bundle, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("edge_hwr.bundle.line_preprocessing_digest", lambda parameters: "another")
    with pytest.raises(BundleError, match="another preprocessing"):
        open_bundle(line_bundle.path)


def test_a_lexicon_holds_a_line_to_its_words(line_bundle: Bundle, tmp_path: Path):
    words, lexicon = tmp_path / "words.txt", tmp_path / "form.lexicon"
    words.write_text("abc\n1ca\nbb1\n", "utf-8")
    CliRunner().invoke(build_lexicon, [str(words), "--words", "-o", str(lexicon)], standalone_mode=False)
    page = tmp_path / "page.png"
    write_picture(page, write_page(["abc", "1cb"]))  # the second is none of the words
    options = [str(page), "--model", str(line_bundle.path), "--lexicon", str(lexicon)]
    read = CliRunner().invoke(commands.read, options, standalone_mode=False)
    assert read.output.split() == ["abc", "1ca"]


def test_words_that_a_model_cannot_read_are_told_before_anything_is_read(line_bundle: Bundle, tmp_path: Path, caplog):
    words, lexicon, page = (tmp_path / name for name in ("words.txt", "form.lexicon", "page.png"))
    write_picture(page, write_page(["abc"]))
    options = [str(page), "--model", str(line_bundle.path), "--lexicon", str(lexicon)]
    words.write_text("abc\nxyz\n", "utf-8")
    CliRunner().invoke(build_lexicon, [str(words), "--words", "-o", str(lexicon)], standalone_mode=False)
    assert CliRunner().invoke(commands.read, options, standalone_mode=False).output == "abc\n"
    assert "cannot read 1 of the lexicon's 2 words: xyz" in caplog.text
    words.write_text("xyz\n", "utf-8")
    CliRunner().invoke(build_lexicon, [str(words), "--words", "-o", str(lexicon)], standalone_mode=False)
    refused = CliRunner().invoke(commands.read, options, standalone_mode=False)
    assert refused.output == ""
    assert isinstance(refused.exception, UsageError)


def test_a_lexicon_is_measured_with_a_dataset(line_bundle: Bundle, tmp_path: Path):
    text, lexicon = tmp_path / "text.txt", tmp_path / "text.lexicon"
    rng = np.random.default_rng(4)
    text.write_text("\n".join(draw_text(rng) for _ in range(300)), "utf-8")
    CliRunner().invoke(build_lexicon, [str(text), "-o", str(lexicon)], standalone_mode=False)
    given = [str(line_bundle.path), str(write_lines(tmp_path / "lines", 10)), "--json", "--lexicon", str(lexicon)]
    measured = json.loads(CliRunner().invoke(evaluate, given, standalone_mode=False).output)
    assert measured["cer"] <= 0.05
    assert measured["lexicon"] == "text.lexicon"
    without = CliRunner().invoke(evaluate, given[:3], standalone_mode=False).output
    assert json.loads(without)["lexicon"] is None
    assert "text.lexicon" in CliRunner().invoke(evaluate, [*given[:2], *given[3:]], standalone_mode=False).output


def test_what_changes_nothing_for_models_of_lines_is_refused(line_bundle: Bundle, tmp_path: Path):
    given = [str(tmp_path / "page.png"), "--model", str(line_bundle.path), "--no-context"]
    with pytest.raises(UsageError, match="glyphs"):
        CliRunner().invoke(commands.read, given, standalone_mode=False, catch_exceptions=False)


def test_a_lexicon_is_nothing_for_models_of_glyphs(drawn_bundle: Bundle):
    with pytest.raises(UsageError, match="whole lines"):
        Reader(drawn_bundle, lexicon="en")


def test_a_lexicon_may_be_open_already(line_bundle: Bundle):
    page = write_page(["aabb cab", "abab"])
    language = open_language_model("en")
    text = Reader(line_bundle, lexicon=language).read(page).text
    assert text
    assert text == Reader(line_bundle, lexicon="en").read(page).text
