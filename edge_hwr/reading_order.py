"""Reading order: which glyphs stand on one line, and how the lines follow each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def order_into_lines(boxes: NDArray[np.int32]) -> list[list[int]]:
    """Group boxes (N, 4: x, y, w, h) into lines, top to bottom; each a list of indices, left to right.

    Glyphs are taken from left to right, and each joins the line whose last glyph it overlaps most in height: so a line
    may climb or fall across the page (a sheet held at an angle) without running into its neighbours.
    """
    top, height = boxes[:, 1].tolist(), boxes[:, 3].tolist()
    lines: list[list[int]] = []
    ends: list[tuple[float, float, float]] = []  # per line: upper and lower edge and height, averaged over its end
    for i in np.lexsort((boxes[:, 1], 2 * boxes[:, 0] + boxes[:, 2])).tolist():
        upper, lower = top[i], top[i] + height[i]
        best, best_share = -1, 0.4
        for k, (line_upper, line_lower, line_height) in enumerate(ends):
            if line_upper < lower and upper < line_lower:
                overlap = min(lower, line_lower) - max(upper, line_upper)
                share = overlap / min(height[i], line_height)
                if share > best_share:
                    best, best_share = k, share
        if best < 0:
            lines.append([i])
            ends.append((upper, lower, height[i]))
        else:
            lines[best].append(i)
            ends[best] = _follow(ends[best], upper, lower)
    lines.sort(key=lambda line: sum(top[i] + height[i] / 2 for i in line) / len(line))
    return lines


def _follow(end: tuple[float, float, float], upper: float, lower: float) -> tuple[float, float, float]:
    """The line's end after one more glyph: mostly the new one, a little of what came before (a comma is no line)."""
    height = lower - upper
    if height < end[2] / 2:
        return end
    return (end[0] + upper) / 2, (end[1] + lower) / 2, (end[2] + height) / 2
