"""One thing again and again for minutes: what becomes of its speed when the board grows warm."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from edge_hwr.metrics import percentiles

from .measure import Run
from .watch import BoardWatch

_WINDOWS = 240
_LEAST_WINDOW_S = 1.0


def soak(run: Run, minutes: float, watch: BoardWatch) -> dict[str, Any]:
    """Run for so many minutes without a pause.

    Gives the curve, a point for each of at most 240 windows, and `drift`: the median of the last tenth of the points'
    medians over that of the first tenth. Above 1 the board became slower. Ctrl-C ends it early: `minutes` are those
    that it really ran. Raises KeyboardInterrupt where there is no point yet.
    """
    started = time.monotonic()
    end = started + 60 * minutes
    window_s = min(max(_LEAST_WINDOW_S, 60 * minutes / _WINDOWS), 60 * minutes / 2)
    points: list[dict[str, Any]] = []
    try:
        while (now := time.monotonic()) < end:
            points.append({"t_s": round(now - started, 3), **_window(run, min(end, now + window_s), watch)})
    except KeyboardInterrupt:
        if not points:
            raise
        minutes = (time.monotonic() - started) / 60
    tenth = max(1, len(points) // 10)
    medians = [point["p50"] for point in points]
    drift = float(np.median(medians[-tenth:]) / np.median(medians[:tenth]))
    return {"minutes": minutes, "drift": drift, "points": points}


def _window(run: Run, close: float, watch: BoardWatch) -> dict[str, Any]:
    """What runs until a moment were like, and the board after them."""
    times: list[float] = []
    started = time.monotonic()
    while not times or time.monotonic() < close:
        times.append(run()["total"])
    elapsed = time.monotonic() - started
    watch.sample()
    return {
        **percentiles(times, (50, 99)),
        "fps": len(times) / elapsed,
        "temperature_c": watch.last.temperature_c,
        "clock_mhz": watch.last.clock_mhz,
        "flags": None if watch.last.flags is None else list(watch.last.flags),
    }
