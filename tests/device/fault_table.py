"""Write the rows of a run of the fault suite into a document: `python fault_table.py ROWS DOCUMENT`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

BEGIN, END = "<!-- faults -->", "<!-- /faults -->"


def main(rows: Path, document: Path) -> None:
    found = [json.loads(line) for line in rows.read_text("utf-8").splitlines()]
    table = [
        "| What was done | What happened |",
        "|---|---|",
        *(f"| {fault} | {outcome} |" for fault, outcome in found),
    ]
    before, rest = document.read_text("utf-8").split(BEGIN)
    after = rest.split(END)[1]
    document.write_text(f"{before}{BEGIN}\n{chr(10).join(table)}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
