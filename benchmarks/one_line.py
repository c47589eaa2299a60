"""What a user did wrong is said in one line by these scripts, too."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

from edge_hwr.errors import EdgeHwrError, UsageError
from edge_hwr.reader import Reader


def run(main: Callable[[], None]) -> None:
    """Call `main`; an error of edge-hwr ends the program with its line."""
    try:
        main()
    except EdgeHwrError as error:
        sys.exit(f"{Path(sys.argv[0]).name}: error: {error}")


def check_reads_glyphs(reader: Reader) -> None:
    """`UsageError` for a model of lines, where the frames hold single characters."""
    if reader.bundle.metadata.task == "line":
        raise UsageError(f"{reader.bundle.metadata.name} reads whole lines: this is of models of single characters")


def count(text: str) -> int:
    """A whole number of one or more, as an argument."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text}: wanted 1 or more")
    return number


def seconds(text: str) -> float:
    """A time of more than nothing, as an argument."""
    if not 0 < (number := float(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: wanted seconds, more than 0")
    return number


def folder(text: str) -> Path:
    """A folder that is there, as an argument."""
    if not (path := Path(text)).is_dir():
        raise argparse.ArgumentTypeError(f"{text}: no such folder")
    return path
