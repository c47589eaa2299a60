"""Connected components of ink: the pieces that layout makes glyphs of."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.ink import Grey
from edge_hwr.ruling import find_ruling

Boxes = NDArray[np.int32]
Labels = NDArray[np.uint16] | NDArray[np.int32]


def connected_components(mask: Grey) -> tuple[Labels, Boxes]:
    """Connected components of a mask: labels from 1, and per component x, y, w, h, area (label k in row k - 1).

    Later stages empty the row of what is no writing by setting its area to 0.
    """
    # With 16 bits a label OpenCV takes a third of the time; touching squares of 2x2 pixels bound how many there can be.
    height, width = mask.shape
    narrow = (height + 1) // 2 * ((width + 1) // 2) < np.iinfo(np.uint16).max
    kind = cv2.CV_16U if narrow else cv2.CV_32S
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=kind)
    typed = np.asarray(labels, np.uint16) if narrow else np.asarray(labels, np.int32)
    return typed, np.asarray(stats[1:], np.int32)


def weighted_median(values: NDArray[Any], weights: NDArray[Any]) -> float:
    """The value (N,) up to which half of the weight (N,) lies."""
    order = np.argsort(values, kind="stable")
    weight = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(weight, weight[-1] / 2)])


def cut_ruling(
    labels: Labels,
    components: Boxes,
    large: NDArray[np.bool_],
    *,
    level: int,
    upright: int,
    within: Grey | None = None,
) -> tuple[Labels, Boxes]:
    """Replace each large component by the pieces that are left when its straight lines are taken out, all of them or
    those `within` a mask, uint8 (H, W).

    Pixels of the lines keep the component's label, whose row is emptied (zero area), so that they are known as ink
    that belongs to no glyph.
    """
    labels = labels.astype(np.int32)  # a copy, with room for the pieces' labels
    found = [components.copy()]
    next_label = len(components) + 1
    for index in np.flatnonzero(large):
        x, y, w, h, _ = components[index].tolist()
        if w < level and h < upright:
            continue
        view = labels[y : y + h, x : x + w]
        mask = (view == index + 1).astype(np.uint8) * 255
        ruling = find_ruling(mask, level=level, upright=upright)
        if within is not None:
            ruling &= within[y : y + h, x : x + w]
            if not ruling.any():
                continue
        pieces = mask & ~ruling
        piece_labels, piece_rows = connected_components(pieces)
        inside = piece_labels > 0
        view[inside] = piece_labels[inside] + (next_label - 1)
        piece_rows = piece_rows + np.array([x, y, 0, 0, 0], np.int32)
        found.append(piece_rows)
        next_label += len(piece_rows)
        found[0][index, 4] = 0
    return labels, np.concatenate(found)


def unite(components: Boxes, group: NDArray[np.int32]) -> Boxes:
    """Bounding boxes (G, 4) of the groups; renumbers `group` in place to 0..G-1."""
    members = np.flatnonzero(group >= 0)
    if len(members) == 0:
        return np.zeros((0, 4), np.int32)
    names, numbers = np.unique(group[members], return_inverse=True)
    group[members] = numbers
    rows = components[members]
    low = np.full((len(names), 2), np.iinfo(np.int32).max, np.int32)
    high = np.zeros((len(names), 2), np.int32)
    np.minimum.at(low, numbers, rows[:, :2])
    np.maximum.at(high, numbers, rows[:, :2] + rows[:, 2:4])
    return np.concatenate([low, high - low], axis=1)
