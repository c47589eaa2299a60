"""Draw the pictures and the video of this folder again: `make samples`, or `python samples/make.py FONTS`.

All handwriting in them is set in open fonts (export/fonts.tsv) and bent by export/hands.py; nobody wrote any of it.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import cv2
import numpy as np

from edge_hwr.export.forms import STYLES
from edge_hwr.export.pages import (
    label_row,
    look,
    photograph_page,
    save_photo,
    synthesise_page,
    truth_row,
    write_page,
)
from edge_hwr.export.paper import View
from edge_hwr.files import write_atomically

HERE = Path(__file__).resolve().parent
SIZE = (1280, 960)
PRINT = "printed/arimo-latin-700-normal.woff2"

# name, style, handwriting font, seed, lines
PAGES = (
    (
        "phone-list.jpg", "ruled", "caveat", 3,
        ("06 31 74 58 92", "07 45 20 19 63", "04 78 36 50 11", "05 62 97 84 03", "09 13 48 27 75"),
    ),
    (
        "meter-form.jpg", "form", "kalam", 14,
        ("Date: 21 07 2026", "Meter number: 48 1159 3027", "Day: 073916", "Night: 025840"),
    ),
    ("columns.jpg", "squares", "patrick-hand", 5, ("4728 160", "1953 742", "2064 385", "8745 903", "6170 281")),
    (
        "puzzle.jpg", "sudoku", "kalam", 3,
        (
            "534678912", "672195348", "198342567", "859761423", "426853791", "713924856", "961537284", "287419635",
            "345286179",
        ),
    ),
    ("note.jpg", "note", "handlee", 12, ("0472 315", "9 15 30", "68 24 07")),
)  # fmt: skip

LETTER = "letter.jpg"
LETTER_LINES = (
    "Dear Anna,",
    "thank you for the three books.",
    "I read the first one on the train",
    "and could not put it down.",
    "We come home on 14 June, at noon.",
    "À bientôt, et merci encore !",
    "Louise",
)

VIDEO = "digits.avi"
VIDEO_LINES = ("3 14159", "26 5358", "979 323", "846 264")
VIDEO_SIZE = (640, 480)
RATE, SECONDS = 10, 8


def make_pictures(fonts: Path) -> None:
    rows, truths = ["file\ttext"], []
    for name, style, face, seed, lines in PAGES:
        picture, truth = synthesise_page(
            lines,
            np.random.default_rng(seed),
            font=fonts / f"handwriting/{face}-latin-400-normal.woff2",
            style=STYLES[style],
            printed=fonts / PRINT,
            width=SIZE[0],
            height=SIZE[1],
        )
        save_photo(HERE / name, picture, quality=78)
        rows.append(label_row(name, truth))
        truths.append(truth_row(name, SIZE, truth))
    write_atomically(HERE / "labels.tsv", "".join(row + "\n" for row in rows).encode())
    write_atomically(HERE / "truth.jsonl", "".join(row + "\n" for row in truths).encode())


def make_letter(fonts: Path) -> None:
    """Joined handwriting, for the models of whole lines."""
    picture, _ = synthesise_page(
        LETTER_LINES,
        np.random.default_rng(6),
        font=fonts / "handwriting/homemade-apple-latin-400-normal.woff2",
        style=dataclasses.replace(STYLES["ruled"], weight=0.0),
        width=SIZE[0],
        height=SIZE[1],
    )
    save_photo(HERE / LETTER, picture, quality=78)
    write_atomically((HERE / LETTER).with_suffix(".txt"), "".join(line + "\n" for line in LETTER_LINES).encode())


def make_video(fonts: Path) -> None:
    """A page under a camera held by hand; figure after figure is written, then all of them stay to be read."""
    width, height = VIDEO_SIZE
    rng = np.random.default_rng(4)
    font = fonts / "handwriting/patrick-hand-latin-400-normal.woff2"
    style = dataclasses.replace(STYLES["ruled"], weight=0.16)
    page = write_page(VIDEO_LINES, rng, font=font, style=style, width=2 * width, height=2 * height)
    still = look(rng, width, height, page.paper.shape, tilt=0.6)
    view = View(texture=0.002, gradient=0.25, shadow=0.12, defocus=0.6, noise=0.003, exposure=1.02)
    partial = HERE / f".{VIDEO}.{os.getpid()}.avi"
    video = cv2.VideoWriter(str(partial), cv2.VideoWriter.fourcc(*"MJPG"), RATE, VIDEO_SIZE)
    frames = RATE * SECONDS
    for number in range(frames):
        written = min(1 + len(page.marks) * number // (frames * 5 // 8), len(page.marks))
        sway = _sway(number / RATE, width, height)
        # The same lamp and shadow in every frame: a fresh generator of one seed.
        light = np.random.default_rng(21)
        video.write(photograph_page(page, sway @ still, light, width, height, view=view, written=written))
    video.release()
    os.replace(partial, HERE / VIDEO)
    write_atomically((HERE / VIDEO).with_suffix(".txt"), "".join(line + "\n" for line in VIDEO_LINES).encode())


def _sway(seconds: float, width: int, height: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """How far a hand has moved the camera by then: some pixels, and a degree or so."""
    turn = 0.012 * np.sin(1.1 * seconds)
    scale = 1.0 + 0.012 * np.sin(0.7 * seconds + 1.0)
    move = cv2.getRotationMatrix2D((width / 2, height / 2), np.degrees(turn), scale)
    move[:, 2] += 5.0 * np.sin(0.9 * seconds), 3.5 * np.sin(1.4 * seconds + 0.5)
    return np.vstack([move, [0.0, 0.0, 1.0]])


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/fonts")
    make_pictures(folder)
    make_letter(folder)
    make_video(folder)
