"""What a frame costs beside the network, in units of two plain OpenCV calls on the same frame.

    python benchmarks/frame_cost.py [--model digits] [--runs 300] [--json]

One thread, one process; the stages and the yardstick (one adaptive threshold and one connected-components pass) take
turns, so that a change of clock speed meets all of them. `unchanged` is a frame that the live loop knows to be the one
before. Medians are reported.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import cv2
import numpy as np
import one_line

from edge_hwr.device.scene import Scene
from edge_hwr.layout import find_glyphs
from edge_hwr.reader import Reader


def forty_digits_page(width: int = 640, height: int = 480) -> np.ndarray:
    """Forty digits of a stroke font on a sheet under uneven light, with the grain of a sensor."""
    page = np.full((height, width), 215.0) - np.linspace(0, 60, width)
    page = (page + np.random.default_rng(1).normal(0, 3, page.shape)).clip(0, 255).astype(np.uint8)
    for k in range(40):
        row, column = divmod(k, 8)
        at = (column * width // 8 + width // 32, row * height // 5 + height // 7)
        cv2.putText(page, str(k * 7 % 10), at, cv2.FONT_HERSHEY_SIMPLEX, height / 300, (60,), 2, cv2.LINE_AA)
    return page


def yardstick(page: np.ndarray) -> None:
    """One adaptive threshold and one connected-components pass with statistics, as OpenCV's examples do it."""
    mask = cv2.adaptiveThreshold(page, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 31, 10)
    cv2.connectedComponentsWithStats(mask)


def measure(model: str, runs: int) -> dict[str, float]:
    cv2.setNumThreads(1)
    page, reader = forty_digits_page(), Reader(model, threads=1)
    one_line.check_reads_glyphs(reader)
    if len(find_glyphs(page)) != 40:
        raise SystemExit("the layout does not find the forty digits: the figures would mean nothing")
    scene = Scene()
    scene.changed(page)
    samples: dict[str, list[float]] = {}
    for run in range(runs + 20):
        started = time.perf_counter()
        yardstick(page)
        figures = {"yardstick": (time.perf_counter() - started) * 1000, **reader.read(page).ms}
        started = time.perf_counter()
        if scene.changed(page):
            raise SystemExit("the same page is taken for a changed one: the figures would mean nothing")
        figures["unchanged"] = (time.perf_counter() - started) * 1000
        if run >= 20:  # the first runs warm the caches
            for stage, milliseconds in figures.items():
                samples.setdefault(stage, []).append(milliseconds)
    medians = {stage: statistics.median(values) for stage, values in samples.items()}
    around = medians["layout"] + medians["preprocess"] + medians["decode"]
    return {
        **medians,
        "around_the_invoke": around,
        "ratio": around / medians["yardstick"],
        "unchanged_ratio": medians["unchanged"] / medians["yardstick"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="digits", help="shipped name or path of a bundle")
    parser.add_argument("--runs", type=one_line.count, default=300)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.model, options.runs)
    if options.json:
        print(json.dumps({key: round(value, 4) for key, value in figures.items()}))
        return
    for stage, value in figures.items():
        unit = "times the yardstick" if stage.endswith("ratio") else "ms"
        print(f"{stage:>18} {value:8.3f} {unit}")


if __name__ == "__main__":
    one_line.run(main)
