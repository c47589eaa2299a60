"""Results for sinks."""

from __future__ import annotations

from edge_hwr.device.result import Result
from edge_hwr.reading import Box, Line, Reading


def result(text: str, *, name: str = "", sequence: int = 0) -> Result:
    lines = tuple(Line(line, 0.9, Box(1, 2, 3, 4)) for line in text.splitlines())
    return Result("camera", name, sequence, 12.5, 0.025, Reading(640, 480, "digits", lines, {"total": 1.5}))
