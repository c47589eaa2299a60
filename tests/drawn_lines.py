"""Lines of three letters and a digit in OpenCV's stroke font, and a recipe whose network learns them in seconds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_hwr.picture import write_picture

RECIPE = """\
task = "line"
charset = " abc1"
seed = 2

[network]
stages = [[8], [12], [16]]
features = 32
context = [1, 2]
kernel = 3
dropout = 0.0

[[data]]
source = "dataset"
clean = 1

[training]
epochs = {epochs}
columns = 2048
learning_rate = 1e-2
average = 0.9

[augmentation]
stretch = 0.1
scale = 0.05
shear = 0.1
elastic = 0.5
erase_share = 0.0
remains_share = 0.0

[export]
calibration = 30
max_drop = 3.0
"""


ENOUGH_EPOCHS = 20
"""After so many of 144 lines they are read without errors, whatever the seed; after 12 some seeds lose the blanks."""


def draw_line(text: str, rng: np.random.Generator, *, size: float = 1.2, pen: int = 2) -> NDArray[np.uint8]:
    """A crop of one line, dark ink on light paper."""
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, pen)
    paper = np.full((height + base + 24, width + 40), int(rng.integers(190, 240)), np.uint8)
    cv2.putText(paper, text, (20, height + 12), cv2.FONT_HERSHEY_SIMPLEX, size, (60,), pen, cv2.LINE_AA)
    return paper


def draw_text(rng: np.random.Generator) -> str:
    """One to three words of one to four characters."""
    words = ("".join(rng.choice(list("abc1"), int(rng.integers(1, 5)))) for _ in range(int(rng.integers(1, 4))))
    return " ".join(words)


def write_lines(folder: Path, count: int, seed: int = 5) -> Path:
    """A dataset folder of drawn lines by 24 writers."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    rows = ["file\ttext\twriter"]
    for number in range(count):
        text = draw_text(rng)
        line = draw_line(text, rng, size=float(rng.uniform(0.9, 1.6)), pen=int(rng.integers(2, 4)))
        write_picture(folder / f"{number:04}.png", line)
        rows.append(f"{number:04}.png\t{text}\t{number % 24}")
    (folder / "labels.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def write_recipe(path: Path, *, epochs: int) -> Path:
    path.write_text(RECIPE.format(epochs=epochs), encoding="utf-8")
    return path


def train_run(folder: Path, *, epochs: int, lines: int) -> Path:
    """A run folder of drawn lines, made by the command line's own path in a folder that is there."""
    pytest.importorskip("keras", reason="training needs the extra `export`")
    from edge_hwr.export.commands import train

    dataset = write_lines(folder / "drawn", lines)
    recipe = write_recipe(folder / "tiny-lines.toml", epochs=epochs)
    given = [str(recipe), "--data", str(dataset), "--out", str(folder / "run"), "--workers", "1"]
    train.main(given, standalone_mode=False)
    return folder / "run"


def write_page(lines: list[str], *, size: float = 1.2) -> NDArray[np.uint8]:
    """A page with lines of text, one under the other."""
    page = np.full((140 + 110 * len(lines), 900), 225, np.uint8)
    for number, text in enumerate(lines):
        cv2.putText(page, text, (80, 120 + 110 * number), cv2.FONT_HERSHEY_SIMPLEX, size, (60,), 3, cv2.LINE_AA)
    return page
