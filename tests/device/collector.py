"""A sink for tests."""

from __future__ import annotations

from edge_hwr.device.result import Result


class Collector:
    """A sink that keeps all it was given."""

    def __init__(self) -> None:
        self.results: list[Result] = []

    def __enter__(self) -> Collector:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, result: Result) -> None:
        self.results.append(result)
