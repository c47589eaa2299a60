"""How a recipe's values are refused: with the key and what it wants; the loader adds the file."""

from __future__ import annotations

from edge_hwr.errors import UsageError

MOST_SAMPLES = 10_000_000
"""Of a source: more would not fit into memory."""


class ValueRefusedError(UsageError):
    """A value outside of what its key allows, in a recipe or as an option in place of it."""

    def __init__(self, key: str, wanted: str) -> None:
        super().__init__(f"{key}: wanted {wanted}")


def require_names(name: str, charset: str) -> None:
    """`ValueRefusedError` unless files and folders can be called by a recipe's name, and labels be its characters."""
    require(bool(name.strip(". ")) and not set(name) & set("/\\") and name.isprintable(), "name", "a name for a file")
    require(charset.isprintable(), "charset", "characters that can be printed: no tabs or line ends")


def require(condition: bool, key: str, wanted: str) -> None:
    """`ValueRefusedError` unless the condition holds."""
    if not condition:
        raise ValueRefusedError(key, wanted)
