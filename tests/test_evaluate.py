"""Evaluation: figures of a model whose answers are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from drawing import sheet, write
from drawn_model import DIGITS

from edge_hwr.bundle import Bundle
from edge_hwr.datasets import Dataset, Sample, open_dataset
from edge_hwr.errors import DatasetError, ModelError
from edge_hwr.evaluate import Predictions, evaluate, predict, summarise
from edge_hwr.evaluate_against import difference
from edge_hwr.picture import write_picture


def dataset_of(folder: Path, texts: list[str], drawn: list[str]) -> Path:
    """Crops on which `drawn` is to be seen and whose labels say `texts`."""
    folder.mkdir()
    for index, text in enumerate(drawn):
        crop = sheet(64, 64, falloff=20)
        write(crop, text, 16, 50, size=36, pen=3 + index % 2)
        write_picture(folder / f"{index}.png", crop)
    rows = "".join(f"{index}.png\t{text}\n" for index, text in enumerate(texts))
    (folder / "labels.tsv").write_text("file\ttext\n" + rows)
    return folder


def test_figures_of_a_model_that_reads(drawn_bundle: Bundle, tmp_path: Path) -> None:
    drawn = list(DIGITS * 10)
    texts = ["7" if index < 20 else digit for index, digit in enumerate(drawn)]  # of these 20, two are sevens
    result = evaluate(drawn_bundle, open_dataset(dataset_of(tmp_path / "crops", texts, drawn)))
    assert (result.model, result.samples, result.bytes) == ("drawn", 100, drawn_bundle.size)
    assert result.accuracy == result.accuracy_caseless == pytest.approx(0.82)
    # It is sure of everything, and wrong in 18 of 100.
    assert result.ece == pytest.approx(0.18, abs=0.04)
    assert result.error == pytest.approx(0.18)
    assert result.error_interval is not None
    assert 0.10 < result.error_interval.low < 0.18 < result.error_interval.high < 0.28
    assert 0.1 < result.error_at_95_coverage < 0.2
    assert result.rejected < 0.05
    assert 0 < result.ms_p50 < 50
    assert result.to_json().keys() >= {
        *("model", "bytes", "samples", "accuracy", "accuracy_caseless", "ms_p50"),
        *("accuracy_within_set", "error", "error_at_95_coverage", "ece"),
    }


def test_within_its_set_a_model_chooses_among_the_characters_that_occur(drawn_bundle: Bundle, tmp_path: Path) -> None:
    """Sevens that are called 1, in a set of 1 and 8: read as 7, but for want of it taken for a 1, not an 8."""
    dataset = open_dataset(dataset_of(tmp_path / "crops", ["1"] * 4 + ["8"] * 4, list("77778888")))
    result = evaluate(drawn_bundle, dataset)
    assert result.accuracy == 0.5
    assert result.accuracy_within_set == 1


def test_predictions_are_in_the_order_of_the_dataset(drawn_bundle: Bundle, tmp_path: Path) -> None:
    folder = dataset_of(tmp_path / "crops", list(DIGITS * 7), list(DIGITS * 7))  # more than one batch
    write_picture(folder / "3.png", np.full((64, 64), 255, np.uint8))
    dataset = open_dataset(folder)
    passed: list[str] = []

    def follow(samples: Dataset) -> Iterator[Sample]:
        for sample in samples:
            passed.append(sample.name)
            yield sample

    found = predict(drawn_bundle, dataset, follow=follow)
    assert passed == list(dataset.names)
    assert found.texts(drawn_bundle) == ["" if index == 3 else text for index, text in enumerate(dataset.texts)]
    assert found.scores.shape == (70, 10)
    assert (found.scores.argmax(axis=1) == found.classes)[np.arange(70) != 3].all()
    assert found.confidences[3] == 0
    assert (found.ms > 0).all()
    assert summarise(drawn_bundle, dataset, found).accuracy == pytest.approx(69 / 70)


def test_bare_paper_is_read_as_nothing(drawn_bundle: Bundle, tmp_path: Path) -> None:
    folder = dataset_of(tmp_path / "crops", ["1", "2", "3", "4"], ["1", " ", "3", " "])
    for index in (1, 3):
        write_picture(folder / f"{index}.png", np.full((64, 64), 255, np.uint8))
    result = evaluate(drawn_bundle, open_dataset(folder))
    assert result.accuracy == 0.5
    assert result.rejected == 0.5
    assert result.accuracy_within_set == 0.5


def test_a_dataset_without_any_ink(drawn_bundle: Bundle, tmp_path: Path) -> None:
    folder = dataset_of(tmp_path / "crops", ["1"], ["1"])
    write_picture(folder / "0.png", np.full((64, 64), 255, np.uint8))
    assert evaluate(drawn_bundle, open_dataset(folder)).accuracy == 0


def test_labels_outside_of_the_charset_are_refused(drawn_bundle: Bundle, tmp_path: Path) -> None:
    folder = dataset_of(tmp_path / "crops", ["1", "é", "12"], ["1", "2", "3"])
    with pytest.raises(DatasetError, match=r"2 of its texts are outside of the charset of drawn \('12', 'é'\)"):
        evaluate(drawn_bundle, open_dataset(folder))


def test_a_model_of_lines_is_refused(line_bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a model of lines"):
        evaluate(line_bundle, open_dataset(dataset_of(tmp_path / "crops", ["1"], ["1"])))


def test_a_difference_is_that_of_the_same_samples(drawn_bundle: Bundle, tmp_path: Path) -> None:
    """Twelve writers of ten zeros each: one model misses two of each, the other the same two and one more."""
    folder = dataset_of(tmp_path / "crops", ["0"] * 120, ["0"] * 120)
    rows = (folder / "labels.tsv").read_text("utf-8").splitlines()[1:]
    told = [f"{row}\twriter {number // 10}" for number, row in enumerate(rows)]
    (folder / "labels.tsv").write_text("\n".join(["file\ttext\twriter", *told]), "utf-8")
    dataset = open_dataset(folder)
    one, other = (_missing(dataset, count) for count in (2, 3))
    found = difference(dataset, drawn_bundle, one, drawn_bundle, other, name="the other")
    assert (found.rate, found.difference) == pytest.approx((0.3, -0.1))
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((-0.1, -0.1))
    assert (found.interval.count, found.interval.of) == (12, "writers")
    assert found.row() == ("against the other", "10.00 points fewer than its 30.00% (95 %: -10.00 to -10.00)")
    again = difference(dataset, drawn_bundle, other, drawn_bundle, one, name="one")
    assert again.row()[1].startswith("10.00 points more than its 20.00%")


def _missing(dataset: Dataset, count: int) -> Predictions:
    """Predictions that take so many zeros of ten for ones, the first ones."""
    size = len(dataset)
    classes = (np.arange(size) % 10 < count).astype(np.intp)
    return Predictions(classes, np.ones(size, np.float32), np.eye(10)[classes], np.ones(size))
