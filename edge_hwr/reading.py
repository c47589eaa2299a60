"""What comes out of a frame: a `Reading` of lines of glyphs, each with its confidence and its box."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import add
from typing import Any, NamedTuple

REJECTED = "\N{REPLACEMENT CHARACTER}"
"""Stands in the text where a glyph was found but its confidence is below the model's reject threshold."""


class Box(NamedTuple):
    """A rectangle in pixels of the frame: left, top, width, height."""

    x: int
    y: int
    w: int
    h: int

    def overlap(self, other: Box) -> float:
        """What it shares with another, as part of their union: 0 to 1."""
        width = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        height = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        common = max(width, 0) * max(height, 0)
        return common / max(self.w * self.h + other.w * other.h - common, 1)


def box_around(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds all of these, which are one at least."""
    lefts, tops, widths, heights = zip(*boxes, strict=True)
    left, top = min(lefts), min(tops)
    return Box(left, top, max(map(add, lefts, widths)) - left, max(map(add, tops, heights)) - top)


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character: its best guess, how sure the model is of it (0..1), and where it stands.

    `rejected` says that the confidence is below the threshold of the bundle: `text` is still the best guess, but the
    text of the line shows `REJECTED` in its place.
    """

    text: str
    confidence: float
    box: Box
    rejected: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "confidence": round(self.confidence, 4),
            "box": list(self.box),
            "rejected": self.rejected,
        }


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text, glyphs in reading order.

    Its confidence is the mean of theirs; a line model's is that of the whole line, with what it may have left out. Such
    a line is `joined`: its glyphs were read together, and the next frame may part the same ink otherwise.
    """

    text: str
    confidence: float
    box: Box
    glyphs: tuple[Glyph, ...] = ()
    joined: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "confidence": round(self.confidence, 4),
            "box": list(self.box),
            "glyphs": [glyph.to_json() for glyph in self.glyphs],
        }


@dataclass(frozen=True, slots=True)
class ReadPage:
    """What a model reads of a picture: its lines, and the seconds that each stage took; `turned` and `remembered` as in
    a `Reading`."""

    lines: tuple[Line, ...]
    seconds: dict[str, float]
    turned: int = 0
    remembered: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read in one frame of `width` x `height` pixels; `ms` holds milliseconds by stage and in `total`.

    `turned` says by how many degrees, clockwise, the frame was turned to be read: 180 where it was upside down. Boxes
    are in the pixels of the frame as it came. `remembered` counts the lines that look as they did in the frame before
    and were not read again. `inverted` says that the ink was light on dark.
    """

    width: int
    height: int
    model: str
    lines: tuple[Line, ...] = ()
    ms: Mapping[str, float] = field(default_factory=dict)
    turned: int = 0
    remembered: int = 0
    inverted: bool = False

    @property
    def text(self) -> str:
        """The lines, joined by newlines."""
        return "\n".join(line.text for line in self.lines)

    @property
    def confidence(self) -> float:
        """The mean of the lines', each counted by its characters, as a long one says more; 1 where there is no text."""
        characters = [len(line.text) for line in self.lines]
        weighted = (count * line.confidence for count, line in zip(characters, self.lines, strict=True))
        return sum(weighted) / sum(characters) if any(characters) else 1.0

    @property
    def glyphs(self) -> tuple[Glyph, ...]:
        """All glyphs in reading order."""
        return tuple(glyph for line in self.lines for glyph in line.glyphs)

    def to_json(self) -> dict[str, Any]:
        """As `result.schema.json` describes it, less the name of the image."""
        return {
            "width": self.width,
            "height": self.height,
            "model": self.model,
            "text": self.text,
            "confidence": round(self.confidence, 4),
            "lines": [line.to_json() for line in self.lines],
            "ms": {stage: round(value, 3) for stage, value in self.ms.items()},
            "turned": self.turned,
            "remembered": self.remembered,
            "inverted": self.inverted,
        }
