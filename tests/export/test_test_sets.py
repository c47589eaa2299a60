"""What an export is measured on: every dataset once, by a name of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import write_dataset

from edge_hwr.errors import DatasetError
from edge_hwr.export.test_sets import open_tests


def test_datasets_of_one_name_are_told_apart(tmp_path: Path):
    for writer in ("anne", "bert"):
        (tmp_path / writer).mkdir()
        write_dataset(tmp_path / writer / "test", "01")
    write_dataset(tmp_path / "forms", "0")
    paths = [tmp_path / "anne" / "test", tmp_path / "bert" / "test", tmp_path / "forms", tmp_path / "anne" / "test"]
    tests = open_tests(paths)
    assert {name: len(dataset) for name, dataset in tests.items()} == {"anne/test": 2, "bert/test": 2, "forms": 1}


def test_pages_are_no_test_of_lines(tmp_path: Path):
    pages = write_dataset(tmp_path / "pages", "01")
    (pages / "labels.tsv").write_text("file\ttext\n0000.png\tDear Anna,\\nthank you\n", "utf-8")
    with pytest.raises(DatasetError, match="single lines or characters"):
        open_tests([pages])


def test_what_is_no_dataset_is_named(tmp_path: Path):
    with pytest.raises(DatasetError, match="nowhere"):
        open_tests([tmp_path / "nowhere"])
