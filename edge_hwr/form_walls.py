"""The walls of forms and tables: upright lines that run from one level line to another, and end there.

Ruled paper has none, but a margin or two; writing reaches over its rules, or stands on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.ink import Grey

_WALLS = 3
"""So many make a row of boxes."""
_LEAN = 0.06
"""The share of its length by which a wall may lean."""
_THICK = 5
"""Rows that a level line may lie in."""
_GAP = 3
"""Pixels, one less of which a wall may be broken over by the grain of the picture."""


@dataclass(frozen=True, slots=True)
class _Space:
    """The rows between two level lines, and, bool (W,), in which columns something crosses all of them, reaches into
    them from above, and from below."""

    top: int
    bottom: int
    crossed: NDArray[np.bool_]
    from_above: NDArray[np.bool_]
    from_below: NDArray[np.bool_]


def has_walls(depth: Grey, level: Grey, *, least: int) -> bool:
    """Whether a row of boxes, `least` pixels high, stands on an upright page of which `depth` says how dark it is and
    `level` how dark its level lines are, 0 off them; both uint8 (H, W)."""
    spaces = _spaces(depth, level)
    nothing = np.zeros(depth.shape[1], np.bool_)
    for first, space in enumerate(spaces):
        walls = ~(spaces[first - 1].from_below if first else nothing)
        for last, crossing in enumerate(spaces[first:], first):
            walls &= crossing.crossed
            ended = walls & ~(spaces[last + 1].from_above if last + 1 < len(spaces) else nothing)
            if crossing.bottom - space.top >= least and np.count_nonzero(ended[1:] & ~ended[:-1]) >= _WALLS:
                return True
    return False


def _spaces(depth: Grey, level: Grey) -> list[_Space]:
    """The spaces between neighbouring level lines."""
    ruled = np.flatnonzero(level.any(axis=1))
    between = np.flatnonzero(np.diff(ruled) > _THICK)
    if len(between) == 0:
        return []
    dark = (depth > float(np.median(level[level > 0])) / 2).astype(np.uint8)
    joined = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((_GAP, 1), np.uint8))
    return [_space(joined, int(ruled[index]) + 1, int(ruled[index + 1])) for index in between]


def _space(dark: NDArray[Any], top: int, bottom: int) -> _Space:
    lean = max(2, round(_LEAN * (bottom - top)))
    ink = cv2.dilate(dark[top:bottom], np.ones((1, 2 * lean + 1), np.uint8)) > 0
    crossed, from_above, from_below = (np.all(ink, axis=0), np.any(ink[:_GAP], axis=0), np.any(ink[-_GAP:], axis=0))
    return _Space(top, bottom, *(np.asarray(columns, np.bool_) for columns in (crossed, from_above, from_below)))
