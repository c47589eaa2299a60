"""Pages of digits for `glyph_finding.py`: recorded strokes of real hands, written on twelve kinds of pages.

A hand is a writer of UNIPEN's training half; the papers are drawn, lit from one side, blurred and grained as a camera
sees them. What was written is known to the pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.export.strokes import Pen, StrokeSet, draw_strokes

Picture = NDArray[np.uint8]
DIGITS = "0123456789"
WIDTH, HEIGHT = 1280, 960
INK, PAPER = 55, 228
_PEN = Pen(width=0.08)
_BLUR, _GRAIN, _FALLOFF = 0.8, 3.0, 0.25


@dataclass(frozen=True, slots=True)
class Hand:
    """The drawings of each digit by one writer."""

    strokes: StrokeSet
    drawings: dict[str, list[int]]


def find_hands(strokes: StrokeSet, count: int) -> list[Hand]:
    """So many writers of the training half who wrote every digit, spread over all there are."""
    hands = []
    for writer in np.unique(strokes.writer[~strokes.test]).tolist():
        mine = (strokes.writer == writer) & ~strokes.test
        drawings = {digit: np.flatnonzero(mine & (strokes.label == digit)).tolist() for digit in DIGITS}
        if all(drawings.values()):
            hands.append(Hand(strokes, drawings))
    return [hands[index] for index in np.linspace(0, len(hands) - 1, min(count, len(hands))).astype(int)]


@dataclass(slots=True)
class Page:
    """A page while it is written: its brightness, float32 (H, W), what is on it, and the text of its lines."""

    hand: Hand
    rng: np.random.Generator
    seen: NDArray[np.float32] = field(default_factory=lambda: np.full((HEIGHT, WIDTH), PAPER, np.float32))
    digits: list[tuple[str, tuple[int, int, int, int]]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def draw(self, digit: str, x: float, foot: float, height: float, *, centred: bool = False) -> float:
        """Write a digit that stands at (x, foot), or about x; its width."""
        drawing = self.rng.choice(self.hand.drawings[digit])
        high = height * self.rng.normal(1, 0.03)
        # A digit's nominal height is the longer side of its box, which of a broad one is its width.
        points = np.concatenate(self.hand.strokes.strokes(int(drawing)))
        nominal = high / max(float(np.ptp(points[:, 1])), 0.3)
        ink = draw_strokes(self.hand.strokes.strokes(int(drawing)), self.rng, height_px=nominal, pen=_PEN)
        tall, wide = ink.shape
        left = round(x - wide / 2 if centred else x)
        top = round(foot - tall + self.rng.normal(0, 0.03 * height))
        view = self.seen[top : top + tall, left : left + wide]
        view += (INK - view) * (ink[: view.shape[0], : view.shape[1]] / np.float32(255))
        self.digits.append((digit, (left, top, wide, tall)))
        return float(wide)

    def write(
        self,
        text: str,
        x: float,
        foot: float,
        height: float,
        *,
        gap: float = 0.22,
        spread: float = 0,
        blank: float = 0.85,
    ) -> None:
        """Digits with a gap between them, of so many times their height, that varies by the spread."""
        for digit in text:
            between = gap + (self.rng.normal(0, spread) if spread else 0)
            x += blank * height if digit == " " else self.draw(digit, x, foot, height) + between * height
        self.lines.append(text)

    def some(self, count: int) -> str:
        return "".join(self.rng.choice(list(DIGITS), count))

    def rule(self, start: tuple[float, float], end: tuple[float, float], grey: float, thick: int) -> None:
        first, last = (tuple(round(value) for value in point) for point in (start, end))
        cv2.line(self.seen, first, last, (float(grey),), thick)

    def photographed(self, degrees: float = 0.0) -> Picture:
        """The page as a camera sees it: a little off the level, and lit from the left."""
        turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), degrees, 1.0)
        seen = cv2.warpAffine(self.seen, turn, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        self.digits = [(digit, _turned(box, turn)) for digit, box in self.digits]
        light = 1 - _FALLOFF * np.linspace(0, 1, WIDTH, dtype=np.float32)
        lit = cv2.GaussianBlur(seen, (0, 0), _BLUR) * light + self.rng.normal(0, _GRAIN, seen.shape)
        return np.clip(lit, 0, 255).astype(np.uint8)


def _turned(box: tuple[int, int, int, int], turn: NDArray[np.float64]) -> tuple[int, int, int, int]:
    x, y, w, h = box
    corners = np.array([(x, y, 1), (x + w, y, 1), (x, y + h, 1), (x + w, y + h, 1)]) @ turn.T
    left, top = corners.min(axis=0)
    right, bottom = corners.max(axis=0)
    return round(left), round(top), round(right - left), round(bottom - top)


def plain(page: Page) -> None:
    for row in range(5):
        page.write(page.some(2) + " " + page.some(4), 200, 200 + 150 * row, 80)


def tight(page: Page) -> None:
    """So close that a third of the digits touch others."""
    for row in range(5):
        page.write(page.some(2) + " " + page.some(4), 200, 200 + 150 * row, 80, gap=0, spread=0.08)


def ruled(page: Page, grey: float = 180) -> None:
    """The digits stand on the rules."""
    page.rule((110, 0), (104, HEIGHT), 150, 3)
    for foot in range(60, HEIGHT, 120):
        page.rule((0, foot), (WIDTH, foot), grey, 3)
    for row in range(5):
        page.write(page.some(2) + " " + page.some(2) + " " + page.some(3), 200, 300 + 120 * row, 80)


def dark_rules(page: Page) -> None:
    ruled(page, 110)


def table(page: Page) -> None:
    for left in range(100, 1181, 270):
        page.rule((left, 90), (left, 840), 110, 2)
    for top in range(90, 841, 125):
        page.rule((100, top), (1180, top), 110, 2)
    for row in range(6):
        texts = [page.some(int(page.rng.integers(1, 4))) for _ in range(4)]
        for column, text in enumerate(texts):
            page.write(text, 130 + 270 * column, 195 + 125 * row, 62)
        page.lines[-4:] = [" ".join(texts)]


def boxes(page: Page, teeth: float = 100, height: float = 68) -> None:
    """Three rows of boxes, or combs with `teeth` lower than the digits; one digit in each."""
    for foot in (250, 490, 730):
        page.rule((120, foot), (1020, foot), 100, 3)
        if teeth >= 100:
            page.rule((120, foot - 100), (1020, foot - 100), 100, 3)
        for left in range(120, 1021, 100):
            page.rule((left, foot - teeth), (left, foot), 100, 3)
        _in_places(page, page.some(9), 170, 100, foot - 14, height)


def combs(page: Page) -> None:
    boxes(page, teeth=45, height=62)


def puzzle(page: Page) -> None:
    for line in range(10):
        thick = 2 if line % 3 else 6
        page.rule((215 + 95 * line, 55), (215 + 95 * line, 910), 60, thick)
        page.rule((215, 55 + 95 * line), (1070, 55 + 95 * line), 60, thick)
    for row in range(9):
        _in_places(page, page.some(9), 262, 95, 132 + 95 * row, 58)


def squares(page: Page) -> None:
    """A digit in each square of school paper, in every other row."""
    for left in range(20, WIDTH, 64):
        page.rule((left, 0), (left, HEIGHT), 180, 2)
    for top in range(20, HEIGHT, 64):
        page.rule((0, top), (WIDTH, top), 180, 2)
    for row in range(5):
        _in_places(page, page.some(8), 308, 64, 208 + 128 * row, 52)


def sheet(page: Page) -> None:
    """A sheet on a darker table."""
    page.seen[:] = 90
    cv2.fillConvexPoly(page.seen, np.array([(130, 70), (1170, 90), (1190, 900), (110, 880)]), (232.0,), cv2.LINE_AA)
    for row in range(4):
        page.write(page.some(5), 300, 260 + 170 * row, 90)


def rings(page: Page) -> None:
    for row in range(3):
        for column in range(4):
            page.write(page.some(1), 200 + 250 * column, 290 + 230 * row, 80)
            left, top, wide, tall = page.digits[-1][1]
            middle = (left + wide // 2, top + tall // 2)
            cv2.ellipse(page.seen, middle, (80, 75), 5, 0, 355, (float(INK),), 5, cv2.LINE_AA)
        page.lines[-4:] = ["".join(page.lines[-4:])]  # evenly spaced, as in boxes


def board(page: Page) -> None:
    """Light on dark."""
    for row in range(3):
        page.write(page.some(5), 200, 280 + 230 * row, 130)
    page.seen = np.asarray(300 - page.seen, np.float32)


def _in_places(page: Page, text: str, first: float, pitch: float, foot: float, height: float) -> None:
    """One digit to each box, about its middle."""
    for place, digit in enumerate(text):
        page.draw(digit, first + pitch * (place + page.rng.normal(0, 0.04)), foot, height, centred=True)
    page.lines.append(text)


KINDS: tuple[Callable[[Page], None], ...] = (
    plain, tight, ruled, dark_rules, table, boxes, combs, puzzle, squares, sheet, rings, board,
)  # fmt: skip
