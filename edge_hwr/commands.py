"""The sub-commands `read` and `models`, which both sides have."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from edge_hwr.advice import advise
from edge_hwr.annotate import annotate
from edge_hwr.bundle import Bundle, Metadata, open_bundle, shipped_bundles
from edge_hwr.errors import PictureError, UsageError
from edge_hwr.files import shown
from edge_hwr.option_types import LEXICON
from edge_hwr.picture import read_colour_picture, read_picture, write_picture
from edge_hwr.reader import Reader
from edge_hwr.reading import Reading

_SHOWN = 20
"""Characters of a model that are listed; of more, their number is told."""


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--model", default="digits", show_default=True, metavar="M", help="A shipped bundle, or a path to one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each image, on a line of its own.")
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
@LEXICON
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
            reading = _read(reader, image)
            if as_json:
                click.echo(json.dumps({"image": shown(image), **reading.to_json()}, ensure_ascii=False))
            else:
                advice = advise(reading, model, held=reader.held_to_words)
                _print_reading(image, reading, advice, headed=len(images) > 1)
            sys.stdout.flush()
            if annotated is not None:  # what was read is not lost where this cannot be written
                write_picture(annotated / name, annotate(read_colour_picture(image), reading))
        except PictureError as error:
            click.echo(f"edge-hwr: error: {error}", err=True)
            failed = True
    return 1 if failed else 0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each model, on a line of its own.")
def models(as_json: bool) -> None:
    """List the models that ship, with size and accuracy."""
    bundles = [open_bundle(name) for name in shipped_bundles()]
    if as_json:
        for bundle in bundles:
            click.echo(json.dumps(_describe(bundle), ensure_ascii=False))
        return
    caption = "validation sets, where it says no other; --json has all there is"
    table = Table(box=None, pad_edge=False, header_style="bold", caption=caption, caption_justify="left")
    for heading in ("model", "task", "bytes", "charset", "accuracy"):
        table.add_column(heading, justify="right" if heading == "bytes" else "left", overflow="fold")
    for bundle in bundles:
        metadata = bundle.metadata
        table.add_row(
            metadata.name,
            metadata.task,
            f"{bundle.size:,}",
            metadata.charset if len(metadata.charset) <= _SHOWN else f"{len(metadata.charset)} characters",
            _accuracies(metadata),
        )
    Console(highlight=False, markup=False).print(table)


def _read(reader: Reader, image: str) -> Reading:
    picture = read_picture(image)
    try:
        return reader.read(picture)
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
    """What was measured of the model's own precision: one "99.70% dataset", or "CER 5.10% dataset", a line."""
    measured = metadata.metrics.get(metadata.precision, {})
    return "\n".join(
        (f"{values['accuracy']:.2%}" if "accuracy" in values else f"CER {values['cer']:.2%}")
        + " "
        + name.removesuffix(" (validation)")
        for name, values in measured.items()
    )
