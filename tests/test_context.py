"""What a line says about glyphs whose shape is that of several characters."""

from __future__ import annotations

import string

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_hwr.context import GROUPS, Context

LABELS = tuple(string.digits + string.ascii_letters + "|,'-_")
ALIKE = {character: group for group in GROUPS for character in group}
LOW, DEEP = set("acemnorsuvwxz"), set("gpqy")


def line(text: str, *, capital: int = 40, slope: float = 0.0) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Boxes of a text as a hand writes it, and probabilities that shape alone gives: even among what looks alike."""
    probabilities = np.full((len(text), len(LABELS)), 0.001, np.float32)
    boxes, x = [], 20
    for row, character in enumerate(text):
        for one in ALIKE.get(character, character):
            probabilities[row, LABELS.index(one)] = 1.0
        top = {",": 0.15, "-": 0.45, "_": 0.0}.get(character, 0.62 if character in LOW | DEEP else 1.0)
        low = {",": -0.2, "'": 0.65, "-": 0.35, "_": -0.1}.get(character, -0.35 if character in DEEP else 0.0)
        base = 100 + slope * x
        boxes.append((x, base - top * capital, 24, (top - low) * capital))
        x += 30
    return probabilities / probabilities.sum(axis=1, keepdims=True), np.array(boxes).round().astype(np.int32)


def read(text: str, *, capital: int = 40, slope: float = 0.0) -> str:
    probabilities, boxes = line(text, capital=capital, slope=slope)
    weighed = Context(LABELS).weigh(probabilities, boxes, np.zeros(len(text), np.int32))
    return "".join(LABELS[index] for index in weighed.argmax(axis=1))


@pytest.mark.parametrize(
    "text", ["Oxen", "2043", "xerox", "Charme", "87", "Bab", "vacuum", "Sesam", "it's", "4,7", "7-4", "a_b"]
)
@pytest.mark.parametrize("slope", [-0.06, 0.0, 0.06])
def test_height_and_company_decide(text: str, slope: float) -> None:
    assert read(text, slope=slope) == text


def test_a_line_of_nothing_sure_takes_its_scale_from_the_page() -> None:
    first, first_boxes = line("earth")
    second, second_boxes = line("xx")
    weighed = Context(LABELS).weigh(
        np.concatenate([first, second]),
        np.concatenate([first_boxes, second_boxes + np.array([0, 200, 0, 0], np.int32)]),
        np.array([0] * 5 + [1] * 2, np.int32),
    )
    assert "".join(LABELS[index] for index in weighed.argmax(axis=1)) == "earthxx"


def test_digits_alone_have_no_use_for_it() -> None:
    assert not Context(tuple("0123456789")).useful
    assert Context(LABELS).useful


@settings(max_examples=60)
@given(
    arrays(np.float32, (6, len(LABELS)), elements=st.floats(0.0009765625, 1, width=32)),
    arrays(np.int32, (6, 4), elements=st.integers(1, 500)),
    st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_only_what_looks_alike_changes_places(
    raw: npt.NDArray[np.float32], boxes: npt.NDArray[np.int32], breaks: list[bool]
) -> None:
    probabilities = (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)
    weighed = Context(LABELS).weigh(probabilities, boxes, np.cumsum(breaks).astype(np.int32))
    assert np.isfinite(weighed).all()
    assert (weighed >= 0).all()
    for group in GROUPS:
        members = [LABELS.index(character) for character in group if character in LABELS]
        np.testing.assert_allclose(weighed[:, members].sum(axis=1), probabilities[:, members].sum(axis=1), rtol=1e-4)
    alone = [number for number, label in enumerate(LABELS) if label not in ALIKE]
    np.testing.assert_array_equal(weighed[:, alone], probabilities[:, alone])
