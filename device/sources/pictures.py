"""Picture files, one or a folder of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import TracebackType

from edge_hwr.errors import SourceError
from edge_hwr.files import shown
from edge_hwr.picture import PICTURE_SUFFIXES, is_picture, read_picture

from .source import Frame


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
                files = sorted(file for file in self._path.iterdir() if is_picture(file))
            except OSError as error:
                raise SourceError(f"{self.name} cannot be listed: {error.strerror}") from error
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
