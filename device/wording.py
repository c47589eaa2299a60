"""How numbers are put into words."""

from __future__ import annotations


def counted(number: int, what: str) -> str:
    """A number of things: "1 frame", "2 frames"."""
    return f"{number} {what}{'' if number == 1 else 's'}"
