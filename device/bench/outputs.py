"""Where a report is written: looked at before minutes of measuring, and never where something else is lost."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from edge_hwr.bundle import shipped_bundles
from edge_hwr.errors import SinkError, UsageError

from .formats import to_html, to_markdown
from .report import Report, dump, save

PRINTED = Path("-")
"""Standard output."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files of a report's three forms; `PRINTED` may stand for one of them."""

    json: Path | None = None
    markdown: Path | None = None
    html: Path | None = None

    @property
    def paths(self) -> list[Path]:
        return [path for path in (self.json, self.markdown, self.html) if path is not None]

    @property
    def printed(self) -> bool:
        """Whether one of them takes standard output."""
        return PRINTED in self.paths

    def check(self, read: Iterable[str | Path]) -> None:
        """`UsageError` for a place where no report can be written, or would be written over another, over something
        that is `read`, or among the pictures of a folder that is."""
        taken: set[Path] = set()
        kept = [Path(name).resolve() for name in read]
        for path in self.paths:
            resolved = path.resolve()
            if resolved in taken:
                raise UsageError(f"report {path}: another form of it goes there: name another file")
            taken.add(resolved)
            if path == PRINTED:
                continue
            if any(resolved == one or resolved.is_relative_to(one) for one in kept):
                raise UsageError(f"report {path}: that is what is measured, or among it: name another file")
            if str(path) in shipped_bundles():
                raise UsageError(f"report {path}: that is a model: give --json, --markdown and --html a file each")
            _check_writable(path)

    def save(self, report: Report) -> bool:
        """Write them, each whole or not at all; False, and a line for each, where that failed."""
        written = True
        for path, draw in ((self.json, dump), (self.markdown, to_markdown), (self.html, to_html)):
            if path == PRINTED:
                click.echo(draw(report), nl=False)
            elif path is not None:
                try:
                    save(path, draw(report))
                except SinkError as error:  # the others may have a place
                    click.echo(f"edge-hwr: error: {error}", err=True)
                    written = False
        return written


def _check_writable(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"report {path}: a folder, not a file")
    if path.exists() and not path.is_file():
        raise UsageError(f"report {path}: a pipe or a device, not a file; - is standard output")
    if not path.parent.is_dir():
        raise UsageError(f"report {path}: there is no folder {path.parent}")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise UsageError(f"report {path}: nothing can be written to {path.parent}: {error.strerror}") from error
