"""Labelled pictures on disk: folders and zips (`label_table`), Keras' MNIST npz, and EMNIST's idx files.

Whatever the file, the pictures look like paper: grey, dark ink on a light ground. A dataset that holds white ink on
black, as MNIST does, is inverted when it is read.
"""

from __future__ import annotations

import gzip
import logging
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from edge_hwr.errors import DatasetError, PictureError
from edge_hwr.files import file_path, shown
from edge_hwr.label_table import LABELS, LabelTable, open_table
from edge_hwr.picture import Picture, decode_picture, is_light_on_dark

log = logging.getLogger(__name__)

LINE_END = "\\n"
"""A backslash and an n: so stand the line ends of a page in its text."""

_LOOKED_AT = 24
"""So many pictures of a dataset, from all over it, tell whether its ink is dark."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled picture: uint8 (height, width), dark ink on a light ground."""

    name: str
    text: str
    picture: Picture


class Dataset:
    """Samples in a fixed order, each decoded when it is asked for; `writers` tells whose each is.

    Texts are in Unicode's composed form (NFC): file systems and keyboards of some systems take accents apart.
    """

    def __init__(
        self,
        name: str,
        names: Sequence[str],
        texts: Sequence[str],
        picture_of: Callable[[int], Picture],
        *,
        writers: Sequence[str] | None = None,
    ) -> None:
        self.name = name
        self.names = tuple(names)
        self.texts = tuple(normalize("NFC", text) for text in texts)
        self.writers = self.names if writers is None else tuple(writers)
        self._picture_of = picture_of

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> Sample:
        """`DatasetError` when the picture is damaged, `IndexError` beyond the end."""
        try:
            return Sample(self.names[index], self.texts[index], self._picture_of(index))
        except PictureError as error:
            raise DatasetError(f"dataset {self.name}: {error}") from error

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def labels(self) -> list[str]:
        """The different texts, sorted."""
        return sorted(set(self.texts))


def open_dataset(path: str | Path) -> Dataset:
    """Open what `open_table` opens, the test half of an MNIST `.npz`, or an idx file of images.

    `DatasetError` tells what is wrong with it.
    """
    path = file_path(path)
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise DatasetError(f"dataset {path}: neither a file nor a folder")
        if path.is_dir():
            return from_table(open_table(path))
        if path.suffix == ".npz":
            return _open_npz(path)
        if "images" in path.name and "idx3" in path.name:
            return _open_idx(path)
        if zipfile.is_zipfile(path):
            return from_table(open_table(path))
        path.open("rb").close()  # a file that is missing or may not be read says so itself
    except OSError as error:
        raise DatasetError(f"dataset {path}: {error.strerror or error}") from error
    raise DatasetError(f"dataset {path}: neither a folder or zip with {LABELS}, nor an MNIST .npz, nor an idx3 file")


def open_crops(path: str | Path) -> Dataset:
    """Open a dataset of single characters or lines, and `check_crops` of it."""
    dataset = open_dataset(path)
    check_crops(dataset)
    return dataset


def is_of_pages(dataset: Dataset) -> bool:
    """Whether texts of a dataset are those of pages, with line ends in them."""
    return any(len(text) > len(LINE_END) and LINE_END in text for text in dataset.texts)


def check_crops(dataset: Dataset) -> None:
    """`DatasetError` for pages, where single characters or lines are wanted; a warning if ink is light on dark."""
    if is_of_pages(dataset):
        raise DatasetError(
            f"dataset {dataset.name}: pages, as texts have line ends in them (a backslash and an n): single lines or "
            "characters are wanted"
        )
    some = range(0, len(dataset), max(1, -(-len(dataset) // _LOOKED_AT)))
    if 2 * sum(is_light_on_dark(dataset[index].picture) for index in some) > len(some):
        log.warning("dataset %s: its ink looks light on dark; dark ink on light paper is read: invert the pictures",
                    dataset.name)  # fmt: skip


def from_table(table: LabelTable) -> Dataset:
    """The dataset of a table that is open."""

    def picture_of(index: int) -> Picture:
        row = table.rows[index]
        return decode_picture(table.encoded(row), row.file)

    names, texts, writers = zip(*((row.file, row.text, row.writer) for row in table.rows), strict=True)
    return Dataset(table.name, names, texts, picture_of, writers=writers)


def _open_npz(path: Path) -> Dataset:
    """The test half of the npz that `keras.datasets.mnist` downloads."""
    try:
        # A lone array under that name would be opened, too, and have no members.
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as arrays:
            pictures, classes = arrays["x_test"], arrays["y_test"]
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = "no x_test or y_test in it" if isinstance(error, KeyError) else "damaged, or not an npz"
        raise DatasetError(f"dataset {path}: {reason}: Keras' mnist.npz is expected") from error
    check_mnist(path, "test", pictures, classes)
    return _from_arrays(shown(path), "test", pictures, [str(int(number)) for number in classes])


def check_mnist(path: Path, half: str, pictures: NDArray[Any], classes: NDArray[Any]) -> None:
    """`DatasetError` unless the arrays of a half ("train", "test") of Keras' mnist.npz are what they should be."""
    if pictures.ndim != 3 or pictures.dtype != np.uint8 or classes.shape != pictures.shape[:1]:
        raise DatasetError(f"dataset {path}: x_{half} must be uint8 (N, height, width), and y_{half} (N,)")
    if classes.dtype.kind not in "iu":
        raise DatasetError(f"dataset {path}: y_{half} must be whole numbers, not {classes.dtype}")


def _open_idx(path: Path) -> Dataset:
    """An idx file of images with that of the labels beside it, as MNIST and EMNIST are published."""
    labels = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    if not labels.is_file():
        raise DatasetError(f"dataset {path}: the labels are missing ({labels.name} beside it)")
    pictures, classes = _read_idx(path, 3), _read_idx(labels, 1)
    if len(pictures) != len(classes):
        raise DatasetError(f"dataset {path}: {len(pictures)} images, but {len(classes)} labels")
    if path.name.startswith("emnist"):
        pictures = pictures.transpose(0, 2, 1)  # EMNIST keeps the column order of the Matlab files it was made from
    return _from_arrays(shown(path), path.name.partition(".")[0], pictures, _idx_texts(path, classes))


def _idx_texts(path: Path, classes: NDArray[np.uint8]) -> list[str]:
    """Texts of class numbers: by the mapping file (`class code [code]` a line) if there is one, else digits."""
    for split in ("-train-", "-test-"):
        mapping = path.with_name(f"{path.name.partition(split)[0]}-mapping.txt")
        if split in path.name and mapping.is_file():
            try:
                rows = [line.split() for line in mapping.read_text("ascii").splitlines() if line.strip()]
                characters = {int(row[0]): chr(int(row[1])) for row in rows}
                return [characters[number] for number in classes.tolist()]
            except (ValueError, IndexError, KeyError, OverflowError) as error:
                raise DatasetError(f"dataset {mapping}: not a mapping of all the classes in {path.name}") from error
    if classes.max(initial=0) > 9:
        raise DatasetError(f"dataset {path}: has more than ten classes: put its …-mapping.txt beside it")
    return [str(number) for number in classes.tolist()]


def _read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array of an idx file, gzipped or not: two zero bytes, type 8 (uint8), dimensions, sizes, then the bytes."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        zeros, kind, count = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
    except (gzip.BadGzipFile, zlib.error, EOFError, struct.error) as error:
        raise DatasetError(f"dataset {path}: damaged, or not an idx file ({error})") from error
    if (zeros, kind, count) != (0, 8, dimensions):
        raise DatasetError(f"dataset {path}: not an idx{dimensions} file of bytes")
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    if len(values) != int(np.prod(shape, dtype=object)):
        raise DatasetError(f"dataset {path}: cut short, or longer than its header says")
    return values.reshape(shape)


def _from_arrays(name: str, half: str, pictures: NDArray[np.uint8], texts: list[str]) -> Dataset:
    """A dataset of white-on-black arrays."""
    if not pictures.size:
        raise DatasetError(f"dataset {name}: no samples in it")
    names = [f"{half}/{index:05}" for index in range(len(texts))]
    return Dataset(name, names, texts, lambda index: 255 - np.ascontiguousarray(pictures[index]))
