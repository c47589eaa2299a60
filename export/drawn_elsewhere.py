"""What one run drew, for another one that learns from the same."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from edge_hwr.errors import TrainingError

from .recipe_difference import first_difference
from .run_files import RunFiles, reporting
from .run_record import read_record


def take_drawn(run: RunFiles, lender: Path) -> None:
    """Make the pool of another run this one's, too, and note the seed that it was drawn with in run.json.

    `TrainingError` unless that run was of the same sources, charset, data and preprocessing: all but the seed, which
    here decides only how it is trained on.
    """
    record = read_record(lender)[0]
    pool = RunFiles(path=lender, record=record).drawn_pool()
    if different := first_difference(_drawn_from(record), _drawn_from(run.record)):
        raise TrainingError(f"{lender}: drew something else ({different}): do without --drawn-in")
    partial = run.path / "pool.part.npz"
    with reporting(run.path):
        partial.unlink(missing_ok=True)
        try:
            os.link(pool, partial)  # neither of them is ever written into, and both may take gigabytes
        except OSError:  # other disks, or a file system without links
            shutil.copyfile(pool, partial)
        run.save_json("run.json", run.record | {"drawn_with_seed": record["recipe"]["seed"]})
        os.replace(partial, run.pool)


def _drawn_from(record: dict[str, Any]) -> dict[str, Any]:
    """What decides what is drawn, by the names that run.json and recipes have for it."""
    recipe = record["recipe"]
    return {
        "charset": recipe["charset"],
        "sources": recipe["data"],
        "data": record.get("data"),
        "preprocessing": record.get("preprocessing_digest"),
    }
