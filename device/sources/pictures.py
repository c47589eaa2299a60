"""Picture files, one or a folder of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import TracebackType

from edge_hwr.errors import SourceError
from edge_hwr.files import shown
from edge_hwr.picture import PICTURE_SUFFIXES, is_picture, read_picture

from ..wording import counted
from .source import Frame

log = logging.getLogger(__name__)

_NOT_READ = frozenset((".avif", ".dng", ".gif", ".heic", ".heif", ".jp2", ".jxl", ".pdf", ".svg"))
"""Pictures of kinds that are not read: it is said that they are left out."""


class Pictures:
    """The picture `path`, or the pictures of the folder `path` by name.

    A picture that cannot be read ends the run with its PictureError: skipping it would pass for having read it.
    """

    live = False

    def __init__(self, path: Path) -> None:
        self.name = shown(path)
        self._path = path
        self._files: Iterator[tuple[int, Path]] = iter(())

    def __enter__(self) -> Pictures:
        if self._path.is_dir():
            try:
                # What begins with a dot is of the system, as macOS's `._page.jpg` beside each page.jpg.
                shown_files = sorted(file for file in self._path.iterdir() if not file.name.startswith("."))
            except OSError as error:
                raise SourceError(f"{self.name} cannot be listed: {error.strerror}") from error
            files = [file for file in shown_files if is_picture(file)]
            others = [file for file in shown_files if file.suffix.lower() in _NOT_READ]
            if others:
                log.warning("%s: %s not read (%s): save as JPEG or PNG", self.name, counted(len(others), "picture"),
                            shown(others[0].name))  # fmt: skip
            if not files:
                raise SourceError(f"{self.name} holds no pictures: looked for {', '.join(sorted(PICTURE_SUFFIXES))}")
        else:
            files = [self._path]
        self._files = zip(count(), files, strict=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files = iter(())

    def read(self) -> Frame | None:
        """The next picture. Raises PictureError for one that cannot be read."""
        for sequence, file in self._files:
            start = time.monotonic()
            return Frame(read_picture(file), start, sequence, shown(file.name))
        return None
