"""Page layout: where the lines of a handwritten page are, in which order they are read, and what each looks like alone.

`find_lines` takes any picture of a page: a scan, or a photograph of a sheet at an angle, under a lamp, on a table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_hwr.columns import reading_order
from edge_hwr.errors import PictureError
from edge_hwr.headings import find_headings, without
from edge_hwr.ink import Grey, find_ink
from edge_hwr.line_crops import LinePlace, cut_out, outline
from edge_hwr.line_places import find_places, together
from edge_hwr.page_writing import FAINTEST, LEAST_DARKNESS, Writing, find_writing
from edge_hwr.reading import Box
from edge_hwr.sheet import Quad, find_sheet, paint_over
from edge_hwr.skew import MOST_SKEW, STEEPEST
from edge_hwr.upright import PAPER, Upright, lay_upright

LONGEST_SIDE = 30_000
"""Pixels of a page in either direction, at most: OpenCV warps none beyond 32,767, and turned pages are wider."""

_WORKING_PIXELS = 500_000
"""Lines are looked for on a picture of about so many pixels; their crops have the resolution of the picture."""

_LEAST_HEIGHT, _MOST_PIXELS = 8.0, 4_500_000
"""Lower writing, in pixels of the reduced picture, is looked at on a larger one, which has so many pixels at most."""

_SURELY_A_SHEET = 0.5
"""Of the picture: a larger sheet is what was photographed."""
_MOST_SHEETS, _LEAST_SHARE, _LEAST_LINES = 4, 0.03, 2
"""Sheets beside each other, and what each but the first has at least: of the picture, and in lines. An edge or a stain
may look like one."""
_BETWEEN_SHEETS = 3.0
"""In distances from line to line."""
_LEAST_OUTSIDE = 3
"""Lines; a table may look like one or two."""
_SOME = 0.3
"""Noise makes less sense."""
_AS_WELL, _FAINT_AS_WELL = 0.6, 0.75
"""What lies around a sheet, or is fainter, is writing where it makes so much of the sense that the other lines make."""

_WIDER, _NEARLY, _CLEARLY = 1.1, 0.9, 1.25
"""A heading takes the place of lines that were found there if it joins them or is wider, as by a letter that they lost,
and makes nearly the sense that they make (what is shorter is easily surer), or else if it clearly makes more."""

_LEAST_FAINT = 0.03
"""Of the writing's ink: with less that is faint, nobody wrote with another pen."""
_SAME = 0.7
"""Intersection over union of the boxes of a line that was found in either way."""


@dataclass(frozen=True, slots=True, eq=False)
class TextLine:
    """One line of writing.

    `box` and `polygon` (int32 (N, 2): x, y) are in pixels of the picture and lie within it. `crop` is uint8 (h, w):
    this line alone, straightened, at the picture's resolution, on paper of an even 245, the ink of other lines painted
    over. `extent` is where it stands on the page laid upright: left, top, width and height.
    """

    box: Box
    polygon: NDArray[np.int32]
    crop: Grey
    extent: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class PageLayout:
    """The lines of a page in reading order; the corners of the sheet, where one stands out from what it lies on.

    `flat` is the whole picture, uint8 (H, W), its paper an even 245; as it came where there are no lines. `pitch` is
    the distance from line to line on the page laid upright. A `crowded` page has lines that may be several of smaller
    writing, the lines of a `steep` one may climb or fall by more than was looked for.
    """

    lines: tuple[TextLine, ...]
    sheet: Quad | None
    flat: Grey
    pitch: float = 0.0
    crowded: bool = False
    steep: bool = False

    def rows(self, attached: Sequence[bool] | None = None) -> list[list[int]]:
        """The lines, by their indices, row by row as they are read; those of a row stand beside each other, like the
        cells of a table. It helps to know which lines are `attached`: see `reading_order`."""
        return reading_order(self.extents(), self.pitch, attached)

    def extents(self) -> NDArray[np.float64]:
        """Where the lines stand on the page laid upright, (N, 4): left, top, width and height."""
        return np.array([line.extent for line in self.lines], np.float64).reshape(-1, 4)


Sense = Callable[[Sequence[TextLine]], float]


def find_lines(grey: Grey, sense: Sense | None = None) -> PageLayout:
    """Find the lines of writing on a picture of a page, uint8 (H, W), dark ink on lighter paper.

    Lines may be joined, slanted, touching, climb or fall by up to 12 degrees and bend a little; the writing is at least
    about 8 pixels high. A picture without writing has no lines. `sense`, how sure a reader is of some lines, tells
    whether those around a sheet are writing or the pattern of a table, whether fainter ones are of another pen or
    folds, and whether there are lines that climb or fall by up to 45 degrees; without it, the first of these are
    writing and the others are not.
    `PictureError` where a side is longer than `LONGEST_SIDE`.
    """
    if max(grey.shape) > LONGEST_SIDE:
        raise PictureError(
            f"a page of {grey.shape[1]} x {grey.shape[0]} pixels: {LONGEST_SIDE} a side at most: cut it up or reduce it"
        )
    if min(grey.shape) < _LEAST_HEIGHT:
        return PageLayout((), None, grey)  # nobody writes on a strip as narrow as a stroke
    sheet = find_sheet(grey)
    layout = _find_lines(grey, sheet, sense)
    if sheet is None and layout.steep and sense is not None:
        steep = _find_lines(grey, None, None, most_skew=STEEPEST)
        clearer = sense(steep.lines) > max(_SOME, sense(layout.lines))
        return _find_lines(grey, None, sense, most_skew=STEEPEST) if clearer else layout
    if sheet is None or cv2.contourArea(sheet) >= _SURELY_A_SHEET * grey.size:
        return layout
    layouts = [layout] if sense is None else [layout, *_other_sheets(grey, layout, sheet, sense)]

    def is_most_outside(whole: PageLayout) -> bool:
        outside = [line for line in whole.lines if not any(_is_on(found.sheet, line) for found in layouts)]
        enough = len(outside) >= max(_LEAST_OUTSIDE, sum(len(found.lines) for found in layouts))
        return enough and (sense is None or sense(outside) >= _AS_WELL * sense(layout.lines))

    # Perhaps a frame drawn around some of the writing, or a note stuck onto it: most of the writing is outside. A table
    # with a grain takes long to be looked at closely.
    whole = _find_lines(grey, None, None)
    if is_most_outside(whole):
        whole = whole if sense is None else _find_lines(grey, None, sense)
        if is_most_outside(whole):
            return whole
    return _one_below_the_other(layouts)


def _other_sheets(grey: Grey, layout: PageLayout, sheet: Quad, sense: Sense) -> Iterator[PageLayout]:
    """The layouts of sheets that lie beside one whose layout is known."""
    bare, known = grey, [sheet]
    for _ in range(_MOST_SHEETS - 1):
        bare = paint_over(bare, sheet)
        found = find_sheet(bare, least_share=_LEAST_SHARE)
        if found is None:
            return
        sheet = found
        if any(_is_within(sheet, *other.mean(axis=0)) for other in known):
            continue  # what a sheet that is known lies on
        known.append(sheet)
        other = _find_lines(grey, sheet, sense)
        if len(other.lines) >= _LEAST_LINES and sense(other.lines) >= max(_AS_WELL * sense(layout.lines), _SOME):
            yield other


def _one_below_the_other(layouts: Sequence[PageLayout]) -> PageLayout:
    """Several sheets as one long page, with the distance of lines that the first one has."""
    layouts = [layout for layout in layouts if layout.lines] or layouts[:1]
    if len(layouts) == 1:
        return layouts[0]
    first, lines, bottom = layouts[0], [], 0.0
    for layout in _in_rows(layouts):
        places = layout.extents() * (first.pitch / layout.pitch)
        places[:, 1] += bottom - places[:, 1].min()
        bottom = float((places[:, 1] + places[:, 3]).max()) + _BETWEEN_SHEETS * first.pitch
        for line, (left, top, width, height) in zip(layout.lines, places.tolist(), strict=True):
            lines.append(replace(line, extent=(left, top, width, height)))
    return replace(first, lines=tuple(lines))


def _in_rows(layouts: Sequence[PageLayout]) -> list[PageLayout]:
    """Sheets from top to bottom, and from left to right those that lie beside each other."""
    boxes = {id(layout): cv2.boundingRect(np.asarray(layout.sheet, np.float32)) for layout in layouts}
    rows: list[list[PageLayout]] = []
    for layout in sorted(layouts, key=lambda layout: boxes[id(layout)][1]):
        _, y, _, height = boxes[id(layout)]
        _, top, _, least = boxes[id(rows[-1][0])] if rows else (0, 0, 0, 0)
        if rows and y - top < 0.5 * min(height, least):
            rows[-1].append(layout)
        else:
            rows.append([layout])
    return [layout for row in rows for layout in sorted(row, key=lambda layout: boxes[id(layout)][0])]


def _is_on(sheet: Quad | None, line: TextLine) -> bool:
    x, y, width, height = line.box
    return sheet is None or _is_within(sheet, x + width / 2, y + height / 2)


def _is_within(sheet: Quad, x: float, y: float) -> bool:
    return cv2.pointPolygonTest(sheet, (float(x), float(y)), False) >= 0


def _find_lines(grey: Grey, sheet: Quad | None, sense: Sense | None, *, most_skew: float = MOST_SKEW) -> PageLayout:
    """The lines of a sheet, or of the whole picture, which climb or fall by so many degrees at most."""
    reduction = max(1, min(round(math.sqrt(grey.size / _WORKING_PIXELS)), *grey.shape))
    least = max(1, math.ceil(math.sqrt(grey.size / _MOST_PIXELS)))
    while True:
        upright = lay_upright(grey, find_ink(grey, reduction), sheet, most_skew=most_skew)
        writing = find_writing(upright)
        if writing.height >= _LEAST_HEIGHT or reduction <= least:
            break
        reduction = max(least, min(reduction - 1, int(reduction * writing.height / _LEAST_HEIGHT)))
    layout = _lay_out(grey, sheet, upright, writing, LEAST_DARKNESS)
    if sense is None:
        return layout
    headings = find_headings(writing, layout.extents())
    if headings:
        enough = _AS_WELL * sense(layout.lines)
        found = [(heading, _lay_out(grey, sheet, upright, heading, LEAST_DARKNESS).lines) for heading in headings]
        headings = [heading for heading, lines in found if _is_better(lines, layout.lines, sense, enough)]
    if headings:
        writing = without(headings, writing)
        layout = _lay_out(grey, sheet, upright, writing, LEAST_DARKNESS, headings)
    part = False
    if layout.crowded:
        parted = _lay_out(grey, sheet, upright, writing, LEAST_DARKNESS, headings, part=True)
        fresh, lost = _fresh(parted, layout), _fresh(layout, parted)
        part = bool(fresh) and sense(fresh) >= max(_AS_WELL * sense(layout.lines), _CLEARLY * sense(lost))
        layout = parted if part else layout
    ink = writing.components[:, 4]
    if ink[writing.faint].sum() <= _LEAST_FAINT * ink[writing.written].sum():
        return layout
    everything = replace(writing, written=writing.written | writing.faint)
    whole = _lay_out(grey, sheet, upright, everything, FAINTEST, headings, part=part)
    fresh = _fresh(whole, layout)
    return whole if fresh and sense(fresh) >= _FAINT_AS_WELL * sense(layout.lines) else layout


def _is_better(heading: Sequence[TextLine], known: Sequence[TextLine], sense: Sense, least: float) -> bool:
    """Whether a heading makes the `least` sense, and more of its letters than the lines that are known to be there."""
    replaced = [line for line in known if any(_is_beside(line, larger) for larger in heading)]
    if not heading:
        return False
    gained = len(replaced) > len(heading) or _width(heading) > _WIDER * _width(replaced)
    makes = sense(heading)
    return makes >= least and (not replaced or makes >= (_NEARLY if gained else _CLEARLY) * sense(replaced))


def _is_beside(line: TextLine, other: TextLine) -> bool:
    """Whether a line shares most of its height with another, and some of its width."""
    (left, top, width, height), (x, y, w, h) = line.extent, other.extent
    return min(left + width, x + w) > max(left, x) and min(top + height, y + h) - max(top, y) > height / 2


def _width(lines: Sequence[TextLine]) -> float:
    return sum(line.extent[2] for line in lines)


def _fresh(layout: PageLayout, known: PageLayout) -> list[TextLine]:
    """The lines of a layout that another has not."""
    if not known.lines:
        return list(layout.lines)
    # Hundreds of lines by hundreds, where the grain of a table is taken for writing.
    x, y, w, h = np.array([line.box for line in layout.lines], np.float64).reshape(-1, 4).T[:, :, None]
    left, top, width, height = np.array([line.box for line in known.lines], np.float64).T
    across = (np.minimum(x + w, left + width) - np.maximum(x, left)).clip(0)
    common = across * (np.minimum(y + h, top + height) - np.maximum(y, top)).clip(0)
    same = (common >= _SAME * (w * h + width * height - common)).any(axis=1)
    return [line for line, is_known in zip(layout.lines, same, strict=True) if not is_known]


def _lay_out(
    grey: Grey, sheet: Quad | None, upright: Upright, writing: Writing, least_darkness: float,
    headings: Sequence[Writing] = (), *, part: bool = False,
) -> PageLayout:  # fmt: skip
    found = find_places(writing, part=part)
    places, pitch = found.lines, found.pitch
    for heading in headings:
        larger = find_places(heading)
        places, pitch = together(places, larger.lines), pitch or larger.pitch
    flat = upright.flattened() if places else grey
    lines = [
        TextLine(*outline(place, upright, grey.shape), cut_out(place, flat, upright, writing.printed), _extent(place))
        for place in places
    ]
    layout = PageLayout(tuple(_inked(lines, least_darkness)), sheet, flat, pitch, found.crowded, upright.steep)
    return replace(layout, lines=tuple(layout.lines[k] for row in layout.rows() for k in row))


def _inked(lines: list[TextLine], least_darkness: float) -> list[TextLine]:
    """The lines that are about as dark as is usual on the page: folds of the sheet are fainter than ink."""
    if not lines:
        return []
    darkness = np.array([PAPER - np.percentile(line.crop[::2, ::2], 1) for line in lines])
    usual = np.median(np.repeat(darkness, [1 + line.box.w // line.box.h for line in lines]))
    return [line for line, dark in zip(lines, darkness, strict=True) if dark >= least_darkness * usual]


def _extent(place: LinePlace) -> tuple[float, float, float, float]:
    middle = float(place.course.at((place.left + place.right) / 2))
    return place.left, middle - place.rise, place.right - place.left, place.rise + place.drop
