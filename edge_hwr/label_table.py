"""Labelled pictures in a folder or a zip: a `labels.tsv` names them and says what is written on each.

Its first line is the header `file<TAB>text`, with more columns if wanted. A folder or zip without one may hold, for
each character, a folder that is called by it, with pictures of it.
"""

from __future__ import annotations

import logging
import lzma
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from edge_hwr.errors import DatasetError
from edge_hwr.files import shown
from edge_hwr.picture import is_picture

log = logging.getLogger(__name__)

LABELS = "labels.tsv"

_MOST_SAID = 120
"""Characters of what a library says of a damaged file."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a `labels.tsv`: its line there, the picture's file, its text, and every column by its heading."""

    line: int
    file: str
    text: str
    columns: Mapping[str, str]

    @property
    def writer(self) -> str:
        """Who wrote it, by the column `writer`; where that is not told, each picture counts for a writer of its own."""
        return self.columns.get("writer") or self.file


@dataclass(frozen=True, slots=True, eq=False)
class LabelTable:
    """A dataset's rows, and the encoded picture of one of them (`DatasetError` if damaged)."""

    name: str
    rows: tuple[TableRow, ...]
    encoded: Callable[[TableRow], bytes]


def open_table(path: Path) -> LabelTable:
    """Open a folder or a zip with `labels.tsv`, all pictures of which must be there, or folders by character.

    `DatasetError` tells what is wrong, with the line it is in.
    """
    try:
        return _open_folder(path) if path.is_dir() else _open_zip(path)
    except OSError as error:
        raise DatasetError(f"dataset {path}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise DatasetError(f"dataset {path}: a zip that is damaged or cannot be opened ({_short(error)})") from error


def is_table(path: Path) -> bool:
    """Whether a folder is one that `open_table` would open, or a file a zip."""
    if not path.is_dir():
        return path.suffix.lower() == ".zip"
    try:
        return (path / LABELS).is_file() or bool(_characters(path))
    except PermissionError:
        return False


def _open_folder(folder: Path) -> LabelTable:
    table = folder / LABELS
    if not table.is_file():
        return LabelTable(shown(folder), _rows_of_characters(folder), lambda row: _read_file(folder, row.file))
    rows = _read_table(f"dataset {table}", table.read_bytes())
    rows = _with_slashes(rows, lambda file: (folder / file).is_file())
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


def _characters(folder: Path) -> list[Path]:
    """The pictures in folders that are called as the character on them."""
    called = sorted(inside for inside in folder.iterdir() if _is_character(inside.name))
    files = [file for inside in called if inside.is_dir() for file in sorted(inside.iterdir())]
    return [file for file in files if is_picture(file) and file.is_file() and not _is_hidden(file.name)]


def _is_character(name: str) -> bool:
    return len(normalize("NFC", name).strip()) == 1


def _folders_of_pictures(folder: Path) -> list[Path]:
    inside = (path for path in sorted(folder.iterdir()) if path.is_dir() and not _is_hidden(path.name))
    return [path for path in inside if any(is_picture(file) for file in path.iterdir())]


def _rows_of_characters(folder: Path) -> tuple[TableRow, ...]:
    pictures = _characters(folder)
    if not pictures:
        tables = sorted(file.name for file in folder.iterdir() if file.suffix.lower() in (".csv", ".tsv"))
        instead = f"; {tables[0]} is no such table by its name" if tables else ""
        raise DatasetError(f"dataset {folder}: no {LABELS} in it, nor a folder of pictures for each character{instead}")
    used = {file.parent for file in pictures}
    _warn_of_left_out(folder, {shown(other.name) for other in _folders_of_pictures(folder) if other not in used})
    for file in pictures:
        if shown(file) != str(file):
            raise DatasetError(f"dataset {folder}: {shown(file)} is no UTF-8: rename it")
    return _rows_of([(file.parent.name, file.name) for file in pictures])


def _rows_of(files: list[tuple[str, str]]) -> tuple[TableRow, ...]:
    """Rows of files that are told by the character that their folder is called by, and their own name."""
    return tuple(
        TableRow(number, f"{folder}/{name}", folder.strip(), {}) for number, (folder, name) in enumerate(files, start=1)
    )


def _warn_of_left_out(path: Path, folders: Collection[str]) -> None:
    if folders:
        log.warning(
            "dataset %s: folders that are not called by one character are left out: %s",
            path,
            ", ".join(sorted(folders)[:5]),
        )


def _open_zip(path: Path) -> LabelTable:
    archive = zipfile.ZipFile(path)
    members = _members(archive)
    tables = sorted(str(file) for file in members if file.name == LABELS)
    if not tables:
        place, rows = _rows_of_characters_inside(path, list(members))
    elif len(tables) > 1:
        raise _several(path, tables)
    else:
        table = PurePosixPath(tables[0])
        place = table.parent  # a zip of a folder has the folder's name before all
        rows = _read_table(f"dataset {path}, {table}", _read_member(path, archive, members[table]))
        rows = _with_slashes(rows, lambda file: place / file in members)
        for row in rows:
            if place / row.file not in members:
                raise DatasetError(f"dataset {path}, {table}, line {row.line}: {row.file} is missing")
    return LabelTable(shown(path), rows, lambda row: _read_member(path, archive, members[place / row.file]))


def _members(archive: zipfile.ZipFile) -> dict[PurePosixPath, str]:
    """The files of a zip, by their paths the names that they have in it; not what a system has hidden among them."""
    names = archive.namelist()
    # Windows PowerShell 5 puts a backslash between folders.
    between = "/" if any("/" in name for name in names) else "\\"
    named = {PurePosixPath(name.replace(between, "/")): name for name in names if not name.endswith(between)}
    return {file: name for file, name in named.items() if not any(map(_is_hidden, file.parts))}


def _is_hidden(part: str) -> bool:
    # Of the system, as macOS's `._page.jpg` beside each page.jpg.
    return part == "__MACOSX" or (part.startswith(".") and part not in (".", ".."))


def _rows_of_characters_inside(path: Path, files: list[PurePosixPath]) -> tuple[PurePosixPath, tuple[TableRow, ...]]:
    """The pictures in folders that are called as the character on them, and where in the zip all these are."""
    pictures = sorted(filter(is_picture, files))
    labelled = [file for file in pictures if _is_character(file.parent.name)]
    if not labelled:
        raise DatasetError(f"dataset {path}: no {LABELS} in it, nor a folder of pictures for each character")
    # Of an unpacked zip the outermost folder would be named.
    outermost = min(len(file.parts) for file in labelled)
    labelled = [file for file in labelled if len(file.parts) == outermost]
    places = {file.parent.parent for file in labelled}
    if len(places) > 1:
        raise _several(path, [str(place) for place in places])
    (place,) = places
    beside = {file.parent.name for file in pictures if file.parent != place and file.parent.parent == place}
    _warn_of_left_out(path, {name for name in beside if not _is_character(name)})
    return place, _rows_of([(file.parent.name, file.name) for file in labelled])


def _several(path: Path, datasets: Collection[str]) -> DatasetError:
    return DatasetError(
        f"dataset {path}: holds several ({', '.join(sorted(datasets)[:3])}): unpack it, and name a folder"
    )


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
        raise DatasetError(f"{where}: not UTF-8 at byte {error.start}: save it as UTF-8") from error
    header = lines[0].rstrip("\r").split("\t")
    if header[:2] != ["file", "text"]:
        found = f", not {lines[0][:60].rstrip()!r}" if lines[0].strip() else ""
        raise DatasetError(f"{where}: the first line must be the header file<TAB>text{found}")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        columns = line.rstrip("\r").split("\t")
        if columns == [""]:
            continue
        if len(columns) < 2 or not columns[0] or not columns[1].strip():
            raise DatasetError(f"{where}, line {number}: needs a file and a text, with a tab between them")
        file = PurePosixPath(columns[0])
        if quoted := next(filter(_is_quoted, columns), None):
            raise DatasetError(
                f"{where}, line {number}: {quoted[:60]} is quoted as in CSV, which is taken as it stands here: save it "
                "with tabs and without quoting"
            )
        if "\0" in columns[0]:
            raise DatasetError(f"{where}, line {number}: no file is called {columns[0]!r}")
        if file.is_absolute() or ".." in file.parts:
            raise DatasetError(f"{where}, line {number}: {file} lies outside of the dataset")
        rows.append(TableRow(number, str(file), columns[1].strip(), dict(zip(header, columns, strict=False))))
    if not rows:
        raise DatasetError(f"{where}: no samples below the header")
    return tuple(rows)


def _with_slashes(rows: tuple[TableRow, ...], is_there: Callable[[str], bool]) -> tuple[TableRow, ...]:
    """Rows as they are, but for files that are there only when backslashes are what parts folders, as on Windows."""
    meant = ((row, row.file.replace("\\", "/")) for row in rows)
    return tuple(
        row if row.file == file or is_there(row.file) or not is_there(file) else replace(row, file=file)
        for row, file in meant
    )


def _is_quoted(column: str) -> bool:
    """Whether a spreadsheet has quoted a text with quotation marks in it: doubled, within a pair of their own."""
    inner = column[1:-1]
    quoted = len(column) > 4 and column[0] == column[-1] == '"'
    return quoted and '""' in inner and '"' not in inner.replace('""', "")
