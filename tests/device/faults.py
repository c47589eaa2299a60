"""The fault suite: quick in every run of the tests; at full length, with its table, under `make test-faults`."""

from __future__ import annotations

import json
import os
from pathlib import Path

FULL = os.environ.get("EDGE_HWR_FAULTS") == "full"

_ROWS = Path(os.environ.get("EDGE_HWR_FAULT_ROWS", os.devnull))


def report(fault: str, outcome: str) -> None:
    """Add a row to the table of docs/reliability.md, if one is being made."""
    with _ROWS.open("a", encoding="utf-8") as file:
        file.write(json.dumps([fault, outcome], ensure_ascii=False) + "\n")
