"""Charts as inline SVG: no script, no font, no picture from elsewhere, colours that follow the page's light or dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 18, 44
_COLOURS = ("#2f6fde", "#d9822b", "#2a9d6f", "#b5489b", "#8a6d3b", "#5b6b7b")


@dataclass(frozen=True, slots=True)
class Curve:
    """A named line of points (x, y)."""

    name: str
    points: Sequence[tuple[float, float]]


def line_chart(
    title: str,
    curves: Sequence[Curve],
    *,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    ticks: Sequence[float] | None = None,
) -> str:
    """Curves over a common axis that starts at 0 upwards; `ticks` places the marks of the x axis."""
    points = [point for curve in curves for point in curve.points]
    frame = _Frame(
        (min(x for x, _ in points), max(x for x, _ in points)), (0.0, max(y for _, y in points) * 1.08 or 1.0), log_x
    )
    parts = [frame.axes(x_label, y_label, ticks or frame.x_ticks())]
    for number, curve in enumerate(curves):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in curve.points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(curve.points) <= 24:
            parts += [
                f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="3" fill="{colour}"/>' for x, y in curve.points
            ]
        if len(curves) > 1:
            x, y = _LEFT + 12 + 150 * (number % 4), _TOP + 14 * (number // 4)
            parts.append(f'<rect x="{x}" y="{y - 8}" width="10" height="10" rx="2" fill="{colour}"/>')
            parts.append(f'<text x="{x + 15}" y="{y + 1}">{escape(curve.name)}</text>')
    return _svg(title, parts)


def histogram(title: str, low: float, high: float, counts: Sequence[int], beyond: int, *, x_label: str) -> str:
    """Bars of equal width from `low` to `high`; what lies beyond is told in words."""
    frame = _Frame((low, high), (0.0, max(counts) * 1.05))
    step = (high - low) / len(counts)
    parts = [frame.axes(x_label, "runs", frame.x_ticks())]
    for number, count in enumerate(counts):
        x, y = frame.x(low + number * step), frame.y(count)
        width = (WIDTH - _LEFT - _RIGHT) / len(counts) - 1
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{HEIGHT - _BOTTOM - y:.1f}" '
            f'fill="{_COLOURS[0]}"/>'
        )
    if beyond:
        parts.append(f'<text x="{WIDTH - _RIGHT}" y="{_TOP}" text-anchor="end">{beyond} beyond</text>')
    return _svg(title, parts)


class _Frame:
    """Turns values into places of the drawing."""

    def __init__(self, xs: tuple[float, float], ys: tuple[float, float], log_x: bool = False) -> None:
        low, high = xs
        self._xs = (low, high if high > low else low + 1e-9)
        self._ys = ys
        self._log = log_x and low > 0

    def x(self, value: float) -> float:
        low, high = self._xs
        if self._log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return _LEFT + (value - low) / (high - low) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        low, high = self._ys
        return HEIGHT - _BOTTOM - (value - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM)

    def x_ticks(self) -> list[float]:
        return _round_steps(*self._xs)

    def axes(self, x_label: str, y_label: str, ticks: Sequence[float]) -> str:
        bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
        parts = []
        for value in _round_steps(*self._ys):
            y = self.y(value)
            parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>')
        parts += [
            f'<text x="{self.x(value):.1f}" y="{bottom + 16}" text-anchor="middle">{_number(value)}</text>'
            for value in ticks
        ]
        parts.append(f'<line class="axis" x1="{_LEFT}" y1="{bottom}" x2="{right}" y2="{bottom}"/>')
        middle = (_LEFT + right) / 2
        parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>')
        parts.append(
            f'<text transform="translate(14 {(_TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">'
            f"{escape(y_label)}</text>"
        )
        return "".join(parts)


def _round_steps(low: float, high: float) -> list[float]:
    """Some four to eight round numbers between two."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _number(value: float) -> str:
    return f"{value:.4g}"


def _svg(title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="11" fill="currentColor"><title>{escape(title)}</title>'
        "<style>.grid{stroke:currentColor;opacity:.15}.axis{stroke:currentColor;opacity:.6}</style>"
        f"{''.join(parts)}</svg>"
    )
