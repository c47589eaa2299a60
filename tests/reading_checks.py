"""What tests of the finding of lines ask of what is read of them."""

from __future__ import annotations

from collections.abc import Sequence

from edge_hwr.metrics import edit_distance


def assert_reads(read: Sequence[str], wanted: Sequence[str], *, edits: int = 2) -> None:
    """The lines that are wanted, in their order, each with so many misread characters at most: a model may take a
    letter for another or miss a blank, but a word that is lost or read twice is more than that."""
    assert len(read) == len(wanted), read
    for text, truth in zip(read, wanted, strict=True):
        assert edit_distance(text, truth) <= edits, f"{text!r} for {truth!r}"
