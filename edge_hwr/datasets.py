"""Labelled pictures on disk: folders and zips with a `labels.tsv`, Keras' MNIST npz, and EMNIST's idx files.

Whatever the file, the pictures look like paper: grey, dark ink on a light ground. A dataset that holds white ink on
black, as MNIST does, is inverted when it is read.
"""

from __future__ import annotations

import gzip
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_hwr.errors import DatasetError, PictureError
from edge_hwr.files import shown
from edge_hwr.picture import Picture, decode_picture

LABELS = "labels.tsv"

_MOST_SAID = 120
"""Characters of what a library says of a damaged file."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled picture: uint8 (height, width), dark ink on a light ground."""

    name: str
    text: str
    picture: Picture


class Dataset:
    """Samples in a fixed order, each decoded when it is asked for."""

    def __init__(
        self, name: str, names: Sequence[str], texts: Sequence[str], picture_of: Callable[[int], Picture]
    ) -> None:
        self.name = name
        self.names = tuple(names)
        self.texts = tuple(texts)
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
    """Open a folder or a zip with `labels.tsv`, the test half of an MNIST `.npz`, or an idx file of images.

    Every picture that `labels.tsv` names must be there. `DatasetError` tells what is wrong, with the line it is in.
    """
    path = Path(path)
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise DatasetError(f"dataset {path}: neither a file nor a folder")
    try:
        if path.is_dir():
            return _labelled(open_table(path))
        if path.suffix == ".npz":
            return _open_npz(path)
        if "images" in path.name and "idx3" in path.name:
            return _open_idx(path)
        if zipfile.is_zipfile(path):
            return _labelled(open_table(path))
        path.open("rb").close()  # a file that is missing or may not be read says so itself
    except OSError as error:
        raise DatasetError(f"dataset {path}: {error.strerror or error}") from error
    raise DatasetError(f"dataset {path}: neither a folder or zip with {LABELS}, nor an MNIST .npz, nor an idx3 file")


def open_crops(path: str | Path) -> Dataset:
    """Open a dataset of single characters or lines; `DatasetError` for one of pages, as well."""
    dataset = open_dataset(path)
    check_crops(path, dataset.texts)
    return dataset


def check_crops(path: str | Path, texts: Sequence[str]) -> None:
    """`DatasetError` where the texts of a dataset are those of pages, not of single characters or lines."""
    # The texts of pages have their line ends as a backslash and an n.
    if any(len(text) > 2 and "\\n" in text for text in texts):
        raise DatasetError(
            f"dataset {path}: pages, as texts have line ends in them (a backslash and an n): single lines or "
            "characters are wanted"
        )


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a `labels.tsv`: its line there, the picture's file, its text, and every column by its heading."""

    line: int
    file: str
    text: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class LabelTable:
    """A dataset with a `labels.tsv`: its rows, and the encoded picture of one of them (`DatasetError` if damaged)."""

    name: str
    rows: tuple[TableRow, ...]
    encoded: Callable[[TableRow], bytes]


def open_table(path: Path) -> LabelTable:
    """Open a folder or a zip with `labels.tsv`; every picture that it names must be there.

    `DatasetError` tells what is wrong, with the line it is in.
    """
    try:
        return _open_folder(path) if path.is_dir() else _open_zip(path)
    except OSError as error:
        raise DatasetError(f"dataset {path}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise DatasetError(f"dataset {path}: a zip that is damaged or cannot be opened ({_short(error)})") from error


def _labelled(table: LabelTable) -> Dataset:
    def picture_of(index: int) -> Picture:
        row = table.rows[index]
        return decode_picture(table.encoded(row), row.file)

    return Dataset(table.name, [row.file for row in table.rows], [row.text for row in table.rows], picture_of)


def _open_folder(folder: Path) -> LabelTable:
    table = folder / LABELS
    if not table.is_file():
        raise DatasetError(f"dataset {folder}: no {LABELS} in it")
    rows = _read_table(f"dataset {table}", table.read_bytes())
    root = folder.resolve()
    for row in rows:
        try:
            picture = (folder / row.file).resolve()
        except (RuntimeError, OSError) as error:  # the former up to Python 3.12
            raise DatasetError(f"dataset {table}, line {row.line}: {row.file} is a link to itself") from error
        if not picture.is_relative_to(root):
            raise DatasetError(f"dataset {table}, line {row.line}: {row.file} lies outside of the dataset")
        if not picture.is_file():
            raise DatasetError(f"dataset {table}, line {row.line}: {row.file} is missing")
    return LabelTable(shown(folder), rows, lambda row: _read_file(folder, row.file))


def _open_zip(path: Path) -> LabelTable:
    archive = zipfile.ZipFile(path)
    tables = [name for name in archive.namelist() if PurePosixPath(name).name == LABELS]
    if not tables:
        raise DatasetError(f"dataset {path}: no {LABELS} in it")
    if len(tables) > 1:
        raise DatasetError(
            f"dataset {path}: holds several ({', '.join(sorted(tables)[:3])}): unpack it, and name a folder"
        )
    inside = PurePosixPath(tables[0]).parent  # a zip of a folder has the folder's name before all
    rows = _read_table(f"dataset {path}, {tables[0]}", _read_member(path, archive, tables[0]))
    members = set(archive.namelist())
    for row in rows:
        if str(inside / row.file) not in members:
            raise DatasetError(f"dataset {path}, {tables[0]}, line {row.line}: {row.file} is missing")
    return LabelTable(shown(path), rows, lambda row: _read_member(path, archive, str(inside / row.file)))


def _read_file(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise DatasetError(f"dataset {folder}: {name}: {error.strerror or error}") from error


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return archive.read(name)
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        OSError,
        RuntimeError,
        EOFError,
        UnicodeDecodeError,
    ) as error:
        # Damaged, encrypted, exotic.
        raise DatasetError(f"dataset {path}: {name} cannot be unpacked: {_short(error)}") from error


def _short(error: Exception) -> str:
    """What an error says; some show all the bytes that they do not like."""
    said = str(error)
    return said if len(said) <= _MOST_SAID else f"{said[:_MOST_SAID]}…"


def _read_table(where: str, content: bytes) -> tuple[TableRow, ...]:
    """The rows of a `labels.tsv`; blank lines are passed over. `where` starts the errors."""
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{where}: not UTF-8 at byte {error.start}") from error
    header = lines[0].rstrip("\r").split("\t")
    if header[:2] != ["file", "text"]:
        raise DatasetError(f"{where}: the first line must be the header file<TAB>text")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        columns = line.rstrip("\r").split("\t")
        if columns == [""]:
            continue
        if len(columns) < 2 or not columns[0] or not columns[1].strip():
            raise DatasetError(f"{where}, line {number}: needs a file and a text, with a tab between them")
        file = PurePosixPath(columns[0])
        if "\0" in columns[0]:
            raise DatasetError(f"{where}, line {number}: no file is called {columns[0]!r}")
        if file.is_absolute() or ".." in file.parts:
            raise DatasetError(f"{where}, line {number}: {file} lies outside of the dataset")
        rows.append(TableRow(number, str(file), columns[1].strip(), dict(zip(header, columns, strict=False))))
    if not rows:
        raise DatasetError(f"{where}: no samples below the header")
    return tuple(rows)


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
