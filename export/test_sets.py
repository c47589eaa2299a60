"""The datasets that an export is measured on for the record, by the names that its bundle calls them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_hwr.datasets import Dataset, open_crops


def open_tests(paths: Sequence[Path]) -> dict[str, Dataset]:
    """Each dataset once, by a name that tells it from the others; `DatasetError` for what is no dataset.

    `banq_lines/test.zip`: without its folder, nobody knows which test it was.
    """
    once = list(dict.fromkeys(path.resolve() for path in paths))
    return {_name_apart(path, once): open_crops(path) for path in once}


def _name_apart(path: Path, others: Sequence[Path]) -> str:
    """As much of the end of a path as no other has."""
    count = 1 if path.is_dir() else 2
    while sum(other.parts[-count:] == path.parts[-count:] for other in others) > 1:
        count += 1
    return "/".join(path.parts[-count:])
