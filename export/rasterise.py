"""Recorded pen strokes drawn as a dataset of pictures, all in one plain way, for models to be measured on."""

from __future__ import annotations

import io
import string
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from edge_hwr.errors import DatasetError
from edge_hwr.files import write_atomically

from .line_text import as_written, is_plain, untokenised
from .strokes import Pen, StrokeSet, draw_strokes

CharacterSet = Literal["all", "digits", "upper", "lower", "symbols"]
"""The sets that UNIPEN's benchmarks of isolated characters (1a to 1d) are divided into, and all of them together; of
lines of text, all are those whose text is beyond doubt."""

Writers = Literal["test", "train", "all"]

CHARACTER_SETS = get_args(CharacterSet)
WRITERS = get_args(Writers)

_CHARACTERS: dict[CharacterSet, str] = {
    "all": string.digits + string.ascii_letters + string.punctuation,
    "digits": string.digits,
    "upper": string.ascii_uppercase,
    "lower": string.ascii_lowercase,
    "symbols": string.punctuation,
}

_BEYOND_LATIN = "\u0180"

_PEN = Pen(width=0.08, pressure=0.0)
_LINE_PEN = Pen(width=0.05, pressure=0.0)
"""The same pen: a line is about one and a half times as high as its characters."""
_HEIGHT = 64
_MARGIN = 16
_INK, _PAPER = 40, 230


def choose_drawings(strokes: StrokeSet, characters: CharacterSet, writers: Writers) -> npt.NDArray[np.intp]:
    """Which drawings, intp (N,), are of these characters and by these writers; `DatasetError` if none is.

    All lines are those that models can fairly be measured on: not characters apart (whether the blanks between them are
    the writer's or the transcript's, nobody knows), paragraphs, or another script than Latin.
    """
    if characters == "all" and _are_lines(strokes):
        wanted = np.array([_is_fair(text) for text in _texts(strokes)])
    else:
        wanted = np.isin(strokes.label, list(_CHARACTERS[characters]))
    if writers != "all":
        wanted &= strokes.test == (writers == "test")
    if not wanted.any():
        raise DatasetError(f"none of the {len(strokes):,} drawings is of {characters} by {writers} writers")
    return np.flatnonzero(wanted)


def rasterise(strokes: StrokeSet, index: int) -> npt.NDArray[np.uint8]:
    """One drawing in dark ink on light paper, uint8 (height, width): a round pen of one width, 64 pixels high at most,
    and a margin; the same picture every time."""
    pen = _LINE_PEN if _are_lines(strokes) else _PEN
    # The plain pen draws nothing at random.
    ink = draw_strokes(strokes.strokes(index), np.random.default_rng(0), height_px=_HEIGHT, pen=pen)
    coverage = cv2.copyMakeBorder(ink, _MARGIN, _MARGIN, _MARGIN, _MARGIN, cv2.BORDER_CONSTANT)
    table = np.rint(np.linspace(_PAPER, _INK, 256)).astype(np.uint8)
    return np.asarray(cv2.LUT(coverage, table), np.uint8)


def write_rasterised(out: Path, strokes: StrokeSet, drawings: Iterable[int]) -> int:
    """Write drawings as a dataset zip, whole or not at all, and return how many; the same ones give the same bytes.

    `labels.tsv` has a third column, `writer`. The texts of lines are without the blanks that some transcripts have
    around punctuation.
    """
    texts = _texts(strokes)
    packed = io.BytesIO()
    rows = ["file\ttext\twriter"]
    with zipfile.ZipFile(packed, "w") as archive:
        for index, name, picture in _pictures(strokes, drawings):
            archive.writestr(zipfile.ZipInfo(name), picture)
            rows.append(f"{name}\t{texts[index]}\t{strokes.writer[index]}")
        table = zipfile.ZipInfo("labels.tsv")
        table.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(table, "".join(f"{row}\n" for row in rows))
    try:
        write_atomically(out, packed.getvalue())
    except OSError as error:
        raise DatasetError(f"cannot write {out}: {error.strerror or error}") from error
    return len(rows) - 1


def _pictures(strokes: StrokeSet, drawings: Iterable[int]) -> Iterator[tuple[int, str, bytes]]:
    for index in drawings:
        yield index, f"{index:06}.png", cv2.imencode(".png", rasterise(strokes, index))[1].tobytes()


def _are_lines(strokes: StrokeSet) -> bool:
    """Whether there is room for more than a character in the labels: of words or lines, then."""
    return strokes.label.dtype.itemsize > np.dtype("U1").itemsize


def _texts(strokes: StrokeSet) -> list[str]:
    labels: list[str] = strokes.label.tolist()
    return [untokenised(as_written(label)) for label in labels] if _are_lines(strokes) else labels


def _is_fair(text: str) -> bool:
    return is_plain(text) and all(character.isprintable() and character < _BEYOND_LATIN for character in text)
