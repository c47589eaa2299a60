"""Open fonts as a source of writing: handwriting faces for pages, printed ones for forms and newspapers.

`python -m edge_hwr.export.fonts build/fonts` fetches those of `fonts.tsv`, at their pinned versions, with npm.
"""

from __future__ import annotations

import csv
import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_hwr.errors import EdgeHwrError, FetchError, RuntimeMissingError, UsageError
from edge_hwr.files import shown

from .strokes import Coverage

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

log = logging.getLogger(__name__)

SUFFIXES = frozenset({".woff2", ".woff", ".ttf", ".otf"})
SIZES = (48, 96, 192)
"""Fonts are opened at these sizes only, and what they draw is scaled: opening a compressed font takes milliseconds."""
FETCH_SECONDS = 600


@dataclass(frozen=True, slots=True)
class FontFile:
    """One line of `fonts.tsv`: a file of an npm package, and the licence that it comes under."""

    kind: str
    """`handwriting` or `printed`."""
    package: str
    version: str
    licence: str
    file: str


@dataclass(frozen=True, slots=True, eq=False)
class Inked:
    """Text set in a font; pixels, y down.

    `left` and `top` say where the ink's upper left corner is from the pen's start on the baseline, `advance` how far
    the pen has moved.
    """

    coverage: Coverage
    left: float
    top: float
    advance: float


def find_fonts(folder: str | Path) -> list[Path]:
    """All font files in a folder and below, sorted; `UsageError` where there are none."""
    found = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise UsageError(f"{folder}: no font files there; run `make fonts`, or name a folder that has some")
    return found


def readable_fonts(files: Sequence[Path]) -> list[Path]:
    """Those of some font files that can be drawn with; others, damaged or none at all, are warned of."""
    readable = []
    for file in files:
        try:
            _figure_height(file)
            _has_character(file, "a")
        except (UsageError, OSError) as error:
            log.warning("%s: left out, for it cannot be drawn with (%s)", shown(file), error.__cause__ or error)
        else:
            readable.append(file)
    return readable


def has_characters(font: Path, text: str) -> bool:
    """Whether the font draws every character of a text itself, with neither nothing nor its box for missing ones."""
    return all(character.isspace() or _has_character(font, character) for character in set(text))


def set_text(font: Path, text: str, size_px: float) -> Inked:
    """Set one line of text so large that the figure 8 is `size_px` pixels high.

    `UsageError` for a font that cannot be read or lacks a character of the text.
    """
    if not has_characters(font, text):
        raise UsageError(f"{font}: this font cannot draw {text!r}; choose texts with `has_characters` first")
    figure = _figure_height(font)
    size = next((size for size in SIZES if size * figure >= size_px), SIZES[-1])
    face = _open(font, size)
    scale = size_px / (size * figure)
    left, top, right, bottom = face.getbbox(text, anchor="ls")
    advance = face.getlength(text) * scale
    width, height = int(right - left), int(bottom - top)
    if width < 1 or height < 1:
        return Inked(np.zeros((1, 1), np.uint8), 0.0, 0.0, advance)
    mask, _ = face.getmask2(text, mode="L", anchor="ls")
    ink = np.frombuffer(bytes(mask), np.uint8).reshape(mask.size[::-1])
    target = (max(round(width * scale), 1), max(round(height * scale), 1))
    scaled = cv2.resize(ink, target, interpolation=cv2.INTER_AREA if scale <= 1 else cv2.INTER_CUBIC)
    return Inked(np.asarray(scaled, np.uint8), left * scale, top * scale, advance)


def draw_text(font: Path, text: str, size_px: float) -> Coverage:
    """The ink alone of `set_text`."""
    return set_text(font, text, size_px).coverage


def listed_fonts() -> list[FontFile]:
    """What `fonts.tsv` lists."""
    listing = resources.files(__package__).joinpath("fonts.tsv").read_text("utf-8")
    return [FontFile(*row) for row in list(csv.reader(listing.splitlines(), delimiter="\t"))[1:]]


def fetch_fonts(folder: str | Path, *, npm: str = "npm") -> int:
    """Put the listed fonts into `folder`/KIND/, by way of npm; those already there stay. Returns how many came new.

    `RuntimeMissingError` without npm, `FetchError` where npm fails or a package lacks the file that is listed.
    """
    folder = Path(folder)
    wanted = [font for font in listed_fonts() if not (folder / font.kind / font.file).exists()]
    if not wanted:
        return 0
    if shutil.which(npm) is None:
        raise RuntimeMissingError("fetching fonts takes npm: install it (Debian: apt-get install npm) and run again")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        packages = sorted({f"{font.package}@{font.version}" for font in wanted})
        _npm_install(npm, Path(scratch), packages)
        for font in wanted:
            fetched = Path(scratch, "node_modules", font.package, "files", font.file)
            if not fetched.is_file():
                raise FetchError(f"{font.package}@{font.version}: has no file {font.file}; correct fonts.tsv")
            (folder / font.kind).mkdir(exist_ok=True)
            fetched.replace(folder / font.kind / font.file)
    return len(wanted)


def _npm_install(npm: str, folder: Path, packages: Sequence[str]) -> None:
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", *packages]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"npm fetched no fonts within {FETCH_SECONDS} s; try again later") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "error" in line.lower()] or ["no reason given"]
        raise FetchError(f"npm could not fetch the fonts: {said[0].strip()}")


@lru_cache(maxsize=512)
def _open(font: Path, size: int) -> FreeTypeFont:
    try:
        from PIL import ImageFont
    except ImportError as error:
        raise RuntimeMissingError("drawing with fonts takes Pillow: pip install 'edge-hwr[export]'") from error
    try:
        # The basic layout draws the same everywhere; the complex one depends on what the system has.
        return ImageFont.truetype(str(font), size, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise UsageError(f"{font}: cannot be read as a font ({error})") from error


@lru_cache(maxsize=512)
def _figure_height(font: Path) -> float:
    """Height of the figure 8 in ems; figures of some faces have different heights, 8 is always one of the tall ones."""
    _, top, _, bottom = _open(font, SIZES[1]).getbbox("8")
    return max(float(bottom - top) / SIZES[1], 0.1)


@lru_cache(maxsize=65536)
def _has_character(font: Path, character: str) -> bool:
    face = _open(font, SIZES[0])
    ink = bytes(face.getmask(character))
    return any(ink) and ink != bytes(face.getmask("\U0010fffe"))


if __name__ == "__main__":
    try:
        print(f"{fetch_fonts(sys.argv[1] if len(sys.argv) > 1 else 'build/fonts')} fonts fetched")
    except EdgeHwrError as problem:
        sys.exit(f"edge-hwr: error: {problem}")
