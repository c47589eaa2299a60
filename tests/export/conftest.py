"""A dataset of drawn characters on disk, and a tiny network trained on it by the command line's own path."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_hwr.picture import write_picture

CHARSET = "0127"

RECIPE = """\
charset = "0127"
seed = 3

[network]
backbone = "plain"
stages = [[8], [16], [16]]

[[data]]
source = "dataset"
clean = 2

[[data]]
source = "junk"
samples = 120
camera = 1

[training]
epochs = 4
batch = 32
learning_rate = 1e-2
average = 0.9

[augmentation]
elastic = 0.5

[export]
calibration = 64
"""


def draw_character(character: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A character in OpenCV's stroke font, size, slant and pen at random, as dark ink on light paper."""
    paper = np.full((96, 96), int(rng.integers(190, 240)), np.uint8)
    size, pen = rng.uniform(1.6, 2.3), int(rng.integers(3, 7))
    cv2.putText(paper, character, (30, 72), cv2.FONT_HERSHEY_SIMPLEX, size, (60,), pen, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((48, 48), rng.uniform(-12, 12), 1.0)
    return np.asarray(cv2.warpAffine(paper, turn, (96, 96), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def write_dataset(folder: Path, texts: str) -> Path:
    """A dataset folder with one drawn picture for each character of `texts`."""
    rng = np.random.default_rng(5)
    folder.mkdir()
    rows = ["file\ttext"]
    for number, text in enumerate(texts):
        write_picture(folder / f"{number:04}.png", draw_character(text, rng))
        rows.append(f"{number:04}.png\t{text}")
    (folder / "labels.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder of 320 drawn characters."""
    return write_dataset(tmp_path_factory.mktemp("data") / "drawn", CHARSET * 80)


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipes") / "tiny.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, dataset: Path, recipe: Path) -> Path:
    """The run folder of a finished training; tests must not change it."""
    pytest.importorskip("keras", reason="training needs the extra `export`")
    from edge_hwr.export.commands import train

    run = tmp_path_factory.mktemp("runs") / "tiny"
    train.main([str(recipe), "--data", str(dataset), "--out", str(run), "--workers", "1"], standalone_mode=False)
    return run
