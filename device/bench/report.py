"""The report: one JSON object of the published schema (schema.json, beside this file), from which all else is drawn."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_hwr import __version__
from edge_hwr.errors import SinkError, UsageError
from edge_hwr.files import write_atomically
from edge_hwr.runtime import runtime_name

from ..board import identify
from .measure import Timings
from .statistics import LEAST_BLOCKS, bootstrap_ratio, summarise
from .sweep import Case, planned_batch

SCHEMA = 1
Report = dict[str, Any]
Series = dict[str, Any]


def describe_machine() -> dict[str, Any]:
    """The machine and the software that the figures belong to."""
    return {
        **identify().to_json(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "runtime": {"name": runtime_name(), "version": _version(runtime_name())},
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "edge_hwr": __version__,
    }


def describe_series(case: Case, timings: Timings) -> Series:
    """One case's figures."""
    stages = {stage: summarise(blocks) for stage, blocks in timings.blocks.items()}
    return {
        "model": case.model,
        "kind": case.kind,
        "threads": case.threads,
        "batch": case.batch,
        "glyphs": case.glyphs,
        "lines": case.lines,
        "warm_up": {"runs": timings.warm_up.runs, "settled": timings.warm_up.settled},
        "on_processor": timings.on_processor if timings.elapsed_s else None,
        "stages": stages,
        "per_second": 1000 / stages["total"]["mean"],
        "us_per_glyph": 1000 * stages["total"]["p50"] / case.glyphs if case.glyphs else None,
        "ms_per_line": stages["total"]["p50"] / case.lines if case.lines else None,
        "overhead": None,
    }


def add_overheads(series: Iterable[Series]) -> None:
    """Fill in what reading through edge-hwr adds to the bare invoke of the same batch, where both were measured."""
    series = list(series)
    bare = {(one["model"], one["threads"], one["batch"]): one for one in series if one["kind"] == "invoke"}
    for one in series:
        if one["kind"] != "frame":
            continue
        batch = planned_batch(one["glyphs"])
        alone = bare.get((one["model"], one["threads"], batch))
        if alone is None or "invoke" not in one["stages"] or one["glyphs"] > batch:
            continue
        through, yardstick = one["stages"]["invoke"]["blocks"], alone["stages"]["total"]["blocks"]
        if min(len(through), len(yardstick)) < LEAST_BLOCKS:
            continue
        ratio = bootstrap_ratio(yardstick, through, np.random.default_rng(0))
        one["overhead"] = {"ratio": ratio.value, "low": ratio.low, "high": ratio.high}


def now_in_words() -> str:
    """Date and time, UTC: a label for people, nothing is computed from it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def save(path: Path, text: str) -> None:
    """Write a report whole or not at all. `SinkError` when the disk is full or the place not writable."""
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise SinkError(f"report {path}: {error.strerror or error}: not written") from error


def load(path: Path) -> Report:
    """Read a JSON report. `UsageError` when it is none, damaged or of another schema."""
    try:
        report = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"report {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"report {path}: damaged, or no JSON: {error}") from error
    schema = report.get("schema") if isinstance(report, dict) else None
    if not isinstance(report, dict) or "series" not in report or schema is None:
        raise UsageError(f"report {path}: not a report of edge-hwr bench")
    if schema != SCHEMA:
        raise UsageError(f"report {path}: of schema {schema}, not {SCHEMA}: measure again with this edge-hwr")
    return report


def dump(report: Report) -> str:
    return json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
