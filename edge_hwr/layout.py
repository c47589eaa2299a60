"""Layout: where the glyphs of a frame are, and in which order they are read.

`find_glyphs` takes a whole frame; `isolate_glyph` takes a crop that is known to hold one glyph (a dataset's picture).
Both give a `Layout`, from which `preprocess.preprocess_glyphs` makes the tensor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_hwr.comb_teeth import drop_teeth
from edge_hwr.components import Boxes, Labels, connected_components, cut_ruling, unite, weighted_median
from edge_hwr.fragments import WIDEST, join_fragments
from edge_hwr.glyph_ruling import free_from_ruling
from edge_hwr.hairlines import drop_crumbs
from edge_hwr.ink import Grey, Ink, find_ink
from edge_hwr.pale_bars import drop_pale_bars
from edge_hwr.reading_order import order_into_lines
from edge_hwr.rings import without_rings
from edge_hwr.squared_paper import erase_ruling

LEAST_HEIGHT = 5
"""A glyph lower than this many pixels of the reduced picture cannot be told from grain."""

_FINE_SIDE = 400
"""Frames no longer than this are looked at in full; each further `_COARSE_SIDE` halves, thirds, … the resolution."""
_COARSE_SIDE = 1400
_LONGEST = 3
"""A strip that is longer for its width is looked at as this part of it would be."""

_ONE_PIECE = 0.88
"""A larger share of the ink than that of the lines around a puzzle, or of the edges of a sheet."""

_PER_PIECE = 600
"""A frame that shows writing alone has fewer pieces of ink than one for so many of its pixels."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The glyphs found in one frame.

    `boxes` is int32 (N, 4): x, y, w, h in pixels of the frame, in reading order; `line_of` is int32 (N,). `labels` is
    the map of connected components at 1 / `ink.reduction` of the frame's resolution, and `owner` gives for each of its
    values the glyph it belongs to, or -1 for what is no writing (0, the paper, belongs to nobody). `extents` is int32
    (M, 4), the boxes of the components in that map: that of label k in row k - 1.
    """

    grey: Grey
    ink: Ink
    labels: Labels
    owner: NDArray[np.int32]
    extents: Boxes
    boxes: Boxes
    line_of: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.boxes)


def find_glyphs(grey: Grey, *, marks: bool = False, ink: Ink | None = None) -> Layout:
    """Find the glyphs of a frame, uint8 (H, W), dark ink on lighter paper; its `ink` where that has been found.

    With `marks` small ones count, too: the dots, commas and dashes in a line of others. For digits they are dirt.
    """
    ink = ink or find_frame_ink(grey)
    labels, components = connected_components(ink.mask)
    joined = _is_of_one_piece(components, ink.mask.shape)
    looked_for = joined or _is_of_crumbs(components, ink.mask.shape) or _reaches_all_edges(components, ink.mask.shape)
    if looked_for and (erased := erase_ruling(grey, ink, rules=joined)) is not None:
        grey, ink = erased, find_ink(erased, ink.reduction)
        labels, components = connected_components(ink.mask)
    components = without_rings(labels, components)
    height = typical_height(components, ink.mask.shape)
    labels, components = free_from_ruling(labels, components, height)
    drop_teeth(labels, components, height)
    drop_crumbs(ink.mask, labels, components, height)
    drop_pale_bars(grey, ink, labels, components, height)
    group = join_fragments(components, height, marks=marks)
    boxes = unite(components, group)
    sized = _glyph_sized(boxes, height)
    kept = (sized | (marks & _mark_sized(boxes, height))) & ~_scattered(boxes, components, group)
    boxes, group = _keep(boxes, group, kept)
    lines = order_into_lines(boxes)
    if marks:
        lines = _without_stray_marks(lines, sized[kept])
        boxes, group, lines = _keep_lines(boxes, group, lines)
    return _layout(grey, ink, labels, components, boxes, group, lines)


def find_frame_ink(grey: Grey) -> Ink:
    """The ink of a frame, uint8 (H, W), as glyphs are looked for in it."""
    # What is on a long strip, as a roll of a till, is as large as on a frame of its width; and of its height something
    # must be left.
    side = min(max(grey.shape), _LONGEST * min(grey.shape))
    return find_ink(grey, min(reduction_for(side), min(grey.shape)))


def isolate_glyph(grey: Grey) -> Layout:
    """Find the one glyph of a crop, uint8 (H, W); pieces of neighbours and of ruling at its edge are left out.

    The layout has one box, or none when the crop is bare paper.
    """
    ink = find_ink(grey, max(1, min(grey.shape) // 64))
    height, width = ink.mask.shape
    labels, components = connected_components(ink.mask)
    spans = (components[:, 2] >= 0.9 * width) | (components[:, 3] >= 0.97 * height)
    if spans.any():
        labels, components = _free_from_frame(labels, components, spans)
    group = np.full(len(components), -1, np.int32)
    if components[:, 4].any():
        main = _most_central(components, width, height)
        group[_belongs(components, main, width, height)] = 0
    boxes = unite(components, group)
    return _layout(grey, ink, labels, components, boxes, group, [[0]] if len(boxes) else [])


def reduction_for(side: int) -> int:
    """How many times smaller a frame with this longer side is looked at."""
    return 1 if side <= _FINE_SIDE else 2 + max(0, side - 1) // _COARSE_SIDE


def typical_height(components: Boxes, shape: tuple[int, ...]) -> float:
    """Height of the writing: the median height of the components, each counted by its height.

    So a hundred specks do not outvote ten digits. Lines and grids, which span the frame, have no say.
    """
    heights = components[:, 3]
    plausible = heights[
        (heights >= LEAST_HEIGHT) & (heights < shape[0] / 2) & (components[:, 2] < np.maximum(4 * heights, 8))
    ]
    if len(plausible) == 0:
        return float(max(LEAST_HEIGHT, heights.max(initial=0)))
    return weighted_median(plausible, plausible)


def _is_of_one_piece(components: Boxes, shape: tuple[int, ...]) -> bool:
    """Whether nearly all of the ink hangs together across the frame, as dark lines of the paper make it."""
    spans = components[:, 2] > 0.6 * shape[1]
    area = components[:, 4]
    return bool(spans.any()) and area[spans].sum() > _ONE_PIECE * area.sum()


def _reaches_all_edges(components: Boxes, shape: tuple[int, ...]) -> bool:
    """Whether a piece of ink goes on beyond all four edges of the frame, as the lines of squared paper do."""
    x, y, w, h = (components[:, k] for k in range(4))
    return bool(((x <= 1) & (y <= 1) & (x + w >= shape[1] - 1) & (y + h >= shape[0] - 1)).any())


def _is_of_crumbs(components: Boxes, shape: tuple[int, ...]) -> bool:
    """Whether there are more pieces of ink than anybody writes: of lines that are dark here and there only."""
    return len(components) * _PER_PIECE > shape[0] * shape[1]


def _free_from_frame(labels: Labels, components: Boxes, spans: NDArray[np.bool_]) -> tuple[Labels, Boxes]:
    """Take the lines at the edges of a crop apart from its glyph, unless what spans the crop is the glyph itself.

    A glyph that was cut out tightly looks like a frame in that it reaches every edge. Yet a frame runs along two edges
    at least, and leaves a glyph when it is taken out; the strokes of a letter leave shards.
    """
    height, width = labels.shape
    side = min(height, width)
    rest = components[~spans]
    x, y, w, h = (components[:, k] for k in range(4))
    near = max(2, side // 20)
    tight = max(x.min(), y.min(), width - (x + w).max(), height - (y + h).max()) <= near
    cut_labels, cut = cut_ruling(labels, components, spans, level=round(0.7 * side), upright=round(0.7 * side))
    left = cut[len(components) :]
    whole = components[spans, 4].sum()
    if tight and not _is_framed(labels, cut_labels, len(components), apart=rest[:, 4].max(initial=0) >= 0.2 * whole):
        return labels, components
    inner = max(left[:, 4].max(initial=0), rest[:, 4].max(initial=0))
    tall = max(left[:, 3].max(initial=0), rest[:, 3].max(initial=0))
    if inner < 0.2 * whole or tall < 0.3 * height:
        return labels, components
    return cut_labels, cut


def _is_framed(labels: Labels, cut: Labels, count: int, *, apart: bool) -> bool:
    """Whether lines run along edges of a crop that meet, or, round a glyph that stands `apart` of them, along any two.

    `cut` are the labels after the lines were cut out, which kept theirs (up to `count`). An M has two stems, a frame
    around it a corner.
    """
    ruling = (labels > 0) & (cut <= count) & (cut > 0)
    height, width = ruling.shape
    deep, broad = max(1, height // 5), max(1, width // 5)
    bands = (ruling[:deep].any(0), ruling[-deep:].any(0), ruling[:, :broad].any(1), ruling[:, -broad:].any(1))
    top, bottom, left, right = (bool(band.mean() >= 0.9) for band in bands)
    return ((top or bottom) and (left or right)) or (apart and top + bottom + left + right >= 2)


def _glyph_sized(boxes: Boxes, height: float) -> NDArray[np.bool_]:
    """Neither a speck (much lower than the writing) nor a piece of furniture (much larger)."""
    w, h = boxes[:, 2], boxes[:, 3]
    return (h >= max(LEAST_HEIGHT, 0.45 * height)) & (h <= 1.9 * height) & (w <= WIDEST * height)


def _mark_sized(boxes: Boxes, height: float) -> NDArray[np.bool_]:
    """As large as a dot of the pen at least; a dash may be as wide as a glyph."""
    w, h = boxes[:, 2], boxes[:, 3]
    return (np.minimum(w, h) >= max(2, 0.05 * height)) & (np.maximum(w, h) >= 0.09 * height) & (w <= 1.2 * height)


def _without_stray_marks(lines: list[list[int]], sized: NDArray[np.bool_]) -> list[list[int]]:
    """The lines that are not of marks alone: a dot between the lines is a speck."""
    return [line for line in lines if sized[line].any()]


def _scattered(boxes: Boxes, components: Boxes, group: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Groups that are a cloud of specks: no piece reaches even over a third of the whole. Two are a colon."""
    pieces = np.bincount(group[group >= 0], minlength=len(boxes))
    longest = np.zeros(len(boxes), np.int32)
    members = np.flatnonzero(group >= 0)
    np.maximum.at(longest, group[members], components[members, 2:4].max(axis=1))
    return np.asarray((pieces > 2) & (3 * longest < boxes[:, 2:].max(axis=1)), np.bool_)


def _keep(boxes: Boxes, group: NDArray[np.int32], kept: NDArray[np.bool_]) -> tuple[Boxes, NDArray[np.int32]]:
    if kept.all():
        return boxes, group
    renumbered = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1).astype(np.int32)
    return boxes[kept], renumbered[group]


def _keep_lines(
    boxes: Boxes, group: NDArray[np.int32], lines: list[list[int]]
) -> tuple[Boxes, NDArray[np.int32], list[list[int]]]:
    """Boxes and groups of what stands in the lines, and the lines with their new numbers."""
    kept = np.zeros(len(boxes), np.bool_)
    kept[[index for line in lines for index in line]] = True
    place = (np.cumsum(kept) - 1).tolist()
    return *_keep(boxes, group, kept), [[place[index] for index in line] for line in lines]


def _layout(
    grey: Grey,
    ink: Ink,
    labels: Labels,
    components: Boxes,
    boxes: Boxes,
    group: NDArray[np.int32],
    lines: list[list[int]],
) -> Layout:
    """Put the glyphs into reading order and their boxes into pixels of the frame."""
    order = np.array([i for line in lines for i in line], np.int32)
    line_of = np.repeat(np.arange(len(lines), dtype=np.int32), [len(line) for line in lines])
    place = np.full(len(boxes) + 1, -1, np.int32)  # the last entry answers for group -1
    place[order] = np.arange(len(order), dtype=np.int32)
    owner = np.concatenate([np.array([-1], np.int32), place[group]])
    return Layout(grey, ink, labels, owner, components[:, :4], boxes[order] * ink.reduction, line_of)


def _most_central(components: Boxes, width: int, height: int) -> int:
    """Index of the component with most ink, what lies towards the edge counting less."""
    x, y, w, h, area = (components[:, k].astype(np.float64) for k in range(5))
    off = np.hypot((x + w / 2) / width - 0.5, (y + h / 2) / height - 0.5)
    return int(np.argmax(area * np.clip(1.0 - 1.6 * off, 0.05, 1.0)))


def _belongs(components: Boxes, main: int, width: int, height: int) -> NDArray[np.bool_]:
    """Which components are part of the glyph: near its main piece, no specks, not hugging the crop's edge."""
    x, y, w, h, area = (components[:, k].astype(np.float64) for k in range(5))
    mx, my, mw, mh = x[main], y[main], w[main], h[main]
    size = max(mw, mh)
    gap_x = np.maximum(np.maximum(x - (mx + mw), mx - (x + w)), 0)
    gap_y = np.maximum(np.maximum(y - (my + mh), my - (y + h)), 0)
    # Marks that are small in a crop of their own, a colon's dots or two quotes, are as far apart as the crop is large.
    near = (gap_x <= max(0.25 * size, 0.3 * width)) & (gap_y <= max(0.5 * size, 0.6 * height))
    twins = (np.minimum(h, mh) >= 0.6 * np.maximum(h, mh)) & (np.maximum(w, mw) <= 0.6 * mh) & (gap_y == 0)
    near |= twins & (gap_x <= 0.6 * width)
    # A glyph that was cut out tightly has pieces of its own at the edges: above one another, or twins.
    at_edge = (x <= 0) | (y <= 0) | (x + w >= width) | (y + h >= height)
    main_at_edge = mx <= 1 or my <= 1 or mx + mw >= width - 1 or my + mh >= height - 1
    tight = main_at_edge & (((gap_x <= 0.4 * size) & (gap_y > 0)) | twins)
    belongs = (area >= 0.012 * area[main]) & (area >= 3) & near & (~at_edge | tight)
    belongs[main] = True
    return np.asarray(belongs, np.bool_)
