"""How well digits are found and read on twelve kinds of pages, written by hands of UNIPEN's training half.

    python benchmarks/glyph_finding.py [--data FOLDER] [--model digits] [--hands 20] [--seed 1] [--draw FOLDER] [--json]

A digit counts as read when one glyph covers it and is surely it; it may be wrong, unsure, or lost, alone or together
with its neighbours. What is read surely where nothing was written is extra. A page is as written when its blanks and
lines are, whatever the digits. The model was trained on these hands: this measures the layout.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import one_line
from digit_pages import KINDS, Page, find_hands
from numpy.typing import NDArray

from edge_hwr.export.strokes import load_strokes
from edge_hwr.picture import write_picture
from edge_hwr.reader import Reader
from edge_hwr.reading import Glyph, Reading

COLUMNS = ("digits", "read", "wrong", "unsure", "lost", "extra", "pages", "as written")
_COVERED = 0.4
"""A glyph that holds so much of a digit's box is its own."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=one_line.folder, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--model", default="digits")
    parser.add_argument(
        "--hands", type=one_line.count, default=20, help="how many writers, each of a page of each kind"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--draw", type=Path, help="a folder for the pages with what was read on them")
    parser.add_argument("--json", action="store_true", help="print a row for each kind as JSON")
    options = parser.parse_args()
    reader = Reader(options.model)
    one_line.check_reads_glyphs(reader)
    hands = find_hands(load_strokes(options.data / "unipen" / "chars_strokes.npz"), options.hands)
    if not options.json:
        print(f"{'paper':<12}" + "".join(f"{name:>{max(8, len(name) + 2)}}" for name in COLUMNS))
    for kind in KINDS:
        counted: Counter[str] = Counter()
        for number, hand in enumerate(hands):
            rng = np.random.default_rng((options.seed, number))
            page = Page(hand, rng)
            kind(page)
            picture = page.photographed(float(rng.uniform(-1, 1)))
            reading = reader.read(picture)
            counted += count(page, reading)
            if options.draw:
                options.draw.mkdir(parents=True, exist_ok=True)
                write_picture(options.draw / f"{kind.__name__}-{number:02d}.png", drawn(picture, reading))
        if options.json:
            print(json.dumps({"paper": kind.__name__, **{name: counted[name] for name in COLUMNS}}))
        else:
            row = "".join(f"{counted[name]:>{max(8, len(name) + 2)}}" for name in COLUMNS)
            print(f"{kind.__name__:<12}{row}")
            sys.stdout.flush()


def count(page: Page, reading: Reading) -> Counter[str]:
    """What became of the digits of a page, by the names of the columns."""
    owners: dict[int, list[str]] = {}
    counted: Counter[str] = Counter(digits=len(page.digits), pages=1)
    for digit, box in page.digits:
        shares = [covered(box, glyph) for glyph in reading.glyphs]
        best = int(np.argmax(shares)) if shares else -1
        if best < 0 or shares[best] < _COVERED:
            counted["lost"] += 1
        else:
            owners.setdefault(best, []).append(digit)
    for index, glyph in enumerate(reading.glyphs):
        mine = owners.get(index, [])
        if len(mine) > 1:
            counted["lost"] += len(mine)
        elif not mine:
            counted["extra"] += not glyph.rejected
        else:
            counted["unsure" if glyph.rejected else "read" if glyph.text == mine[0] else "wrong"] += 1
    counted["as written"] += shape(reading.text) == shape("\n".join(page.lines))
    return counted


def covered(box: tuple[int, int, int, int], glyph: Glyph) -> float:
    """The share of a digit's box that lies in that of a glyph."""
    x, y, w, h = box
    across = min(x + w, glyph.box.x + glyph.box.w) - max(x, glyph.box.x)
    down = min(y + h, glyph.box.y + glyph.box.h) - max(y, glyph.box.y)
    return max(across, 0) * max(down, 0) / (w * h)


def shape(text: str) -> str:
    """A text with all its glyphs alike."""
    return "".join(character if character.isspace() else "x" for character in text)


def drawn(picture: NDArray[np.uint8], reading: Reading) -> NDArray[np.uint8]:
    """The page with a frame around each glyph, thin where it is unsure."""
    seen = picture.copy()
    for glyph in reading.glyphs:
        x, y, w, h = glyph.box
        cv2.rectangle(seen, (x, y), (x + w, y + h), (0,), 1 if glyph.rejected else 3)
    return seen


if __name__ == "__main__":
    one_line.run(main)
