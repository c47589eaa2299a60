"""How cost grows with glyphs and with pixels: two charts and their numbers.

    python benchmarks/scaling.py [--seconds 20] [--json FILE] [--charts FOLDER]

Glyphs: 1 to 400 of one size on a page of 1920x1080. Pixels: a page of 40 glyphs from 320x240 to 1920x1080, the glyphs
growing with it. One thread; all pages take turns in random order.
"""

from __future__ import annotations

import argparse
import json
from itertools import cycle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import one_line

from edge_hwr.device.bench.charts import Curve, line_chart
from edge_hwr.device.bench.measure import Budget, Run, measure_by_turns
from edge_hwr.device.bench.pages import draw_page
from edge_hwr.reader import Reader

GLYPHS = (1, 10, 25, 50, 100, 200, 300, 400)
SIZES = ((320, 240), (480, 360), (640, 480), (960, 540), (1280, 720), (1600, 900), (1920, 1080))
PAGES = 3
STAGES = ("layout", "preprocess", "invoke", "decode", "total")


def measure(model: str, seconds: float) -> list[dict[str, Any]]:
    reader = Reader(model)
    one_line.check_reads_glyphs(reader)
    points: list[dict[str, Any]] = [
        {"chart": "glyphs", "width": 1920, "height": 1080, "glyphs": n, "glyph_height": 30} for n in GLYPHS
    ]
    points += [{"chart": "pixels", "width": w, "height": h, "glyphs": 40, "glyph_height": None} for w, h in SIZES]
    runs = [read_pages(reader, **{key: value for key, value in point.items() if key != "chart"}) for point in points]
    timings = measure_by_turns(runs, Budget(seconds), np.random.default_rng(0))
    for point, timing in zip(points, timings, strict=True):
        point["megapixels"] = point["width"] * point["height"] / 1e6
        point["ms"] = {stage: float(np.median(np.concatenate(timing.blocks[stage]))) for stage in STAGES}
    return points


def read_pages(reader: Reader, **shape: Any) -> Run:
    pages = [draw_page(reader.bundle.labels, seed=seed, **shape) for seed in range(PAGES)]
    found = len(reader.read(pages[0]).glyphs)
    if found != shape["glyphs"]:
        raise SystemExit(f"the layout finds {found} of {shape['glyphs']} glyphs: the figures would mean nothing")
    turns = cycle(pages)
    return lambda: reader.read(next(turns)).ms


def straightness(points: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Offset and slope of the line through the points, and how much of their variance it explains (R squared)."""
    x, y = np.asarray(points).T
    slope, offset = np.polyfit(x, y, 1)
    rest = y - (offset + slope * x)
    return float(offset), float(slope), float(1 - (rest**2).sum() / ((y - y.mean()) ** 2).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="digits", help="shipped name or path of a bundle")
    parser.add_argument("--seconds", type=one_line.seconds, default=20.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--charts", type=Path, metavar="FOLDER", help="write scaling-glyphs.svg and scaling-pixels.svg")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    points = measure(options.model, options.seconds)
    fits = {}
    for chart, axis, label in (("glyphs", "glyphs", "glyphs a frame"), ("pixels", "megapixels", "megapixels")):
        chosen = [point for point in points if point["chart"] == chart]
        curves = [Curve(stage, [(point[axis], point["ms"][stage]) for point in chosen]) for stage in STAGES]
        offset, slope, explained = straightness(list(curves[-1].points))
        fits[chart] = {"offset_ms": offset, "slope_ms": slope, "r_squared": explained}
        for point in chosen:
            print(f"{point[axis]:>8.4g} {label:<16}" + "".join(f"{s} {point['ms'][s]:8.3f}  " for s in STAGES))
        print(f"         {offset:.3f} ms + {slope:.4f} ms each; a straight line explains {explained:.1%}\n")
        if options.charts:
            options.charts.mkdir(parents=True, exist_ok=True)
            drawn = line_chart(f"Milliseconds a frame over {label}", curves, x_label=label, y_label="ms")
            (options.charts / f"scaling-{chart}.svg").write_text(drawn + "\n")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({"points": points, "fits": fits}, indent=1) + "\n")


if __name__ == "__main__":
    one_line.run(main)
