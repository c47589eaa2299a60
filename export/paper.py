"""Paper and camera: what ink looks like once it is on some sheet, under some lamp, in front of some lens.

`photograph` is for the training of readers and runs hundreds of thousands of times: what is random about a picture is
drawn at once, as a `View`, and all noise and texture is cut out of tiles that are made once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Light = npt.NDArray[np.float32]
"""A picture in linear shares of white: (height, width) or (height, width, 3) BGR, 0 black, 1 white."""

Ruling = Literal["none", "lines", "squares", "box"]

TILE = 1024


@dataclass(frozen=True, slots=True)
class View:
    """One sheet and one look at it: shares between 0 and 1, and lengths in pixels unless said otherwise."""

    ink: float = 0.8
    """How dark full ink is: 1 takes all light of the paper away."""
    paper: float = 0.85
    """How bright the paper is."""
    texture: float = 0.01
    """Standard deviation of the brightness of the fibres."""
    halftone: float = 0.0
    """Contrast of a printed dot screen, such as newspapers put under the grey cells of a puzzle."""
    margin: float = 0.3
    """Free paper on each side, at most, in heights of the ink."""
    ruling: Ruling = "none"
    ruling_ink: float = 0.5
    neighbours: float = 0.0
    """How far strokes of the neighbouring glyphs reach into the picture, in heights of the ink."""
    show_through: float = 0.0
    """How dark the writing on the back of the sheet is."""
    tilt: float = 0.02
    """How far each corner is moved by rotation and perspective, in sides of the picture."""
    gradient: float = 0.1
    """How much darker one side of the picture is than the other."""
    shadow: float = 0.0
    """How dark the shadow is whose edge crosses the picture."""
    defocus: float = 0.6
    """Standard deviation of the blur."""
    motion: float = 0.0
    """Length of the smear of a moving hand or camera."""
    sharpening: float = 0.0
    """What the camera's own processing adds against its blur, halos included."""
    noise: float = 0.012
    """Standard deviation of the noise of the sensor."""
    exposure: float = 1.0
    jpeg: int = 0
    """Quality of the JPEG the camera sends; 0: none."""

    @classmethod
    def random(cls, rng: np.random.Generator) -> View:
        """Mostly a fair picture, and now and then each of the things that go wrong."""
        (ink, paper, texture, screen, margin, ruling, ruled, near, near_by, back, tilt, side, shade, shadow, blur,
         moved, motion, halo, noise, noisy, exposed, packed, quality) = rng.random(23).tolist()  # fmt: skip
        kind: Ruling = "none"
        if ruling < 0.40:
            kind = "lines" if ruling < 0.08 else "squares" if ruling < 0.22 else "box"
        return cls(
            ink=0.30 + 0.65 * ink**0.7,
            paper=0.5 + 0.47 * paper**0.6,
            texture=0.002 + 0.03 * texture**3,
            halftone=0.05 + 0.3 * screen if 0.5 < screen < 0.58 else 0.0,
            margin=0.12 + 0.45 * margin,
            ruling=kind,
            ruling_ink=0.15 + 0.8 * ruled if kind == "box" else 0.1 + 0.5 * ruled,
            neighbours=0.03 + 0.15 * near_by if near < 0.12 else 0.0,
            show_through=0.12 * back if 0.5 < back < 0.6 else 0.0,
            tilt=0.06 * tilt**1.5,
            gradient=0.35 * side**2,
            shadow=0.1 + 0.4 * shadow if shade < 0.12 else 0.0,
            defocus=0.35 + 1.25 * blur**2,
            motion=1.5 + 2.5 * motion if moved < 0.1 else 0.0,
            sharpening=1.2 * halo if halo > 0.55 else 0.0,
            noise=0.002 + 0.05 * noise**3 if noisy < 0.85 else 0.02 + 0.04 * noise,
            exposure=0.7 + 0.5 * exposed,
            jpeg=int(35 + 55 * quality) if packed < 0.3 else 0,
        )


def photograph(coverage: Picture, rng: np.random.Generator, *, view: View | None = None) -> Picture:
    """A camera's grey picture (uint8, somewhat larger than the ink) of dark ink on lighter paper.

    `coverage` is uint8 (height, width), 255 where ink covers the paper fully; without a view a random one is taken.
    """
    view = view or View.random(rng)
    sheet = _absorbed(coverage, rng, view)
    if view.tilt > 0:
        sheet = _tilt(sheet, rng, view.tilt)
    return expose(np.float32(view.paper) * (np.float32(1.0) - sheet), rng, view)


def expose(light: Light, rng: np.random.Generator, view: View) -> Picture:
    """Picture what a sheet gives back, `light` (grey or BGR, 1 is white): fibres, lamp, lens, sensor and JPEG."""
    shape = light.shape[:2]
    lamp = 1.0 + view.texture * _cut(_noise(fine=False), shape, rng)
    if view.halftone > 0:
        lamp -= view.halftone * _cut(_screen(int(rng.integers(3))), shape, rng)
    if view.gradient > 0 or view.shadow > 0:
        lamp *= _lamp(shape, rng, view)
    light = light * (lamp if light.ndim == 2 else lamp[:, :, None])
    light = _lens(light, rng, view)
    grain = _cut(_noise(fine=True), shape, rng)
    light += view.noise * (grain if light.ndim == 2 else grain[:, :, None])
    picture = np.asarray(cv2.convertScaleAbs(np.maximum(light, 0.0), alpha=255.0 * view.exposure), np.uint8)
    if view.jpeg:
        _, packed = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, view.jpeg))
        picture = np.asarray(cv2.imdecode(packed, cv2.IMREAD_UNCHANGED), np.uint8)
    return picture


def _absorbed(coverage: Picture, rng: np.random.Generator, view: View) -> Light:
    """What share of the light the sheet swallows where: the ink with free paper around it, and what else is there."""
    height, width = coverage.shape
    size = max(height, width)
    margins = np.maximum(view.margin * size * (0.35 + 0.65 * rng.random(4)), 3).astype(int).tolist()
    top, bottom, left, right = margins
    framed = np.zeros((height + top + bottom, width + left + right), np.uint8)
    framed[top : top + height, left : left + width] = coverage
    if view.neighbours > 0:
        _add_neighbours(framed, coverage, (top, left, right), rng, int(view.neighbours * size))
    sheet = np.multiply(framed, view.ink / 255.0, dtype=np.float32)
    if view.show_through > 0:
        back = cv2.blur(framed, (5, 5))[:, ::-1]
        back = np.roll(back, rng.integers(-size // 2, size // 2, 2), (0, 1))
        sheet = np.maximum(sheet, np.multiply(back, view.show_through / 255.0, dtype=np.float32))
    if view.ruling != "none":
        printed = _ruling(sheet.shape, (top, left, height, width), rng, view.ruling)
        sheet = np.maximum(sheet, np.multiply(printed, view.ruling_ink / 255.0, dtype=np.float32))
    return sheet


def _add_neighbours(
    framed: Picture, coverage: Picture, margins: tuple[int, int, int], rng: np.random.Generator, reach: int
) -> None:
    """Let pieces of turned copies of the ink reach in from the left or right side."""
    top, left, right = margins
    height, width = coverage.shape
    reach = min(reach, max(min(left, right) - 2, 0), width)
    if reach < 1:
        return
    turned = coverage[::-1, ::-1]
    begin = int(np.clip(top + rng.integers(-top, top + 1), 0, framed.shape[0] - height))
    if rng.random() < 0.5:
        framed[begin : begin + height, :reach] = turned[:, width - reach :]
    else:
        framed[begin : begin + height, -reach:] = turned[:, :reach]


def _ruling(shape: tuple[int, ...], ink: tuple[int, int, int, int], rng: np.random.Generator, kind: Ruling) -> Picture:
    """Printed lines: mostly beside the ink, at times through it (`lines`, `squares`), or a frame around it (`box`)."""
    top, left, height, width = ink
    printed = np.zeros(shape[:2], np.uint8)
    size = max(height, width)
    thick = int(rng.integers(1, 2 + size // (12 if kind == "box" else 30)))
    rows: list[float]
    columns: list[float] = []
    if kind == "lines":
        # Writers stand on the line, more or less: the nearest one passes just below the ink.
        below = top + height + size * rng.uniform(-0.04, 0.15)
        rows = [below, below - size * rng.uniform(1.15, 1.8)]
    elif kind == "squares":
        pitch = size * rng.uniform(0.45, 1.6) if rng.random() < 0.3 else size * rng.uniform(1.1, 1.6)
        below = top + height + min(size * rng.uniform(0.0, 0.15), pitch)
        beside = left - size * rng.uniform(0.0, 0.2)
        rows = [below - step * pitch for step in range(-1, 4)]
        columns = [beside + step * pitch for step in range(-1, 4)]
    else:
        gaps = rng.uniform(0.5, 1.2, 4) * (top, shape[0] - top - height, left, shape[1] - left - width)
        sides = rng.random(4) < 0.7
        rows = [y for y, there in ((top - gaps[0], sides[0]), (top + height + gaps[1], sides[1])) if there]
        columns = [x for x, there in ((left - gaps[2], sides[2]), (left + width + gaps[3], sides[3])) if there]
    for y in rows:
        cv2.line(printed, (-9, int(y)), (shape[1] + 9, int(y)), (255,), thick)
    for x in columns:
        cv2.line(printed, (int(x), -9), (int(x), shape[0] + 9), (255,), thick)
    return printed


def _tilt(sheet: Light, rng: np.random.Generator, amount: float) -> Light:
    height, width = sheet.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn = rng.uniform(-0.5, 0.5)
    moves = rng.uniform(-1.0, 1.0, (4, 2)) * 0.5 + turn * np.array([[-1, 1], [-1, -1], [1, -1], [1, 1]])
    moved = corners + (amount * moves * (width, height)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved)
    # Beyond the cut-out the sheet goes on, and so do its lines.
    warped = cv2.warpPerspective(
        sheet, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.float32)


def _lamp(shape: tuple[int, ...], rng: np.random.Generator, view: View) -> Light:
    """Light falling off to one side, and the edge of a shadow."""
    height, width = shape[:2]
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32)
    down = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    angle = np.float32(rng.uniform(0.0, 2.0 * np.pi))
    lamp = np.float32(1.0) + np.float32(view.gradient) * (np.cos(angle) * across + np.sin(angle) * down)
    if view.shadow > 0:
        angle, offset, softness = rng.uniform((0.0, -0.4, 0.03), (2.0 * np.pi, 0.4, 0.5)).astype(np.float32)
        edge = (np.cos(angle) * across + np.sin(angle) * down - offset) / softness + np.float32(0.5)
        lamp *= 1.0 - np.float32(view.shadow) * edge.clip(0.0, 1.0)
    return np.asarray(lamp, np.float32)


def _lens(light: Light, rng: np.random.Generator, view: View) -> Light:
    blurred: Any = light
    if view.defocus > 0.2:
        blurred = cv2.GaussianBlur(blurred, (0, 0), view.defocus, borderType=cv2.BORDER_REPLICATE)
    if view.motion > 1:
        blurred = cv2.filter2D(blurred, -1, _smear(view.motion, rng), borderType=cv2.BORDER_REPLICATE)
    if view.sharpening > 0:
        soft = cv2.GaussianBlur(blurred, (0, 0), 1.5, borderType=cv2.BORDER_REPLICATE)
        blurred = cv2.addWeighted(blurred, 1.0 + view.sharpening, soft, -view.sharpening, 0.0)
    return np.asarray(blurred, np.float32)


def _smear(length: float, rng: np.random.Generator) -> Light:
    side = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((side, side), np.float32)
    centre, angle = side // 2, rng.uniform(0.0, np.pi)
    half = 0.5 * length * np.array([np.cos(angle), np.sin(angle)])
    ends = np.rint(16 * np.stack([centre - half, centre + half])).astype(int).tolist()
    cv2.line(kernel, ends[0], ends[1], (1.0,), 1, cv2.LINE_8, 4)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _cut(tile: Light, shape: tuple[int, ...], rng: np.random.Generator) -> Light:
    """A piece of a tile from a random place; pictures larger than the tile get it repeated."""
    height, width = shape[:2]
    if height >= TILE or width >= TILE:
        tile = np.tile(tile, (height // TILE + 2, width // TILE + 2))
    y, x = rng.integers(0, (TILE - height % TILE, TILE - width % TILE)).tolist()
    return tile[y : y + height, x : x + width]


@cache
def _noise(*, fine: bool) -> Light:
    """Noise of standard deviation 1: white with a little of it smeared by demosaicking, or coarse as fibres are."""
    noise = np.random.default_rng(11).standard_normal((TILE, TILE), np.float32)
    if fine:
        mixed = noise + 1.5 * cv2.GaussianBlur(noise, (0, 0), 0.8)
    else:
        mixed = cv2.GaussianBlur(noise, (0, 0), 1.2) + 1.5 * cv2.GaussianBlur(noise, (0, 0), 6.0)
        mixed += 4.0 * cv2.GaussianBlur(noise[::-1], (0, 0), 25.0)
    return np.asarray(mixed / mixed.std(), np.float32)


@cache
def _screen(which: int) -> Light:
    """A dot screen between 0 and 1, at 45 degrees."""
    pitch = (3.1, 4.3, 5.7)[which]
    at = np.arange(TILE, dtype=np.float32)
    turn = np.float32(2.0 * np.pi / pitch / np.sqrt(2.0))
    dots = np.cos(turn * (at + at[:, None])) * np.cos(turn * (at - at[:, None]))
    return np.asarray(0.5 + 0.5 * dots, np.float32)
