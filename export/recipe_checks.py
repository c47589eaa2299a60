"""How a recipe's values are refused: with the key and what it wants; the loader adds the file."""

from __future__ import annotations


class ValueRefusedError(ValueError):
    """A value outside of what its key allows."""

    def __init__(self, key: str, wanted: str) -> None:
        super().__init__(f"{key}: wanted {wanted}")


def require(condition: bool, key: str, wanted: str) -> None:
    """`ValueRefusedError` unless the condition holds."""
    if not condition:
        raise ValueRefusedError(key, wanted)
