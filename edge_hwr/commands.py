"""The sub-commands that both sides have: `read`, `models`, `evaluate`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from edge_hwr.advice import advise
from edge_hwr.annotate import annotate
from edge_hwr.bundle import Bundle, Metadata, open_bundle, shipped_bundles
from edge_hwr.datasets import open_crops
from edge_hwr.errors import PictureError, RuntimeMissingError, UsageError
from edge_hwr.evaluate import Evaluation, Predictions, predict, summarise
from edge_hwr.evaluate_lines import LineEvaluation, LinePredictions, predict_lines, summarise_lines
from edge_hwr.files import shown
from edge_hwr.language_model import open_language_model
from edge_hwr.option_types import MOST_THREADS
from edge_hwr.picture import Picture, read_colour_picture, read_picture, write_picture
from edge_hwr.reader import Reader
from edge_hwr.reading import Reading

_REPORT_WRITERS = {
    "glyph": "edge_hwr.export.report:write_report",
    "line": "edge_hwr.export.line_report:write_line_report",
}
"""Known by name only, as the sub-commands are to `edge_hwr.cli`: loaded when a report is asked for."""

_LEXICON = click.option(
    "--lexicon", metavar="NAME|FILE", help="A language model for models of lines: en, fr, or one of your own."
)


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--model", default="digits", show_default=True, metavar="M", help="A shipped bundle, or a path to one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per image and line.")
@click.option(
    "--annotate",
    "annotated",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write each image, with what was read drawn on it, into this folder.",
)
@click.option(
    "--context/--no-context",
    default=None,
    show_default="context",
    help="Let the line tell characters apart that look alike, as O and 0 (glyph models).",
)
@_LEXICON
def read(
    images: tuple[str, ...],
    model: str,
    as_json: bool,
    annotated: Path | None,
    context: bool | None,
    lexicon: str | None,
) -> int:
    """Read the text of pictures: of single characters, or with a line model of whole pages.

    A picture that cannot be read is reported, the others are read all the same; the exit code is 1 then.
    """
    bundle = open_bundle(model)
    if context is not None and bundle.metadata.task == "line":
        raise UsageError(f"--context is for models of glyphs; {bundle.metadata.name} reads whole lines")
    reader = Reader(bundle, context=context is not False, lexicon=lexicon)
    names = _annotated_names(images)
    if annotated is not None:
        annotated.mkdir(parents=True, exist_ok=True)
        _spare(images, [annotated / name for name in names])
    failed = False
    for image, name in zip(images, names, strict=True):
        try:
            picture, reading = _read(reader, image)
            if annotated is not None:
                write_picture(annotated / name, annotate(read_colour_picture(image), reading))
        except PictureError as error:
            click.echo(f"edge-hwr: error: {error}", err=True)
            failed = True
            continue
        if as_json:
            click.echo(json.dumps({"image": shown(image), **reading.to_json()}, ensure_ascii=False))
        else:
            _print_reading(image, reading, advise(reading, picture, model), headed=len(images) > 1)
        sys.stdout.flush()
    return 1 if failed else 0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object per model and line.")
def models(as_json: bool) -> None:
    """List the models that ship, with size and accuracy."""
    bundles = [open_bundle(name) for name in shipped_bundles()]
    if as_json:
        for bundle in bundles:
            click.echo(json.dumps(_describe(bundle), ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("model", "task", "bytes", "precision", "charset", "accuracy"):
        table.add_column(heading, justify="right" if heading == "bytes" else "left", overflow="fold")
    for bundle in bundles:
        metadata = bundle.metadata
        table.add_row(
            metadata.name,
            metadata.task,
            f"{bundle.size:,}",
            metadata.precision,
            metadata.charset,
            _accuracies(metadata),
        )
    Console(highlight=False, markup=False).print(table)


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
@_LEXICON
def evaluate(model: str, dataset: str, as_json: bool, threads: int, report: Path | None, lexicon: str | None) -> None:
    """Measure MODEL (a shipped bundle, or a path to one) on DATASET.

    Models of single characters are measured by accuracy, models of lines by character and word error rate. DATASET is a
    folder or zip with labels.tsv, a folder with one folder of pictures for each character, Keras' mnist.npz (its test
    half is used), or an idx3 file of images with its labels beside it.
    """
    bundle, samples = open_bundle(model), open_crops(dataset)
    write_report = None
    if report is not None:
        if report.resolve() == Path(dataset).resolve():
            raise UsageError(
                f"--report {report}: is the dataset, whose pictures may be written over: name another folder"
            )
        if not (report / "report.html").exists() and any(report.glob("*.png")):
            raise UsageError(f"--report {report}: holds pictures of another making: name another folder")
        # Before the work: it may not be installed.
        write_report = partial(_load_report_writer(bundle.metadata.task), report, bundle, samples)
        report.mkdir(parents=True, exist_ok=True)
    terminal = Console(stderr=True)
    follow = partial(track, description="reading", console=terminal, transient=True, disable=not terminal.is_terminal)
    predictions: LinePredictions | Predictions
    if bundle.metadata.task == "line":
        language = None if lexicon is None else open_language_model(lexicon)
        predictions = predict_lines(bundle, samples, threads=threads, lexicon=language, follow=follow)
        _print_lines(summarise_lines(bundle, samples, predictions), as_json=as_json)
    elif lexicon is not None:
        raise UsageError(f"--lexicon is for models of whole lines; {bundle.metadata.name} reads single glyphs")
    else:
        predictions = predict(bundle, samples, threads=threads, follow=follow)
        _print_glyphs(summarise(bundle, samples, predictions), as_json=as_json)
    if write_report is not None:
        write_report(predictions)  # behind the figures, which took minutes: the disk may be full
        if not as_json:
            click.echo(f"written: {report}/report.html")


def _print_glyphs(result: Evaluation, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(result.to_json(), ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("model", f"{result.model}, {result.bytes:,} bytes")
    table.add_row("dataset", f"{result.dataset}, {result.samples:,} samples")
    table.add_row("accuracy", f"{result.accuracy:.2%}")
    table.add_row("ignoring case", f"{result.accuracy_caseless:.2%}")
    table.add_row("among its characters", f"{result.accuracy_within_set:.2%}")
    table.add_row("error", f"{result.error:.2%}, and {result.error_at_95_coverage:.2%} at 95 % coverage")
    table.add_row("calibration error", f"{result.ece:.2%}")
    table.add_row("rejected as unsure", f"{result.rejected:.2%}")
    table.add_row("time per sample", f"{result.ms_p50:.3f} ms (median)")
    Console(highlight=False, markup=False).print(table)


def _print_lines(result: LineEvaluation, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(result.to_json(), ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("model", f"{result.model}, {result.bytes:,} bytes")
    table.add_row("dataset", f"{result.dataset}, {result.samples:,} lines")
    if result.lexicon is not None:
        table.add_row("lexicon", result.lexicon)
    table.add_row("character errors", f"{result.cer:.2%} (CER), {result.cer_without_blanks:.2%} without blanks")
    table.add_row("word errors", f"{result.wer:.2%} (WER)")
    if result.outside:
        table.add_row(
            "outside its charset", f"{result.outside:.2%} of the characters: {result.outside_characters[:20]}"
        )
    table.add_row("time per line", f"{result.ms_p50:.2f} ms (median), {result.ms_p90:.2f} ms (90th percentile)")
    Console(highlight=False, markup=False).print(table)


def _load_report_writer(task: str) -> Callable[..., None]:
    """The function of the workstation's side, which draws with matplotlib: a Pi has neither, and needs neither.

    It takes the report's folder, the bundle, the dataset, and the predictions of models of this task.
    """
    try:
        writer: Callable[..., None] = resolve_name(_REPORT_WRITERS[task])
    except ModuleNotFoundError as error:
        raise RuntimeMissingError(
            f"--report needs {error.name}, not installed: pip install 'edge-hwr[export]'"
        ) from error
    return writer


def _read(reader: Reader, image: str) -> tuple[Picture, Reading]:
    picture = read_picture(image)
    try:
        return picture, reader.read(picture)
    except PictureError as error:
        raise PictureError(f"{image}: {error}") from error


def _print_reading(image: str, reading: Reading, advice: str, *, headed: bool) -> None:
    if headed:
        click.secho(f"{image}  ({reading.width}x{reading.height}, {reading.ms['total']:.0f} ms)", bold=True)
    if reading.text:
        click.echo(reading.text)
    if advice:
        click.echo(f"{image}: {advice}", err=True)
    if headed:
        click.echo()


def _annotated_names(images: tuple[str, ...]) -> list[str]:
    """A file name for each image: its own, or a numbered one where an image of this run has it already."""
    names: dict[str, None] = {}  # a set that keeps its order
    last: Counter[str] = Counter()
    for image in images:
        stem = name = Path(image).stem
        while name in names:
            last[stem] += 1
            name = f"{stem}-{last[stem] + 1}"
        names[name] = None
    return [f"{name}.jpg" for name in names]


def _spare(images: tuple[str, ...], written: list[Path]) -> None:
    """`UsageError` where a file to be written is one of the images, by whatever path."""
    read = {Path(image).resolve() for image in images}
    for path in written:
        if path.resolve() in read:
            raise UsageError(f"--annotate would write over {path}, which is to be read: choose another folder")


def _describe(bundle: Bundle) -> dict[str, Any]:
    metadata = bundle.metadata
    return {
        "name": metadata.name,
        "task": metadata.task,
        "bytes": bundle.size,
        "charset": metadata.charset,
        "precision": metadata.precision,
        "metrics": metadata.metrics,
    }


def _accuracies(metadata: Metadata) -> str:
    """What was measured of the model's own precision: one "dataset 99.70%", or "dataset CER 5.10%", a line."""
    measured = metadata.metrics.get(metadata.precision, {})
    return "\n".join(
        f"{name} {values['accuracy']:.2%}" if "accuracy" in values else f"{name} CER {values['cer']:.2%}"
        for name, values in measured.items()
    )
