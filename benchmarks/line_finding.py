"""How many lines of a page are found: on scanned pages with known lines, and on pages pasted from scanned lines.

    python benchmarks/line_finding.py [--data FOLDER] [--pasted 60] [--seed 1] [--draw FOLDER]

A line of `banq_pages` (test data: reported, never tuned on) is found when a box covers it with an intersection over
union of at least a half, one to one. A line is split when two boxes hold much of it, and a box is merged when it
holds much of two lines. On pasted pages, which may be skewed, ink decides instead of boxes: a line is found
when one polygon holds three quarters of its ink and little else. Times are processor time of one thread.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import one_line
from numpy.typing import NDArray
from pasted_pages import KINDS, paste_page, read_lines

from edge_hwr.page_layout import PageLayout, find_lines
from edge_hwr.picture import read_picture, write_picture

Picture = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=one_line.folder, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--pasted", type=int, default=60, help="how many pages to paste; 0 for none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--draw", type=Path, help="a folder for the pages with what was found on them")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{'pages':<14}{'lines':>7}{'found':>8}{'split':>7}{'merged':>8}{'extra':>7}{'ms':>7}{'most ms':>9}")
    rows: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    times: dict[str, list[float]] = defaultdict(list)
    for name, kind, grey, truth in _pages(options.data, options.pasted, options.seed):
        start = time.thread_time()
        layout = find_lines(grey)
        times[kind].append(1000 * (time.thread_time() - start))
        rows[kind].append(score_boxes(truth, layout) if isinstance(truth, list) else score_ink(truth, layout))
        if options.draw:
            options.draw.mkdir(parents=True, exist_ok=True)
            write_picture(options.draw / f"{name}.png", drawn(grey, layout))
    for kind, counted in rows.items():
        lines, found, split, merged, extra = np.sum(counted, axis=0).tolist()
        spent = times[kind]
        print(
            f"{kind:<14}{lines:>7}{100 * found / max(lines, 1):>7.1f}%{split:>7}{merged:>8}{extra:>7}"
            f"{np.median(spent):>7.1f}{max(spent):>9.1f}"
        )


def _pages(data: Path, pasted: int, seed: int) -> Iterator[tuple[str, str, Picture, list[Picture] | Picture]]:
    """Name, kind, picture and truth of all pages: polygons of the lines, or the map of whose ink is whose."""
    for path in sorted((data / "banq_pages").glob("*.json")):
        lines = json.loads(path.read_text("utf-8"))
        polygons = [np.array(line["polygon"], np.int32) for line in lines]
        yield path.stem, "banq_pages", read_picture(path.with_suffix(".jpg")), polygons
    if pasted:
        lines = read_lines(data / "banq_lines" / "train.zip")
        for number in range(pasted):
            page = paste_page(lines, np.random.default_rng((seed, number)), KINDS[number % len(KINDS)])
            yield f"pasted-{number:03d}", f"pasted {page.kind}", page.grey, page.owner


def score_boxes(polygons: list[NDArray[np.int32]], layout: PageLayout) -> tuple[int, ...]:
    """Lines, found, split, merged, extra; by bounding boxes."""
    true = np.array([cv2.boundingRect(polygon) for polygon in polygons], np.float64).reshape(-1, 4)
    seen = np.array([line.box for line in layout.lines], np.float64).reshape(-1, 4)
    low = np.maximum(true[:, None, :2], seen[None, :, :2])
    high = np.minimum(true[:, None, :2] + true[:, None, 2:], seen[None, :, :2] + seen[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    of_true, of_seen = true[:, 2:].prod(axis=1)[:, None], seen[:, 2:].prod(axis=1)[None]
    overlap = common / np.maximum(of_true + of_seen - common, 1)
    # Above a half the pairs are one to one by themselves.
    found = int((overlap >= 0.5).any(axis=1).sum())
    of_line, of_box = common / of_true, common / of_seen
    split = int((((of_box >= 0.6) & (of_line >= 0.1)).sum(axis=1) > 1).sum())
    merged = int(((of_line >= 0.6).sum(axis=0) > 1).sum())
    extra = int((overlap < 0.2).all(axis=0).sum())
    return len(polygons), found, split, merged, extra


def score_ink(owner: Picture, layout: PageLayout) -> tuple[int, ...]:
    """Lines, found, split, merged, extra; by the ink that polygons hold."""
    ink = np.bincount(owner.ravel())
    held = np.zeros((len(ink), len(layout.lines)))
    for index, line in enumerate(layout.lines):
        x, y, w, h = line.box
        inside = np.zeros((h, w), np.uint8)
        cv2.fillPoly(inside, [line.polygon - (x, y)], (1,))
        held[:, index] = np.bincount(owner[y : y + h, x : x + w][inside > 0], minlength=len(ink))
    held[0] = 0
    all_held = held.sum(axis=0)
    visible = np.flatnonzero(ink >= 150)
    visible = visible[visible > 0]
    held, total = held[visible], ink[visible][:, None]
    found = int(((held >= 0.75 * total) & (held >= 0.6 * all_held)).any(axis=1).sum())
    split = int(((held >= 0.2 * total).sum(axis=1) > 1).sum())
    merged = int(((held >= 0.4 * total).sum(axis=0) > 1).sum())
    return len(visible), found, split, merged, int((all_held < 30).sum())


def drawn(grey: Picture, layout: PageLayout) -> Picture:
    """The page with the polygons of its lines, numbered in reading order, and the sheet's outline."""
    picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    for number, line in enumerate(layout.lines):
        colour = ((200, 60, 0), (0, 130, 0), (0, 60, 220))[number % 3]
        cv2.polylines(picture, [line.polygon], True, colour, 2)
        cv2.putText(picture, str(number + 1), (line.box.x, line.box.y + 20), cv2.FONT_HERSHEY_SIMPLEX, 0.8, colour, 2)
    if layout.sheet is not None:
        cv2.polylines(picture, [np.round(layout.sheet).astype(np.int32)], True, (0, 0, 255), 3)
    return np.asarray(picture, np.uint8)


if __name__ == "__main__":
    one_line.run(main)
