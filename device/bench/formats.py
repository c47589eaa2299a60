"""A report on the terminal, as Markdown, and as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ..wording import counted
from .charts import Curve, histogram, line_chart
from .report import Report
from .tables import Table, report_tables
from .watch import describe_case


def print_tables(tables: Iterable[Table], console: Console) -> None:
    for table in tables:
        drawn = RichTable(
            title=Text(table.title),
            title_justify="left",
            title_style="bold",
            box=None,
            pad_edge=False,
            padding=(0, 2, 0, 0),
        )
        for number, heading in enumerate(table.header):
            # Where there is not room enough, words go on below; a figure that is cut short says something else.
            words = number < table.words
            drawn.add_column(
                heading,
                justify="left" if words else "right",
                overflow="fold" if words else "ellipsis",
                header_style="dim",
                no_wrap=not words,
            )
        for row in table.rows:
            drawn.add_row(*map(Text, row))
        drawn.show_header = any(table.header)
        console.print(drawn)
        if table.note:
            console.print(Text(table.note, style="dim"))
        console.print()


def print_warnings(warnings: Sequence[str], console: Console) -> None:
    for warning in warnings:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)


def to_markdown(report: Report) -> str:
    parts = ["# What it costs on this device", *(f"> **Warning:** {warning}" for warning in report["warnings"])]
    parts += [markdown_table(table) for table in report_tables(report)]
    return "\n\n".join(parts) + "\n"


def markdown_table(table: Table, *, level: int = 2) -> str:
    """The table with its title as a heading of the level and its note below."""

    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"

    ruler = ["---" if number < table.words else "---:" for number in range(len(table.header))]
    lines = [line(table.header), line(ruler), *map(line, table.rows)]
    return "\n\n".join([f"{'#' * level} {table.title}", "\n".join(lines), *([table.note] if table.note else [])])


def to_html(report: Report) -> str:
    """Tables and charts on one page."""
    machine = report["machine"]["board"] or report["machine"]["processor"]
    warnings = "".join(f"<p class=warning>{escape(warning)}</p>" for warning in report["warnings"])
    tables = "".join(map(_html_table, report_tables(report)))
    charts = "".join(
        f"<figure>{chart}<figcaption>{escape(caption)}</figcaption></figure>" for caption, chart in _charts(report)
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>edge-hwr bench: {escape(machine)}</title><style>{_STYLE}</style>"
        f"<h1>What it costs on {escape(machine)}</h1>{warnings}{charts}{tables}</html>\n"
    )


_STYLE = (
    ":root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif}"
    "body{max-width:960px;margin:2em auto;padding:0 1em}"
    "h1{font-size:1.5em}h2{font-size:1.1em;margin:2em 0 .4em}table{border-collapse:collapse}"
    "td,th{padding:.15em 1.2em .15em 0;text-align:right;font-variant-numeric:tabular-nums;vertical-align:top}"
    "td.w,th.w{text-align:left}th{font-weight:600;opacity:.65}tr+tr td{border-top:1px solid #8883}"
    ".note{opacity:.75;font-size:.9em}.warning{background:#f5a62333;border-left:4px solid #f5a623;padding:.4em .8em}"
    "figure{margin:1.5em 0}figcaption{opacity:.75;font-size:.9em}svg{width:100%;max-width:720px;height:auto}"
    ".wide{overflow-x:auto}"
)


def _html_table(table: Table) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=w' if number < table.words else ''}>{escape(cell)}</{tag}>"
            for number, cell in enumerate(cells)
        )

    head = f"<tr>{row(table.header, 'th')}</tr>" if any(table.header) else ""
    body = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in table.rows)
    note = f"<p class=note>{escape(table.note)}</p>" if table.note else ""
    return f"<h2>{escape(table.title)}</h2><div class=wide><table>{head}{body}</table></div>{note}"


def _charts(report: Report) -> Iterable[tuple[str, str]]:
    """Caption and drawing of each chart that the report has figures for."""
    for one in report["series"]:
        if one["kind"] == "frame":
            bins = one["stages"]["total"]["histogram"]
            caption = f"{describe_case(one)}: how long the runs took, up to the 99th percentile"
            yield caption, histogram(caption, bins["low"], bins["high"], bins["counts"], bins["beyond"], x_label="ms")
    curves: dict[str, list[tuple[float, float]]] = {}
    for one in report["series"]:
        if one["kind"] == "invoke" and one["us_per_glyph"]:
            name = f"{one['model']}, {counted(one['threads'], 'thread')}"
            curves.setdefault(name, []).append((one["batch"], one["us_per_glyph"]))
    if any(len(points) > 1 for points in curves.values()):
        caption = "The bare invoke: microseconds a sample over the batch size"
        drawn = [Curve(name, sorted(points)) for name, points in curves.items()]
        ticks = sorted({x for curve in drawn for x, _ in curve.points})
        yield caption, line_chart(caption, drawn, x_label="batch", y_label="us a sample", log_x=True, ticks=ticks)
    if report["soak"]:
        yield from _soak_charts(report["soak"]["points"])


def _soak_charts(points: Sequence[dict[str, float | None]]) -> Iterable[tuple[str, str]]:
    for keys, caption, unit in (
        (("p50", "p99"), "Soak: time of a frame", "ms"),
        (("temperature_c",), "Soak: temperature", "°C"),
        (("clock_mhz",), "Soak: clock", "MHz"),
    ):
        curves = [
            Curve(
                key, [(x, y) for point in points if (x := point["t_s"]) is not None and (y := point[key]) is not None]
            )
            for key in keys
        ]
        if all(curve.points for curve in curves):
            yield caption, line_chart(caption, curves, x_label="seconds", y_label=unit)
