"""The page of an evaluation's report: one HTML file, images inlined, for a desktop or a phone, light or dark."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template

from edge_hwr import __version__
from edge_hwr.evaluate import Evaluation

from .confusion import ClassAccuracy, Confusion, Mistake

_MISTAKES = 20
"""The most frequent ones are listed."""

_NARROW = 20
"""Classes up to which a plot of them can be read on a phone without scrolling, and leaves room beside it elsewhere."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot as PNG, on light and on dark ground."""

    light: bytes = field(repr=False)
    dark: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class WorstError:
    """A sample that was read wrongly, with its picture and the tensor the model saw, as PNG."""

    name: str
    truth: str
    guess: str
    confidence: float
    crop: bytes = field(repr=False)
    tensor: bytes = field(repr=False)


def render_page(
    found: Evaluation, confusion: Confusion, plots: Mapping[str, Plot], errors: Sequence[WorstError]
) -> str:
    """The page; `plots` are "confusion", "classes", "calibration" and "coverage"."""
    wrong = round(found.error * found.samples)
    shown = "all" if len(errors) == wrong else f"{len(errors):,} of"
    return _PAGE.substitute(
        title=escape(f"{found.model} on {Path(found.dataset).name}"),
        samples=f"{found.samples:,}",
        figures="".join(_figures(found)),
        errors="".join(map(_error, errors)) or "<p>No sample was read wrongly.</p>",
        errors_shown=f"{shown} {wrong:,}, the most confident first" if errors else "",
        mistakes=_mistakes_table(confusion.mistakes()[:_MISTAKES]),
        classes_table=_classes_table(confusion.classes()),
        matrix="wide" if len(confusion.guesses) > _NARROW else "pair",
        version=__version__,
        **{name: _plot(plot, name) for name, plot in plots.items()},
    )


def _figures(found: Evaluation) -> Iterator[str]:
    figures = (
        ("accuracy", f"{found.accuracy:.2%}"),
        ("ignoring case", f"{found.accuracy_caseless:.2%}"),
        ("among the set's characters", f"{found.accuracy_within_set:.2%}"),
        ("error", f"{found.error:.2%}"),
        ("error at 95 % coverage", f"{found.error_at_95_coverage:.2%}"),
        ("calibration error", f"{found.ece:.2%}"),
        ("rejected as unsure", f"{found.rejected:.2%}"),
        ("per sample, median", f"{found.ms_p50:.3f} ms"),
        ("file", f"{found.bytes:,} bytes"),
    )
    for name, value in figures:
        yield f"<div><dt>{name}</dt><dd>{value}</dd></div>"


def _error(error: WorstError) -> str:
    truth, guess = escape(error.truth), escape(error.guess or "nothing")
    return (
        f'<figure class="error" title="{escape(error.name)}">'
        f'<img src="{_inlined(error.crop)}" alt="the picture as stored" loading="lazy">'
        f'<img src="{_inlined(error.tensor)}" alt="what the model saw" loading="lazy">'
        f"<figcaption><b>{truth}</b> read <b>{guess}</b> <span>{error.confidence:.1%}</span></figcaption></figure>"
    )


def _mistakes_table(mistakes: Sequence[Mistake]) -> str:
    rows = (
        f"<tr><td><b>{escape(made.truth)}</b></td><td><b>{escape(made.guess or 'nothing')}</b></td>"
        f"<td>{made.count:,} of {made.samples:,}</td><td>{made.count / made.samples:.1%}</td></tr>"
        for made in mistakes
    )
    return f"<table><tr><th>is</th><th>read as</th><th>times</th><th>share</th></tr>{''.join(rows)}</table>"


def _classes_table(classes: Sequence[ClassAccuracy]) -> str:
    headings = "<tr><th></th><th>samples</th><th>accuracy</th><th>95 % interval</th><th>read as</th></tr>"
    return f"<table>{headings}{''.join(map(_class_row, classes))}</table>"


def _class_row(item: ClassAccuracy) -> str:
    mistakes = ", ".join(f"{escape(made.guess or 'nothing')} ({made.count:,})" for made in item.mistakes[:4])
    return (
        f"<tr><td><b>{escape(item.text)}</b></td><td>{item.samples:,}</td><td>{item.accuracy:.1%}</td>"
        f"<td>{item.low:.1%} to {item.high:.1%}</td><td>{mistakes}</td></tr>"
    )


def _plot(plot: Plot, name: str) -> str:
    return (
        f'<div class="plot"><picture><source media="(prefers-color-scheme: dark)" srcset="{_inlined(plot.dark)}">'
        f'<img src="{_inlined(plot.light)}" alt="{name}"></picture></div>'
    )


def _inlined(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode()}"


_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2328; --soft: #59636e; --line: #d0d5db; --card: #f5f7f9; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #161a1f; --ink: #e3e7eb; --soft: #98a3ae; --line: #3a424c; --card: #1e242b; }
}
body { margin: 0 auto; padding: 1rem; max-width: 75rem; font: 16px/1.5 system-ui, sans-serif;
  background: var(--paper); color: var(--ink); }
h1 { margin: 0; font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.2rem; }
p, h2 small { max-width: 45rem; color: var(--soft); font-weight: normal; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .6rem; }
dl div { padding: .6rem .8rem; border-radius: .5rem; background: var(--card); }
dt { font-size: .8rem; color: var(--soft); }
dd { margin: 0; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(28rem, 100%), 1fr)); gap: 0 2rem; }
.plot { overflow-x: auto; }
.plot img { display: block; max-width: 100%; height: auto; }
.wide .plot img { min-width: min(48rem, 250vw); }
.errors { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: .6rem; }
.error { display: grid; grid-template-columns: 1fr 1fr; gap: 2px; margin: 0; padding: .5rem; border-radius: .5rem;
  background: var(--card); }
.error img { width: 100%; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; background: #000; }
.error img:first-child { background: #fff; }
figcaption { grid-column: span 2; font-size: .9rem; }
figcaption span { float: right; color: var(--soft); }
b { font-family: ui-monospace, monospace; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: normal; color: var(--soft); }
th, td { padding: .15rem 1.2rem .15rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
summary { cursor: pointer; color: var(--soft); }
footer { margin-top: 3rem; font-size: .85rem; color: var(--soft); }
</style>
</head>
<body>
<h1>$title</h1>
<p>$samples samples</p>
<dl>$figures</dl>
<h2>The worst errors <small>$errors_shown</small></h2>
<p>Left the picture as it is stored, right what the model saw of it.</p>
<div class="errors">$errors</div>
<h2>What is taken for what</h2>
<p>Each row is a character, each column what it was read as; the stronger the colour, the larger the share of the
row.</p>
<div class="$matrix">
$confusion
<details open><summary>The most frequent mistakes</summary><div class="scroll">$mistakes</div></details>
</div>
<h2>Character by character</h2>
<div class="$matrix">$classes</div>
<details><summary>As a table</summary><div class="scroll">$classes_table</div></details>
<div class="pair">
<section><h2>Calibration</h2><p>How often the model is right when it is so sure.</p>$calibration</section>
<section><h2>Coverage</h2><p>The error that is left when what the model is least sure of is rejected.</p>
$coverage</section>
</div>
<footer>edge-hwr $version</footer>
</body>
</html>
""")
