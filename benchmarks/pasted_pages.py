"""Pages made of scanned lines whose place is known: what line finding is tuned on.

The lines of one writer are pasted on a sheet with random spacing, skew, bend, ruling and light, as a scanner or a
camera over a desk would see it. With every page comes the map of whose ink each pixel is.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.export import sheets
from edge_hwr.export.pages import look
from edge_hwr.export.paper import View, expose

Picture = NDArray[np.uint8]
Kind = Literal["scan", "skewed", "photo"]
KINDS: tuple[Kind, ...] = ("scan", "skewed", "photo")

_GREY_RULE, _BLUE_RULE = (0.72, 0.72, 0.72), (0.86, 0.74, 0.66)


@dataclass(frozen=True, slots=True, eq=False)
class WrittenPage:
    """A grey picture, uint8 (H, W), and for each of its pixels the line whose ink it is, 0 for none: uint8 (H, W)."""

    grey: Picture
    owner: Picture
    kind: Kind


def read_lines(archive: Path) -> dict[str, list[Picture]]:
    """The line pictures of a dataset's zip by writer, boilerplate left out."""
    found: dict[str, list[Picture]] = defaultdict(list)
    with zipfile.ZipFile(archive) as packed:
        table = io.StringIO(packed.read("labels.tsv").decode())
        for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["boilerplate"] == "0":
                picture: Any = cv2.imdecode(np.frombuffer(packed.read(row["file"]), np.uint8), cv2.IMREAD_GRAYSCALE)
                found[row["writer"]].append(np.asarray(picture, np.uint8))
    return found


def paste_page(lines: dict[str, list[Picture]], rng: np.random.Generator, kind: Kind) -> WrittenPage:
    """One page of 1600 pixels of some writer's lines."""
    width, height = 1236, 1600
    writers = sorted(lines)
    own = lines[writers[rng.integers(len(writers))]]
    sheet = sheets.blank(width, height, (1.0, 1.0, 1.0) if kind != "photo" else (0.93, 0.96, 0.97), rng)
    scale = rng.uniform(0.5, 0.85)
    pitch = 64 * scale * rng.uniform(0.72, 1.45)
    top = rng.uniform(60, 250)
    _rule(sheet, rng, top + 0.8 * 64 * scale, pitch)
    owner = np.zeros((height, width), np.uint8)
    left, y, first = rng.uniform(40, 160), top, int(rng.integers(len(own)))
    for number in range(int(rng.integers(3, 30))):
        line = _without_remains(own[(first + number) % len(own)])
        if y + 64 * scale > height - 10:
            break
        _paste(sheet, owner, line, (left + rng.normal(0, 4), y + rng.normal(0, 0.05) * pitch), scale, number + 1, rng)
        y += pitch * (2 if rng.random() < 0.08 else 1)
    angle = {"scan": 0.7, "skewed": 5.0, "photo": 1.5}[kind] * rng.standard_normal()
    sheet, owner = _bend(sheet, owner, float(np.clip(angle, -10, 10)), rng.normal(0, 6.0), kind)
    if kind == "photo":
        return _photograph(sheet, owner, rng)
    noise = rng.normal(0, rng.uniform(0, 2.5), (height, width))
    grey = sheet.mean(axis=2) * 255 + noise
    return WrittenPage(grey.clip(0, 255).astype(np.uint8), owner, kind)


def _rule(sheet: NDArray[np.float32], rng: np.random.Generator, first: float, pitch: float) -> None:
    kind = rng.random()
    colour = (_GREY_RULE, _BLUE_RULE)[rng.integers(2)]
    if kind < 0.4:
        sheets.rule_lines(sheet, first % pitch, pitch, colour, margin=rng.choice([0.0, 100.0]))
    elif kind < 0.55:
        sheets.rule_squares(sheet, (10.0, first), pitch / rng.choice([1, 2, 3]), colour)
    elif kind < 0.65:
        for y in np.arange(first % pitch, sheet.shape[0] - 2, pitch):
            for x in range(80, sheet.shape[1] - 80, 7):
                sheet[int(y) : int(y) + 2, x : x + 3] *= np.float32(0.45)


def _without_remains(line: Picture) -> Picture:
    """A line picture without what its neighbours left at its upper and lower edge."""
    ink = (line < 190).astype(np.uint8)
    _count, labels, stats, _ = cv2.connectedComponentsWithStats(ink)
    edge = (stats[:, 1] == 0) | (stats[:, 1] + stats[:, 3] == line.shape[0])
    drop = edge & (stats[:, 3] < 18)
    drop[0] = False
    cleaned = line.copy()
    cleaned[cv2.dilate(drop[labels].astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] = 255
    return cleaned


def _paste(
    sheet: NDArray[np.float32],
    owner: Picture,
    line: Picture,
    corner: tuple[float, float],
    scale: float,
    number: int,
    rng: np.random.Generator,
) -> None:
    left, top = int(corner[0]), max(int(corner[1]), 0)
    scale = min(scale, (sheet.shape[1] - left - 5) / line.shape[1])
    small = cv2.resize(line, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = small.shape
    here = (slice(top, top + height), slice(left, left + width))
    sheet[here] *= np.minimum(small.astype(np.float32) / np.float32(250), 1.0)[:, :, None]
    ink = (small < 170).astype(np.uint8)
    ruling = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, 45), np.uint8))
    owner[here][(ink > 0) & (ruling == 0)] = number


def _bend(
    sheet: NDArray[np.float32], owner: Picture, angle: float, bend: float, kind: Kind
) -> tuple[NDArray[np.float32], Picture]:
    """Turn the writing by an angle (degrees) and bend it by so many pixels in the middle of the page."""
    height, width = owner.shape
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    turn = np.deg2rad(angle) if kind != "photo" else 0.0
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    x, y = across - width / 2, down - height / 2
    map_x, map_y = cos * x + sin * y + width / 2, cos * y - sin * x + height / 2
    map_y += np.float32(bend) * np.sin(across * np.float32(np.pi / width))
    map_x, map_y = map_x.astype(np.float32), map_y.astype(np.float32)
    bent = cv2.remap(sheet, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(1, 1, 1))
    return np.asarray(bent, np.float32), np.asarray(cv2.remap(owner, map_x, map_y, cv2.INTER_NEAREST), np.uint8)


def _photograph(sheet: NDArray[np.float32], owner: Picture, rng: np.random.Generator) -> WrittenPage:
    width, height = 1512, 2016
    desk = rng.random() < 0.7
    matrix = look(rng, width, height, sheet.shape, desk=desk, tilt=1.5)
    surface = sheets.desk(width, height, np.random.default_rng(int(rng.integers(20))))
    light = sheets.lay_on(surface, np.minimum(sheet, 1.0), matrix) * np.array((0.93, 0.98, 1.0), np.float32)
    lamp, shadow, blur, noise = rng.random(4).tolist()
    view = View(
        texture=0.003, gradient=0.1 + 0.5 * lamp, shadow=0.35 * shadow, defocus=0.5 + 0.8 * blur, noise=0.01 * noise
    )
    picture = cv2.cvtColor(expose(light, rng, view), cv2.COLOR_BGR2GRAY)
    seen = cv2.warpPerspective(owner, matrix, (width, height), flags=cv2.INTER_NEAREST)
    return WrittenPage(np.asarray(picture, np.uint8), np.asarray(seen, np.uint8), "photo")
