"""The page of handwritten lines beside peers, docs/lines.md, out of what `line_peers.py` measured."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from string import Template
from textwrap import fill
from typing import Any

from edge_hwr.device.bench.formats import markdown_table
from edge_hwr.device.bench.tables import Table

_OURS = "edge-hwr"

Rows = Sequence[dict[str, Any]]
Times = dict[str, dict[str, Any]]
"""Percentiles of seconds, by reader."""


def render(results: dict[str, Any], chart: Path) -> str:
    """The page in Markdown, with the chart at a path relative to it."""
    lines, strokes, pages, photos = (results[name] for name in ("banq_lines", "unipen", "banq_pages", "phone_pages"))
    of_lines, of_lone_lines, of_pages, of_photos = (
        {row["name"]: row for row in results[name]}
        for name in ("line_times", "lone_line_times", "page_times", "photo_times")
    )
    banq = [
        (
            row["name"],
            f"{row['bytes']:,}",
            f"{row['cer']:.1%}",
            f"{row['wer']:.1%}",
            f"{1000 * of_lines[row['name']]['p50']:,.1f}",
            f"{1000 * of_lines[row['name']]['p90']:,.1f}",
            f"{1000 * of_lone_lines[row['name']]['p50']:,.1f}",
        )
        for row in lines["rows"]
    ]
    unipen = [(row["name"], f"{row['cer_without_blanks']:.1%}", f"{row['cer']:.1%}") for row in strokes["rows"]]
    scans = [
        (
            row["name"],
            f"{row['cer']:.1%}",
            f"{row['cer_with_print']:.1%}",
            f"{max(row['cer_by_page'].values()):.1%}",
            f"{of_pages[row['name']]['p50']:.2f}",
        )
        for row in pages["rows"]
    ]
    names = list(photos["rows"][0]["cer_by_page"])
    phone = [
        (row["name"], *(f"{row['cer_by_page'][name]:.1%}" for name in names), f"{of_photos[row['name']]['p50']:.2f}")
        for row in photos["rows"]
    ]
    tables = {
        "banq_lines": Table("", ("reader", "bytes", "CER", "WER", "ms a line", "90th percentile", "ms alone"), banq),
        "unipen": Table("", ("reader", "CER without blanks", "CER"), unipen),
        "banq_pages": Table("", ("reader", "CER", "CER with print", "worst page", "s a page"), scans),
        "phone_pages": Table("", ("reader", *(f"CER, {name}" for name in names), "s a photo"), phone),
    }
    return _PAGE.substitute(
        {name: _bare(table) for name, table in tables.items()},
        warning=_BUSY if results["busy"] else "",
        lines_in_words=_beside(lines["rows"], of_lines, "line", lone=of_lone_lines),
        pages_in_words=_beside(pages["rows"], of_pages, "page"),
        photos_in_words=_beside(photos["rows"], of_photos, "photo"),
        chart=chart.as_posix(),
        line_count=lines["lines"],
        stroke_count=f"{strokes['lines']:,}",
        page_count=pages["pages"],
        timed_lines=results["timed"]["lines"],
        in_a_row=results["timed"]["in_a_row"],
        timed_pages=results["timed"]["pages"],
        processor=results["processor"],
        left_out="".join(f"\n- **Left out**: {reason}." for reason in results["left_out"]),
    )


def draw_curve(rows: Rows) -> bytes:
    """A PNG of the character errors over the bytes of the model, on logarithmic scales."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.subplots()
    plain = sorted((row["bytes"], 100 * row["cer"]) for row in rows if _is_ours(row) and "lexicon" not in row["name"])
    axes.plot(*zip(*plain, strict=True), color="#c8501e", linewidth=1, zorder=1)
    for row in rows:
        ours, lexicon = _is_ours(row), "lexicon" in row["name"]
        colour = "#c8501e" if ours else "#4878a8"
        axes.scatter(
            row["bytes"], 100 * row["cer"], s=42, color="white" if lexicon else colour, edgecolor=colour, zorder=2
        )
        name = row["name"].removeprefix(f"{_OURS}, ") if ours else row["name"].partition(",")[0]
        axes.annotate(
            f"{name}  {row['cer']:.1%}",
            (row["bytes"], 100 * row["cer"]),
            (7 if lexicon else -7, -5 if ours and not lexicon else 0),  # the curve comes from above
            textcoords="offset points",
            va="top" if ours and not lexicon else "center",
            ha="left" if lexicon else "right",  # a model with a lexicon is the one to the right of that without
            fontsize=9,
        )
    errors, sizes = [100 * row["cer"] for row in rows], [row["bytes"] for row in rows]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(min(sizes) / 3, 2 * max(sizes))
    axes.set_ylim(0.7 * min(errors), 1.4 * max(errors))
    axes.yaxis.set_major_locator(FixedLocator([1, 2, 5, 10, 20, 50, 100]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.xaxis.set_major_locator(FixedLocator([1e5, 3e5, 1e6, 3e6, 1e7, 3e7, 1e8]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1e6:g} MB"))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.25)
    axes.set_xlabel("bytes of the model")
    axes.set_title("Character errors on scanned lines of writers never seen", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=120)
    return png.getvalue()


def _is_ours(row: dict[str, Any]) -> bool:
    return str(row["name"]).startswith(_OURS)


def _beside(rows: Rows, times: Times, unit: str, lone: Times | None = None) -> str:
    """Each of our rows beside RapidOCR in a sentence."""
    rapid = next((row for row in rows if row["name"].startswith("RapidOCR")), None)
    if rapid is None:
        return ""
    sentences = []
    for row in filter(_is_ours, rows):
        name = row["name"].removeprefix(f"{_OURS}, ")
        alone = f" ({_ratio(lone, rapid, row):.1f} times where it stands alone)" if lone else ""
        share = row["cer"] / rapid["cer"]
        sentences.append(
            f"`{name}` reads a {unit} {_ratio(times, rapid, row):.1f} times as fast as RapidOCR{alone}, "
            f"with {share:.0%} of its CER."
        )
    return fill(" ".join(sentences), 120, break_on_hyphens=False)


def _ratio(times: Times, one: dict[str, Any], other: dict[str, Any]) -> float:
    """How many times as long one reader takes as another, by their medians."""
    return float(times[one["name"]]["p50"] / times[other["name"]]["p50"])


def _bare(table: Table) -> str:
    """The table without a heading: the page has its own."""
    return markdown_table(table).partition("\n\n")[2]


_BUSY = """
> **Warning:** other programs were running while this was measured: the times are too long, and not to be quoted.
"""

_PAGE = Template("""\
# Handwritten lines, beside others

How well whole lines and pages are read, how fast, and with how large a model: edge-hwr's line models beside RapidOCR,
the best small general reader that installs from PyPI, and Tesseract. Those two were made for print and read many
languages: they are no equals, but what one would otherwise take. Written by `make bench-lines DATA=…`; nobody typed a
figure.
$warning
## Scanned lines

The $line_count lines of BAnQ's test writers (French, ball pens and pencils on lined paper, scanned).

$banq_lines

$lines_in_words

![Character errors over the size of the model]($chart)

Hollow points are with a language model, whose bytes count.

## Lines from pen strokes

The $stroke_count lines of UNIPEN's test writers (English words, phrases and figures, printed and joined hands), drawn
with one plain pen by `edge-hwr rasterise`. Some of the transcripts have blanks that nobody wrote: the rate without
blanks is the one to compare.

$unipen

## Scanned pages

The $page_count pages that the scanned lines are from, whole.

$banq_pages

$pages_in_words

## Photographs of pages

Two photographs taken with a phone (English, one joined hand, warm lamp light, a table around the sheet).

$phone_pages

$photos_in_words

## How it was measured

- **CER and WER** are edits (insertions, deletions, substitutions) for each character and each word of the truth, over
  all texts of a set together. Texts are compared in Unicode's composed form, with plain quotes and dashes and single
  blanks, for all readers alike; `edge-hwr evaluate` takes them as they are, and gives up to 0.1 points more.
- **A page's CER** is that of its whole text in reading order, top to bottom, lines joined by newlines; a newline is a
  character like others. A line that is missed, or read in the wrong place, costs all of its characters.
- **Print.** Some of the scanned sheets have a sentence printed small at their head, which no transcript has. CER is
  that of the handwriting: up to three of the first four lines that a reader gives may be left out of such a page. *With
  print* they may not: leaving the sentence out, or reading it right, costs nothing, but what else is made of it does.
- **RapidOCR** has its default settings and models, and gets lines through its recogniser alone. Its detector parts
  lines at wide gaps: its pieces are taken as they come, and put together to lines by their place, and whichever of the
  two makes fewer errors counts, page by page. Its full-width punctuation counts as the Latin one.
- **Tesseract** reads lines with `-l fra+eng --psm 7`, a process a line, starting up included, as one would call it.
- **edge-hwr** learned from other writers of the sets of lines, which the peers did not; nothing of it was tuned on what
  is measured here. The photographs are foreign to all.
- **Times** are wall-clock medians with one thread each, from decoded picture to text, on $timed_lines of the scanned
  lines and $timed_pages of the scanned pages, drawn by chance, and on both photographs; all readers take turns in
  random order, in one run. A turn is $in_a_row lines, one after the other as on a page, or a page. *Alone* is a line a
  turn: the others have had the processor's caches before it.
- **Bytes** are those of all model files that reading a line takes, language models included.
- **Machine**: $processor.$left_out
""")
