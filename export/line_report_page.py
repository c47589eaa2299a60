"""The page of a line model's report: one HTML file, images inlined, for a desktop or a phone, light or dark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from pathlib import Path
from string import Template

from edge_hwr.evaluate import interval_row
from edge_hwr.evaluate_against import Difference
from edge_hwr.evaluate_lines import LineEvaluation

from .confusion import NOTHING, Confusion
from .line_errors import ComparedLine, Pair
from .report_parts import Plot, classes_table, frame_page, inlined, mistakes_table, show_character, show_plot

_MISTAKES = 15
"""The most frequent of each kind are listed."""


@dataclass(frozen=True, slots=True)
class WorstLine:
    """A line to be shown with its picture and the tensor the model saw (b"" where there was no ink), as PNG.

    Its writing goes from `first` to `last` on the picture, 0..1 of its width.
    """

    name: str
    line: ComparedLine
    picture: bytes = field(repr=False)
    tensor: bytes = field(repr=False)
    first: float
    last: float


def render_line_page(
    found: LineEvaluation,
    lines: Sequence[ComparedLine],
    confusion: Confusion,
    added: Counter[str],
    plots: Mapping[str, Plot],
    worst: Sequence[WorstLine],
    against: Difference | None = None,
) -> str:
    """The page; `plots` are "rates", "confidence", "characters" and "coverage", and "calibration" if anything was read.

    `confusion` and `added` are those of `count_mistakes`.
    """
    wrong = sum(line.edits > 0 for line in lines)
    shown = "all" if len(worst) == wrong else f"{len(worst):,} of"
    made = confusion.mistakes()
    taken = [mistake for mistake in made if mistake.guess != NOTHING]
    missing = [mistake for mistake in made if mistake.guess == NOTHING]
    counts = [sum(mistake.count for mistake in kind) for kind in (taken, missing)] + [added.total()]
    body = _BODY.substitute(
        {name: show_plot(plot, name) for name, plot in plots.items()},
        calibration=show_plot(plots["calibration"], "calibration")
        if "calibration" in plots
        else "<p>Nothing read.</p>",
        kinds=_kinds(counts),
        taken=mistakes_table(taken[:_MISTAKES]),
        missing=mistakes_table(missing[:_MISTAKES]),
        added=_added_table(added),
        classes_table=classes_table(confusion.classes()),
        worst="".join(map(_worst_line, worst)) or "<p>Every line was read without an error.</p>",
        worst_shown=f"{shown} {wrong:,} with errors, those with the most first" if worst else "",
    )
    title = f"{found.model} on {Path(found.dataset).name}"
    subtitle = f"{found.samples:,} lines, {sum(line.length for line in lines):,} characters"
    return frame_page(title, subtitle, _figures(found, 1 - wrong / len(lines), against), body, _STYLE)


def _figures(found: LineEvaluation, clean: float, against: Difference | None) -> Sequence[tuple[str, str]]:
    return (
        *([("lexicon", found.lexicon)] if found.lexicon else []),
        ("character errors (CER)", f"{found.cer:.2%}"),
        *interval_row("CER", found.cer_interval),
        *([against.row()] if against else []),
        ("word errors (WER)", f"{found.wer:.2%}"),
        ("CER without blanks", f"{found.cer_without_blanks:.2%}"),
        *([("outside its charset", f"{found.outside:.2%}")] if found.outside else []),
        ("lines without an error", f"{clean:.2%}"),
        ("per line, median", f"{found.ms_p50:.2f} ms"),
        ("per line, 90th percentile", f"{found.ms_p90:.2f} ms"),
        ("file", f"{found.bytes:,} bytes"),
    )


def _kinds(counts: Sequence[int]) -> str:
    total = sum(counts)
    if not total:
        return "No character was read wrongly."
    shares = [f"{count / total:.0%} {what}" for count, what in zip(counts, _KINDS, strict=True)]
    return f"Of {total:,} errors, {shares[0]}, {shares[1]} and {shares[2]}."


_KINDS = ("take a character for another", "leave one out", "put one in that is not there")


def _added_table(added: Counter[str]) -> str:
    rows = (
        f"<tr><td><b>{show_character(text)}</b></td><td>{count:,}</td><td>{count / added.total():.1%}</td></tr>"
        for text, count in added.most_common(_MISTAKES)
    )
    return f"<table><tr><th>read</th><th>times</th><th>share</th></tr>{''.join(rows)}</table>"


def _worst_line(shown: WorstLine) -> str:
    line = shown.line
    tensor = f'<img src="{inlined(shown.tensor)}" alt="what the model saw" loading="lazy">' if shown.tensor else ""
    return (
        f'<figure class="worst"><div class="seen"><img src="{inlined(shown.picture)}" alt="the line as stored" '
        f'loading="lazy">{"".join(_marks(shown))}</div>{tensor}'
        f'<p class="text">{"".join(_columns(line.pairs))}</p>'
        f"<figcaption>{line.edits} error{'' if line.edits == 1 else 's'} in {line.length} characters, {line.rate:.0%}; "
        f"confidence {line.confidence:.0%}; {escape(shown.name)}</figcaption></figure>"
    )


def _marks(shown: WorstLine) -> Iterable[str]:
    """Where on the picture the errors were made."""
    extent = shown.last - shown.first
    for pair in shown.line.pairs:
        if pair.right or not extent:
            continue
        left, width = shown.first + extent * pair.start, extent * (pair.end - pair.start)
        words = f"{show_character(pair.truth)} read {show_character(pair.guess)}"
        yield f'<i class="{_kind(pair)}" style="left:{left:.2%};width:{width:.2%}" title="{words}"></i>'


def _columns(pairs: Sequence[Pair]) -> Iterable[str]:
    """Truth above, reading below: words in one piece where they are right, errors alone, so that lines may wrap."""
    for right, group in groupby(pairs, key=lambda pair: pair.right):
        if right:
            text = "".join(pair.truth for pair in group)
            yield from (f"<span>{piece}\n{piece}</span>" for piece in map(escape, _pieces(text)))
        else:
            yield from (
                f'<span class="{_kind(pair)}">{_cell(pair.truth)}\n{_cell(pair.guess)}</span>' for pair in group
            )


def _pieces(text: str) -> list[str]:
    """Cut behind each blank."""
    return [piece for piece in text.replace(" ", " \0").split("\0") if piece]


def _cell(character: str) -> str:
    return " " if character == NOTHING else show_character(character)


def _kind(pair: Pair) -> str:
    return "added" if pair.truth == NOTHING else "missing" if pair.guess == NOTHING else "taken"


_STYLE = """:root { --taken: #e8590c40; --missing: #1971c240; --added: #9c36b540; }
@media (prefers-color-scheme: dark) { :root { --taken: #f0834780; --missing: #4dabf770; --added: #cc5de870; } }
.three { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 0 2rem; }
h3 { margin: 1rem 0 .3rem; font-size: 1rem; }
.worst { margin: 0 0 1rem; padding: .8rem; border-radius: .5rem; background: var(--card); }
.worst img { display: block; max-width: 100%; height: auto; border-radius: 2px; }
.seen { position: relative; width: fit-content; margin-bottom: 3px; }
.seen i { position: absolute; top: 0; bottom: 0; min-width: 3px; mix-blend-mode: multiply; }
.text { max-width: none; margin: .6rem 0 .3rem; color: var(--ink); font: 1rem/1.35 ui-monospace, monospace; }
.text span { display: inline-block; white-space: pre; margin-bottom: .5rem; }
.taken { background: var(--taken); }
.missing { background: var(--missing); }
.added { background: var(--added); }
.seen .taken { background: #ffbd91; }
.seen .missing { background: #5aa9f0; }
.seen .added { background: #e0b3ee; }
figcaption { font-size: .85rem; color: var(--soft); overflow-wrap: anywhere; }
mark { color: inherit; padding: 0 .3rem; border-radius: 2px; }"""

_BODY = Template("""<div class="pair">
<section><h2>Line by line</h2><p>How many lines have how many errors.</p>$rates</section>
<section><h2>Confidence</h2><p>Whether the surer lines are the better ones. On the broken line a confidence of 90 % has
10 % errors.</p>$confidence</section>
</div>
<h2>What goes wrong</h2>
<p>$kinds</p>
<div class="three">
<section><h3>Taken for another</h3><div class="scroll">$taken</div></section>
<section><h3>Left out</h3><div class="scroll">$missing</div></section>
<section><h3>Put in</h3><div class="scroll">$added</div></section>
</div>
<h2>Character by character</h2>
<p>The frequent ones; the table has them all.</p>
<div class="wide">$characters</div>
<details><summary>As a table</summary><div class="scroll">$classes_table</div></details>
<div class="pair">
<section><h2>Calibration</h2><p>How often a character that was read is right when the model is so sure of it.</p>
$calibration</section>
<section><h2>Coverage</h2><p>The character error rate that is left when the lines of which the model is least sure are
set aside.</p>$coverage</section>
</div>
<h2>The worst lines <small>$worst_shown</small></h2>
<p>The picture as it is stored, what the model saw of it, and the truth above what was read:
<mark class="taken">taken for another</mark> <mark class="missing">left out</mark> <mark class="added">put in</mark>.
The same colours show on the picture where the model saw it.</p>
$worst""")
