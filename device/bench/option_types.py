"""Kinds of options that only `edge-hwr bench` has."""

from __future__ import annotations

from typing import Any

import click


class Counts(click.ParamType[tuple[int, ...]]):
    """Whole numbers from 1 to `most`, with commas between them."""

    name = "counts"

    def __init__(self, most: int) -> None:
        self._most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            counts = tuple(dict.fromkeys(int(part) for part in str(value).split(",")))
        except ValueError:
            counts = ()
        if not counts or min(counts) < 1 or max(counts) > self._most:
            self.fail(f"{value!r} is not a list of numbers like 1,2,4, each at most {self._most}", param, ctx)
        return counts


class Share(click.ParamType[float]):
    """A percentage, with or without its sign; gives a share of 1."""

    name = "percentage"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            share = float(str(value).removesuffix("%")) / 100
        except ValueError:
            share = -1.0
        if not 0 <= share < float("inf"):
            self.fail(f"{value!r} is not a percentage like 10%", param, ctx)
        return share
