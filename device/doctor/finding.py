"""What the doctor finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How bad it is: all in order, to be known, or in the way of reading."""

    FINE = "fine"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: its `name`, how it is, what was `found`, and the command that mends it.

    `remedy` is one line to be typed as it stands, or, where no command helps (a hot board), what to do.
    """

    name: str
    status: Status
    found: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def fine(name: str, found: str) -> Finding:
    return Finding(name, Status.FINE, found)


def warning(name: str, found: str, remedy: str) -> Finding:
    return Finding(name, Status.WARNING, found, remedy)


def failure(name: str, found: str, remedy: str) -> Finding:
    return Finding(name, Status.FAILURE, found, remedy)


def worst(findings: Iterable[Finding]) -> Status:
    """The gravest status; FINE of none."""
    order = list(Status)
    return max((finding.status for finding in findings), key=order.index, default=Status.FINE)
