"""Text for a person (or a pipe) to read."""

from __future__ import annotations

from types import TracebackType
from typing import TextIO

import click

from edge_hwr.errors import SinkError

from ..result import Result

NO_TEXT = "(no text)"


class Terminal:
    """Prints the text of each picture, and the text of a camera whenever it changes.

    Writes to `stream`, else to standard output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._last: tuple[str, str] | None = None

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def write(self, result: Result) -> None:
        shown = result.name, result.reading.text
        if shown == self._last:
            return
        self._last = shown
        heading = f"{click.style(result.name, bold=True)}\n" if result.name else ""
        text = result.reading.text or click.style(NO_TEXT, dim=True)
        try:
            click.echo(heading + text, file=self._stream)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise SinkError(f"standard output cannot be written: {error.strerror}") from error
