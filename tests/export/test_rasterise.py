"""Strokes drawn as a dataset: whose, which characters, and that it is one that evaluate takes."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from recorded_strokes import pack

from edge_hwr.datasets import open_dataset
from edge_hwr.errors import DatasetError, UsageError
from edge_hwr.export.evaluation_commands import rasterise
from edge_hwr.layout import isolate_glyph

SEVEN = [[(0, 0), (50, 0), (20, 100)], [(10, 50), (40, 48)]]
BAR = [[(0, 0), (2, 100)]]
DOT = [[(0, 0)]]


@pytest.fixture
def strokes(tmp_path: Path) -> Path:
    drawings = [SEVEN, SEVEN, BAR, BAR, DOT, DOT, BAR, BAR]
    return pack(tmp_path / "strokes.npz", drawings, list("77ll..II"))


def run(*arguments: object) -> None:
    rasterise.main([str(argument) for argument in arguments], standalone_mode=False)


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ([], "7l.I"),
        (["--writers", "all"], "77ll..II"),
        (["--characters", "digits"], "7"),
        (["--characters", "upper"], "I"),
        (["--characters", "lower", "--writers", "train"], "l"),
        (["--characters", "symbols"], "."),
    ],
)
def test_drawings_are_chosen_by_writer_and_character(
    strokes: Path, tmp_path: Path, options: list[str], texts: str
) -> None:
    run(strokes, tmp_path / "drawn.zip", *options)
    dataset = open_dataset(tmp_path / "drawn.zip")
    assert "".join(dataset.texts) == texts


def test_drawings_are_dark_ink_on_light_paper_with_a_margin(strokes: Path, tmp_path: Path) -> None:
    run(strokes, tmp_path / "drawn.zip")
    for sample in open_dataset(tmp_path / "drawn.zip"):
        picture = sample.picture
        assert picture.min() < 60
        assert (picture[:8] > 200).all() and (picture[:, :8] > 200).all()  # noqa: PT018
        assert (picture[-8:] > 200).all() and (picture[:, -8:] > 200).all()  # noqa: PT018
        found = isolate_glyph(picture)
        assert len(found) == 1
        (box,) = found.boxes.tolist()
        ink = np.argwhere(picture < 135)
        assert box == pytest.approx([*ink.min(axis=0)[::-1], *(np.ptp(ink, axis=0)[::-1] + 1)], abs=3)


def test_lines_that_nobody_can_be_measured_on_are_left_out(tmp_path: Path) -> None:
    labels = [
        "a line to train on",
        "to be , or ( not )",
        "another one",
        "3 / 2 3 / 9 2",
        "à l\u2019été",
        "日本",
        "7",
        "7",
        "for ever",
        "and ever " * 20,
        "to learn from",
        "l\u2019été",
    ]
    lines = pack(tmp_path / "lines.npz", [[*SEVEN, *BAR]] * len(labels), labels)
    run(lines, tmp_path / "lines.zip")
    assert open_dataset(tmp_path / "lines.zip").texts == ("to be, or (not)", "7", "l'été")
    run(lines, tmp_path / "lines.zip", "--writers", "train")
    assert open_dataset(tmp_path / "lines.zip").texts[0] == "a line to train on"


def test_lines_are_drawn_with_the_pen_of_characters(tmp_path: Path) -> None:
    """Which is thinner for its height, as a line is higher than its characters."""
    share = {}
    for name, labels in (("characters", ["I", "I"]), ("lines", ["In", "In"])):
        run(pack(tmp_path / f"{name}.npz", [BAR, BAR], labels), tmp_path / f"{name}.zip")
        (sample,) = open_dataset(tmp_path / f"{name}.zip")
        rows = (sample.picture < 135).sum(axis=1)
        share[name] = np.median(rows[rows > 0])
    assert share["lines"] == pytest.approx(share["characters"] / 1.5, abs=1)


def test_the_same_call_gives_the_same_file(strokes: Path, tmp_path: Path) -> None:
    run(strokes, tmp_path / "first.zip")
    run(strokes, tmp_path / "second.zip")
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "first.zip") as archive:
        assert archive.read("labels.tsv").decode().splitlines()[:2] == ["file\ttext\twriter", "000001.png\t7\t1"]


def test_bad_input(strokes: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such file of strokes"):
        run(tmp_path / "none.npz", tmp_path / "out.zip")
    with pytest.raises(DatasetError, match="not a file of packed strokes"):
        run(__file__, tmp_path / "out.zip")
    with pytest.raises(UsageError, match=r"NAME\.zip"):
        run(strokes, tmp_path / "out")
    with pytest.raises(UsageError, match="there is no folder"):
        run(strokes, tmp_path / "nowhere" / "out.zip")
    own = strokes.rename(strokes.with_suffix(".zip"))
    with pytest.raises(UsageError, match="holds the strokes"):
        run(own, own)
    strokes = own.rename(strokes)
    with np.load(strokes) as packed:
        np.savez(strokes, **{**packed, "label": np.array(["é"] * 8)})
    with pytest.raises(DatasetError, match="none of the 8 drawings is of digits by test writers"):
        run(strokes, tmp_path / "out.zip", "--characters", "digits")
    assert not (tmp_path / "out.zip").exists()
