"""What the pages of reports are made of: one frame and style, figures, plots and tables."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from string import Template

import cv2
import numpy as np
import numpy.typing as npt

from edge_hwr import __version__

from .confusion import NOTHING, ClassAccuracy, Mistake


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot as PNG, on light and on dark ground."""

    light: bytes = field(repr=False)
    dark: bytes = field(repr=False)


def picture_png(picture: npt.NDArray[np.uint8], scale: float) -> bytes:
    """A grey picture as PNG, scaled if that makes it smaller, by a pixel at least on each side."""
    if scale < 1:
        height, width = picture.shape
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    return cv2.imencode(".png", picture)[1].tobytes()


def frame_page(title: str, subtitle: str, figures: Iterable[tuple[str, str]], body: str, style: str = "") -> str:
    """A whole page: a title, named figures, and `body`, which is HTML; `style` are rules of CSS for it."""
    shown = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in figures)
    return _PAGE.substitute(
        title=escape(title), subtitle=escape(subtitle), figures=shown, body=body, style=style, version=__version__
    )


def show_character(text: str) -> str:
    """A character, or what stands for a blank or for nothing at all."""
    return {NOTHING: "nothing", " ": "␣"}.get(text) or escape(text)


def mistakes_table(mistakes: Sequence[Mistake]) -> str:
    rows = (
        f"<tr><td><b>{show_character(made.truth)}</b></td><td><b>{show_character(made.guess)}</b></td>"
        f"<td>{made.count:,} of {made.samples:,}</td><td>{made.count / made.samples:.1%}</td></tr>"
        for made in mistakes
    )
    return f"<table><tr><th>is</th><th>read as</th><th>times</th><th>share</th></tr>{''.join(rows)}</table>"


def classes_table(classes: Sequence[ClassAccuracy]) -> str:
    headings = "<tr><th></th><th>samples</th><th>accuracy</th><th>95 % interval</th><th>read as</th></tr>"
    return f"<table>{headings}{''.join(map(_class_row, classes))}</table>"


def show_plot(plot: Plot, name: str) -> str:
    """The plot on the ground that the reader's screen has; `name` describes it."""
    return (
        f'<div class="plot"><picture><source media="(prefers-color-scheme: dark)" srcset="{inlined(plot.dark)}">'
        f'<img src="{inlined(plot.light)}" alt="{name}"></picture></div>'
    )


def inlined(png: bytes) -> str:
    """The address of a picture that is part of the page."""
    return f"data:image/png;base64,{b64encode(png).decode()}"


def _class_row(item: ClassAccuracy) -> str:
    mistakes = ", ".join(f"{show_character(made.guess)} ({made.count:,})" for made in item.mistakes[:4])
    return (
        f"<tr><td><b>{show_character(item.text)}</b></td><td>{item.samples:,}</td><td>{item.accuracy:.1%}</td>"
        f"<td>{item.low:.1%} to {item.high:.1%}</td><td>{mistakes}</td></tr>"
    )


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
dt { font-size: .8rem; color: var(--soft); overflow-wrap: anywhere; }
dd { margin: 0; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(28rem, 100%), 1fr)); gap: 0 2rem; }
.plot { overflow-x: auto; }
.plot img { display: block; max-width: 100%; height: auto; }
.wide .plot img { min-width: min(48rem, 250vw); }
b { font-family: ui-monospace, monospace; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: normal; color: var(--soft); }
th, td { padding: .15rem 1.2rem .15rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
summary { cursor: pointer; color: var(--soft); }
footer { margin-top: 3rem; font-size: .85rem; color: var(--soft); }
$style
</style>
</head>
<body>
<h1>$title</h1>
<p>$subtitle</p>
<dl>$figures</dl>
$body
<footer>edge-hwr $version</footer>
</body>
</html>
""")
