"""How a recipe's values are refused: with the key and what it wants; the loader adds the file."""

from __future__ import annotations

from math import inf
from typing import Protocol

from edge_hwr.errors import UsageError

MOST_SAMPLES = 10_000_000
"""Of a source: more would not fit into memory."""


class Pace(Protocol):
    """Length and pace of a training: for `minutes` of wall time where more than 0, otherwise for `epochs`.

    The learning rate follows a cosine, after a `warmup` (a share of the training); the weights that are kept are an
    average that decays by `average` a step.
    """

    @property
    def epochs(self) -> int: ...
    @property
    def minutes(self) -> float: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def warmup(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def average(self) -> float: ...


class ValueRefusedError(UsageError):
    """A value outside of what its key allows, in a recipe or as an option in place of it."""

    def __init__(self, key: str, wanted: str) -> None:
        super().__init__(f"{key}: wanted {wanted}")


def require_names(name: str, charset: str) -> None:
    """`ValueRefusedError` unless files and folders can be called by a recipe's name, and labels be its characters."""
    require(bool(name.strip(". ")) and not set(name) & set("/\\") and name.isprintable(), "name", "a name for a file")
    require(charset.isprintable(), "charset", "characters that can be printed: no tabs or line ends")


def require_pace(pace: Pace) -> None:
    """`ValueRefusedError` unless a training can have this pace."""
    require(pace.epochs > 0, "epochs", "1 or more")
    require(0 <= pace.minutes < inf, "minutes", "a number, 0 or more")
    require(0 < pace.learning_rate < inf, "learning_rate", "a number, more than 0")
    require(0 <= pace.warmup < 1, "warmup", "0 <= warmup < 1 (a share of the training)")
    require(0 <= pace.weight_decay < 1, "weight_decay", "0 <= weight_decay < 1")
    require(0 <= pace.average < 1, "average", "0 <= average < 1 (decay per step of the averaged weights)")


def require(condition: bool, key: str, wanted: str) -> None:
    """`ValueRefusedError` unless the condition holds."""
    if not condition:
        raise ValueRefusedError(key, wanted)
