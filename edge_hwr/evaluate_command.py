"""The sub-command `evaluate`: a model measured on characters, lines or pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from edge_hwr.bundle import Bundle, open_bundle
from edge_hwr.datasets import check_crops, is_of_pages, open_dataset
from edge_hwr.errors import RuntimeMissingError, UsageError
from edge_hwr.evaluate import Evaluation, Predictions, interval_row, predict, summarise
from edge_hwr.evaluate_against import check_comparable, difference
from edge_hwr.evaluate_lines import LineEvaluation, LinePredictions, predict_lines, summarise_lines
from edge_hwr.evaluate_pages import PageEvaluation, evaluate_pages
from edge_hwr.label_table import LABELS
from edge_hwr.language_model import open_language_model
from edge_hwr.option_types import LEXICON
from edge_hwr.runtime import MOST_THREADS

_REPORT_WRITERS = {
    "glyph": "edge_hwr.export.report:write_report",
    "line": "edge_hwr.export.line_report:write_line_report",
}
"""Known by name only, as the sub-commands are to `edge_hwr.cli`: loaded when a report is asked for."""


@click.command()
@click.argument("model")
@click.argument("dataset")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--threads", type=click.IntRange(1, MOST_THREADS), default=1, show_default=True, help="Threads of the model."
)
@click.option(
    "--report",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write a page with plots and the worst errors, report.html, into this folder (needs the extra export).",
)
@click.option("--against", metavar="MODEL", help="Tell how much better or worse another model is, and how surely.")
@LEXICON
def evaluate(
    model: str,
    dataset: str,
    as_json: bool,
    threads: int,
    report: Path | None,
    against: str | None,
    lexicon: str | None,
) -> None:
    """Measure MODEL (a shipped bundle, or a path to one) on DATASET.

    Models of single characters are measured by accuracy, models of lines by character and word error rate; on pages
    (whose texts have line ends, a backslash and an n) so are both, with the finding of lines and their order. DATASET
    is a folder or zip with labels.tsv, or with one folder of pictures for each character, Keras' mnist.npz (its test
    half is used), or an idx3 file of images with its labels beside it.
    """
    bundle, samples = open_bundle(model), open_dataset(dataset)
    if lexicon is not None and bundle.metadata.task != "line":
        raise UsageError(f"--lexicon is for models of whole lines; {bundle.metadata.name} reads single glyphs")
    language = None if lexicon is None else open_language_model(lexicon)
    other = None if against is None else open_bundle(against)
    terminal = Console(stderr=True)
    follow = partial(track, description="reading", console=terminal, transient=True, disable=not terminal.is_terminal)
    if is_of_pages(samples):
        if report is not None:
            raise UsageError("--report shows single characters and lines, and this dataset is of pages")
        if other is not None:
            raise UsageError("--against compares what is made of single characters or lines: this dataset is of pages")
        pages = evaluate_pages(bundle, samples, threads=threads, lexicon=language, follow=follow)
        _print(pages.to_json() if as_json else _rows_of_pages(pages))
        return
    check_crops(samples)
    if other is not None:
        check_comparable(samples, bundle, other, language)
    write_report = None
    if report is not None:
        folder = Path(dataset).resolve()
        # Of one that names its pictures, others beside them are not read.
        if report.resolve() == folder or (report.resolve().is_relative_to(folder) and not (folder / LABELS).is_file()):
            raise UsageError(
                f"--report {report}: is in the dataset, whose pictures it may write over or become: name another folder"
            )
        if not (report / "report.html").exists() and any(report.glob("*.png")):
            raise UsageError(f"--report {report}: holds pictures of another making: name another folder")
        # Before the work: it may not be installed.
        write_report = partial(_load_report_writer(bundle.metadata.task), report, bundle, samples)
        report.mkdir(parents=True, exist_ok=True)

    def read(by: Bundle) -> LinePredictions | Predictions:
        if by.metadata.task == "line":
            return predict_lines(by, samples, threads=threads, lexicon=language, follow=follow)
        return predict(by, samples, threads=threads, follow=follow)

    predictions = read(bundle)
    apart = None
    if other is not None:
        # Two files of one name are told apart by where they are.
        name = str(against) if other.metadata.name == bundle.metadata.name else other.metadata.name
        apart = difference(samples, bundle, predictions, other, read(other), name=name)
    found = (
        summarise_lines(bundle, samples, predictions)
        if isinstance(predictions, LinePredictions)
        else summarise(bundle, samples, predictions)
    )
    if as_json:
        _print(found.to_json() | ({} if apart is None else {"against": apart.to_json()}))
    else:
        rows = _rows_of_lines(found) if isinstance(found, LineEvaluation) else _rows_of_glyphs(found)
        _print(rows if apart is None else [*rows, apart.row()])
    if write_report is not None:
        write_report(predictions, apart)  # behind the figures, which took minutes: the disk may be full
        if not as_json:
            click.echo(f"written: {report}/report.html")


def _print(figures: dict[str, Any] | list[tuple[str, str]]) -> None:
    """A JSON object, or the rows of a table."""
    if isinstance(figures, dict):
        click.echo(json.dumps(figures, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in figures:
        table.add_row(name, value)
    Console(highlight=False, markup=False).print(table)


def _rows_of_glyphs(result: Evaluation) -> list[tuple[str, str]]:
    return [
        ("model", f"{result.model}, {result.bytes:,} bytes"),
        ("dataset", f"{result.dataset}, {result.samples:,} samples"),
        ("accuracy", f"{result.accuracy:.2%}"),
        ("ignoring case", f"{result.accuracy_caseless:.2%}"),
        ("among its characters", f"{result.accuracy_within_set:.2%}"),
        ("error", f"{result.error:.2%}, and {result.error_at_95_coverage:.2%} at 95 % coverage"),
        *interval_row("error", result.error_interval),
        ("calibration error", f"{result.ece:.2%}"),
        ("rejected as unsure", f"{result.rejected:.2%}"),
        ("time per sample", f"{result.ms_p50:.3f} ms (median)"),
    ]


def _rows_of_lines(result: LineEvaluation) -> list[tuple[str, str]]:
    outside = f"{result.outside:.2%} of the characters: {result.outside_characters[:20]}"
    return [
        ("model", f"{result.model}, {result.bytes:,} bytes"),
        ("dataset", f"{result.dataset}, {result.samples:,} lines"),
        *([("lexicon", result.lexicon)] if result.lexicon is not None else []),
        ("character errors", f"{result.cer:.2%} (CER), {result.cer_without_blanks:.2%} without blanks"),
        *interval_row("CER", result.cer_interval),
        ("word errors", f"{result.wer:.2%} (WER)"),
        *([("outside its charset", outside)] if result.outside else []),
        ("time per line", f"{result.ms_p50:.2f} ms (median), {result.ms_p90:.2f} ms (90th percentile)"),
    ]


def _rows_of_pages(result: PageEvaluation) -> list[tuple[str, str]]:
    return [
        ("model", f"{result.model}, {result.bytes:,} bytes"),
        ("dataset", f"{result.dataset}, {result.pages:,} pages"),
        *([("lexicon", result.lexicon)] if result.lexicon is not None else []),
        ("lines", f"{result.lines_read:,} read, {result.lines:,} written"),
        ("character errors", f"{result.cer:.2%} (CER)"),
        *interval_row("CER", result.cer_interval),
        ("word errors", f"{result.wer:.2%} (WER)"),
        ("time per page", f"{result.ms_p50:.0f} ms (median), {result.ms_p90:.0f} ms (90th percentile)"),
    ]


def _load_report_writer(task: str) -> Callable[..., None]:
    """The function of the workstation's side, which draws with matplotlib: a Pi has neither, and needs neither.

    It takes the report's folder, the bundle, the dataset, the predictions of models of this task, and how these differ
    from another model's, or None.
    """
    try:
        writer: Callable[..., None] = resolve_name(_REPORT_WRITERS[task])
    except ModuleNotFoundError as error:
        raise RuntimeMissingError(
            f"--report needs {error.name}, not installed: pip install 'edge-hwr[export]'"
        ) from error
    return writer
