"""Put measured figures into docs/bench.md, between its markers: nobody types a figure.

    python benchmarks/write_tables.py [--results build/bench]

Each `<!-- NAME -->` … `<!-- /NAME -->` of the document is filled from what the other scripts left in the folder
(report.json, peers.json, scaling.json), or from instructions.json; what was not measured stays as it is.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from instructions import COUNTS, estimates

from edge_hwr.device.bench.formats import markdown_table
from edge_hwr.device.bench.report import load
from edge_hwr.device.bench.tables import Table, report_tables
from edge_hwr.files import write_atomically

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/bench.md"


def report(path: Path) -> str:
    measured = load(path)
    warnings = [f"> **Warning:** {warning}" for warning in measured["warnings"]]
    return "\n\n".join([*warnings, *(markdown_table(table, level=4) for table in report_tables(measured))])


def peers(measured: dict[str, Any]) -> str:
    readers = [(row["name"], f"{row['ms_p50']:.1f}", f"{row['cer']:.1%}") for row in measured["readers"]]
    runtimes = [(row["name"], str(row["batch"]), f"{row['us_per_glyph']:.1f}") for row in measured["runtimes"]]
    note = f"Left out: {'; '.join(measured['left_out'])}." if measured["left_out"] else ""
    tables = (
        Table("Readers", ("reader", "ms a picture", "character errors"), readers),
        Table(
            "Runtimes",
            ("runtime", "batch", "us a glyph"),
            runtimes,
            note=f"{ratio(measured['runtimes'])} {note}".strip(),
        ),
    )
    return "\n\n".join(markdown_table(table, level=4) for table in tables)


def ratio(rows: list[dict[str, Any]]) -> str:
    """How many times fewer microseconds a glyph costs here than in float32 through the faster of the other runtimes."""
    ours = min(row["us_per_glyph"] for row in rows if row["name"].startswith("edge-hwr"))
    others = [row for row in rows if row["name"].startswith(("ONNX", "OpenCV"))]
    if not others:
        return ""
    best = min(others, key=lambda row: float(row["us_per_glyph"]))
    times = best["us_per_glyph"] / ours
    return f"{times:.1f} times fewer microseconds a glyph than {best['name']}, each at its best batch."


def scaling(measured: dict[str, Any]) -> str:
    parts = []
    for chart, unit in (("glyphs", "glyph"), ("pixels", "megapixel")):
        fit = measured["fits"][chart]
        parts.append(
            f"![Milliseconds a frame over {chart}](scaling-{chart}.svg)\n\n"
            f"{fit['offset_ms']:.2f} ms, and {fit['slope_ms']:.3f} ms for each {unit}: a straight line explains "
            f"{fit['r_squared']:.1%} of it."
        )
    sizes = {
        (point["width"], point["height"]): point["ms"]["total"]
        for point in measured["points"]
        if point["chart"] == "pixels"
    }
    parts.append(f"A frame of 1280x720 costs {sizes[1280, 720] / sizes[640, 480]:.2f} times one of 640x480.")
    return "\n\n".join(parts)


def instructions(counted: dict[str, Any]) -> str:
    header = ("", *(name for name in next(iter(counted.values()))["counts"]))
    rows = [(name, *(f"{count / 1e6:.2f}" for count in cost["counts"].values())) for name, cost in counted.items()]
    table = Table("Millions of instructions", header, rows, note="Stages are those of the frame of 40 glyphs.")
    lines = [f"- {line}" for line in estimates(counted)]
    return "\n\n".join([markdown_table(table, level=4), "\n".join(lines)])


def sections(results: Path) -> Iterator[tuple[str, str]]:
    if (results / "report.json").exists():
        yield "report", report(results / "report.json")
    for name, draw, path in (
        ("peers", peers, results / "peers.json"),
        ("scaling", scaling, results / "scaling.json"),
        ("instructions", instructions, COUNTS),
    ):
        if path.exists():
            yield name, draw(json.loads(path.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "build/bench")
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    options = parser.parse_args()
    text = options.document.read_text()
    for name, body in sections(options.results):
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.S)
        if not pattern.search(text):
            raise SystemExit(f"{options.document}: has no {begin} … {end}")
        text = pattern.sub(lambda _, filled=f"{begin}\n\n{body}\n\n{end}": filled, text)
        print(f"{options.document.name}: {name}")
    write_atomically(options.document, text.encode())


if __name__ == "__main__":
    main()
