"""What the tests of the camera share. They run inside the userland alone: see README.md."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from scene import Edge, Page

collect_ignore_glob = [] if "EDGE_HWR_VIRTUAL_CAMERA" in os.environ else ["*"]

VIRTUAL = Path("/opt/virtual")
SAMPLES = Path("/opt/samples")
WIDTH, HEIGHT = 1280, 720


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """A sample page in the proportions of the camera, put before it."""
    import cv2

    name = "columns.jpg"
    texts = dict(line.split("\t") for line in (SAMPLES / "labels.tsv").read_text("utf-8").splitlines())
    sheet = cv2.resize(cv2.imread(str(SAMPLES / name)), (HEIGHT * 4 // 3, HEIGHT), interpolation=cv2.INTER_AREA)
    side = (WIDTH - sheet.shape[1]) // 2
    scene = cv2.copyMakeBorder(sheet, 0, 0, side, side, cv2.BORDER_REPLICATE)
    frames = VIRTUAL / "frames"
    shutil.rmtree(frames, ignore_errors=True)
    frames.mkdir()
    picture = frames / "page.jpg"
    assert cv2.imwrite(str(picture), scene, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return Page(picture, texts[name].replace("\\n", "\n"))


@pytest.fixture
def faults(tmp_path: Path) -> Iterator[Path]:
    """The folder whose files are faults of the virtual camera; see virtual_camera.py."""
    folder = tmp_path / "faults"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def edge(page: Page, faults: Path, tmp_path: Path) -> Edge:
    return Edge(faults, tmp_path)
