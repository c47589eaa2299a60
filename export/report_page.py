"""The page of an evaluation's report: one HTML file, images inlined, for a desktop or a phone, light or dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template

from edge_hwr.evaluate import Evaluation, interval_row
from edge_hwr.evaluate_against import Difference

from .confusion import Confusion
from .report_parts import Plot, classes_table, frame_page, inlined, mistakes_table, show_character, show_plot

_MISTAKES = 20
"""The most frequent ones are listed."""

_NARROW = 20
"""Classes up to which a plot of them can be read on a phone without scrolling, and leaves room beside it elsewhere."""


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
    found: Evaluation,
    confusion: Confusion,
    plots: Mapping[str, Plot],
    errors: Sequence[WorstError],
    against: Difference | None = None,
) -> str:
    """The page; `plots` are "confusion", "classes", "calibration" and "coverage"."""
    wrong = round(found.error * found.samples)
    shown = "all" if len(errors) == wrong else f"{len(errors):,} of"
    body = _BODY.substitute(
        errors="".join(map(_error, errors)) or "<p>No sample was read wrongly.</p>",
        errors_shown=f"{shown} {wrong:,}, the most confident first" if errors else "",
        mistakes=mistakes_table(confusion.mistakes()[:_MISTAKES]),
        classes_table=classes_table(confusion.classes()),
        matrix="wide" if len(confusion.guesses) > _NARROW else "pair",
        **{name: show_plot(plot, name) for name, plot in plots.items()},
    )
    title = f"{found.model} on {Path(found.dataset).name}"
    return frame_page(title, f"{found.samples:,} samples", _figures(found, against), body, _STYLE)


def _figures(found: Evaluation, against: Difference | None) -> Sequence[tuple[str, str]]:
    return (
        ("accuracy", f"{found.accuracy:.2%}"),
        ("ignoring case", f"{found.accuracy_caseless:.2%}"),
        ("among the set's characters", f"{found.accuracy_within_set:.2%}"),
        ("error", f"{found.error:.2%}"),
        *interval_row("error", found.error_interval),
        *([against.row()] if against else []),
        ("error at 95 % coverage", f"{found.error_at_95_coverage:.2%}"),
        ("calibration error", f"{found.ece:.2%}"),
        ("rejected as unsure", f"{found.rejected:.2%}"),
        ("per sample, median", f"{found.ms_p50:.3f} ms"),
        ("file", f"{found.bytes:,} bytes"),
    )


def _error(error: WorstError) -> str:
    truth, guess = show_character(error.truth), show_character(error.guess)
    return (
        f'<figure class="error" title="{escape(error.name)}">'
        f'<img src="{inlined(error.crop)}" alt="the picture as stored" loading="lazy">'
        f'<img src="{inlined(error.tensor)}" alt="what the model saw" loading="lazy">'
        f"<figcaption><b>{truth}</b> read <b>{guess}</b> <span>{error.confidence:.1%}</span></figcaption></figure>"
    )


_STYLE = """.errors { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: .6rem; }
.error { display: grid; grid-template-columns: 1fr 1fr; gap: 2px; margin: 0; padding: .5rem; border-radius: .5rem;
  background: var(--card); }
.error img { width: 100%; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; background: #000; }
.error img:first-child { background: #fff; }
figcaption { grid-column: span 2; font-size: .9rem; }
figcaption span { float: right; color: var(--soft); }"""

_BODY = Template("""<h2>The worst errors <small>$errors_shown</small></h2>
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
</div>""")
