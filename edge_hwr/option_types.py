"""Options that several commands have, and types of options that click lacks."""

from __future__ import annotations

from math import isfinite
from typing import Any

import click

LEXICON = click.option(
    "--lexicon", metavar="NAME|FILE", help="A language model for models of lines: en, fr, or one of your own."
)


class FiniteRange(click.FloatRange):
    """A number within a range; neither "nan", which no range excludes, nor "inf"."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number
