"""A file of whole lines: appended to, rotated when it gets large, fsynced where that is asked for."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from edge_hwr.errors import SinkError

KEPT = 5
"""How many rotated files are kept beside the current one: FILE.1, the newest, to FILE.5."""


class LineFile:
    """The file `path`, or standard output for "-", which holds whole lines at any moment.

    A line that would make it larger than `rotate_bytes` goes into a new file, after the old one was renamed to FILE.1,
    and FILE.1 to FILE.2, and so on; 0 lets it grow for ever. Each file begins with `heading`, or its first line
    with `begin`. With `fsync`, a line is on the disk when `append` returns: slow, and wearing out an SD card. Raises
    SinkError when the file cannot be opened or written, as on a full disk; the line can then be tried again.
    """

    def __init__(
        self, path: str | Path, *, rotate_bytes: int = 0, fsync: bool = False, heading: bytes = b"", begin: bytes = b""
    ) -> None:
        self._path = Path(path)
        self._rotate_bytes = rotate_bytes
        self._fsync = fsync
        self._heading = heading
        self._begin = heading or begin
        self._standard_output = str(path) == "-"
        self._fd = -1
        self._headed = False

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def append(self, line: bytes) -> None:
        """Append a line, which has its newline."""
        try:
            self._follow()
            if self._fd < 0:
                self._open()  # again: it could not be when the last one was full
            size = os.fstat(self._fd).st_size
            if self._rotate_bytes and size > len(self._heading) and size + len(line) > self._rotate_bytes:
                self._rotate()
            if self._at_the_beginning():
                line = self._heading + line
            self._write(line)
            self._headed = True
            if self._fsync:
                os.fsync(self._fd)
        except SinkError:
            raise  # it could not be opened, and says so
        except OSError as error:
            if self._standard_output and isinstance(error, BrokenPipeError):
                raise  # a reader of our output that has seen enough is no error of ours
            raise self._error("written", error) from error

    def _follow(self) -> None:
        """Close a file that was moved away or removed, as is done with old logs: the next line begins a new one."""
        if self._fd < 0 or self._standard_output:
            return
        opened = os.fstat(self._fd)
        try:
            there = self._path.stat()
        except FileNotFoundError:
            self._close()
        else:
            if not os.path.samestat(opened, there):
                self._close()

    def _at_the_beginning(self) -> bool:
        state = os.fstat(self._fd)
        # A pipe has no size: what was written to it has gone.
        return not state.st_size if stat.S_ISREG(state.st_mode) else not self._headed

    def _write(self, line: bytes) -> None:
        written = 0
        try:
            # One unbuffered write, so that whoever follows the file sees whole lines; a rest only on a full disk.
            while written < len(line):
                written += os.write(self._fd, line[written:])
        except OSError:
            if written:
                with suppress(OSError):
                    os.ftruncate(self._fd, os.fstat(self._fd).st_size - written)
            raise

    def _rotate(self) -> None:
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{k}") for k in range(1, KEPT + 1))]
        for older, newer in zip(names[:0:-1], names[-2::-1], strict=True):
            with suppress(FileNotFoundError):
                os.replace(newer, older)
        self._close()
        self._open()

    def _open(self) -> None:
        if self._standard_output:
            self._fd = 1
            return
        self._check_heading()
        try:
            # Without waiting: for a pipe that nobody reads that would be for ever.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
            self._fd = os.open(self._path, flags, 0o644)
            os.set_blocking(self._fd, True)
            self._end_last_line()
        except OSError as error:
            raise self._error("opened", error) from error

    def _check_heading(self) -> None:
        """A file with something else in it is somebody's: nothing is appended to it."""
        if self._standard_output or not (self._begin and self._path.is_file()):
            return
        try:
            with self._path.open("rb") as file:
                begin = file.read(len(self._begin))
        except OSError as error:
            raise self._error("read", error) from error
        # Less of it is what a power cut left.
        if not self._begin.startswith(begin):
            raise SinkError(f"{self._path} is there already, and holds something else; choose another file")

    def _end_last_line(self) -> None:
        """After a power cut the file may end within a line: that line is lost, but not the next one with it."""
        if not self._path.is_file() or not self._path.stat().st_size:
            return
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            whole = file.read() == b"\n"
        if not whole:
            os.write(self._fd, b"\n")

    def _close(self) -> None:
        if self._fd > 1:
            os.close(self._fd)
        self._fd = -1
        self._headed = False

    def _error(self, what: str, error: OSError) -> SinkError:
        if error.errno in (errno.ENXIO, errno.EPIPE):
            return SinkError(f"{self._path} cannot be {what}: nobody reads this pipe")
        return SinkError(f"{self._path} cannot be {what}: {error.strerror}; choose another file or make room")
