"""What every sink does."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from ..result import Result


class Sink(Protocol):
    """A place for results: opened by `with`, and closed by its end, whatever ended it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def write(self, result: Result) -> None:
        """Deliver `result`. Raises SinkError when that is impossible."""
        ...
