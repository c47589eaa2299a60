"""`edge-hwr rasterise` and `edge-hwr compare`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from edge_hwr.bundle import open_bundle
from edge_hwr.datasets import open_crops
from edge_hwr.errors import RecipeError, UsageError
from edge_hwr.files import write_atomically

from .data import find_sources
from .rasterise import CHARACTER_SETS, WRITERS, CharacterSet, Writers, choose_drawings, write_rasterised
from .recipe import Recipe, load_recipe
from .strokes import load_strokes

if TYPE_CHECKING:
    from .comparison import ComparedModel
    from .comparison_page import Setting


@click.command()
@click.argument("strokes", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--characters", type=click.Choice(CHARACTER_SETS), default="all", show_default=True)
@click.option(
    "--writers",
    type=click.Choice(WRITERS),
    default="test",
    show_default=True,
    help="Those held out for tests, those to train on, or all.",
)
def rasterise(strokes: Path, out: Path, characters: CharacterSet, writers: Writers) -> None:
    """Draw recorded pen strokes as a dataset for evaluate.

    STROKES is a file of UNIPEN characters or lines (chars_strokes.npz, lines_strokes.npz), OUT a dataset zip. All are
    drawn with one plain pen, dark on light paper; the same call gives the same file.
    """
    if out.suffix != ".zip":
        raise UsageError(f"{out}: a dataset of drawings is called NAME.zip")
    if out.resolve() == strokes.resolve():
        raise UsageError(f"{out}: holds the strokes, and would be written over: name another file")
    if not out.parent.is_dir():
        raise UsageError(f"{out}: there is no folder {out.parent}: make it first")
    recorded = load_strokes(strokes)
    drawings = choose_drawings(recorded, characters, writers).tolist()
    terminal = Console(stderr=True)
    watched = track(drawings, "drawing", console=terminal, transient=True, disable=not terminal.is_terminal)
    click.echo(f"{out}: {write_rasterised(out, recorded, watched):,} drawings")


@click.command()
@click.argument("dataset")
@click.option("--data", multiple=True, type=click.Path(path_type=Path), help="Where data are; may be repeated.")
@click.option("--recipe", default="digits", show_default=True, help="Whose training glyphs are drawn.")
@click.option("--model", "models", multiple=True, metavar="M", help="Bundle to set beside them; may be repeated.")
@click.option("--samples", type=click.IntRange(100), default=20000, show_default=True, help="Glyphs to train on.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--chart", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png", help="Draw a chart.")
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.md", help="Write a page.")
def compare(
    dataset: str,
    data: tuple[Path, ...],
    recipe: str,
    models: tuple[str, ...],
    samples: int,
    seed: int,
    as_json: bool,
    chart: Path | None,
    markdown: Path | None,
) -> None:
    """Train classical models and measure them, and bundles, on DATASET.

    An SVM, a random forest, a decision tree and a plain neural network (scikit-learn) learn from the glyphs that a
    recipe's network learns from, drawn from --data as `edge-hwr train` does (MNIST is downloaded where the recipe wants
    it and --data has none), so many of them as --samples says. DATASET is what `edge-hwr evaluate` takes.
    """
    from .baselines import draw_sample  # scikit-learn takes a second to load, and only this command needs it
    from .comparison import check_charset, compare_baselines, compare_bundles, draw_comparison
    from .comparison_page import Setting, render_comparison

    wanted, bundles, tested = load_recipe(recipe), [open_bundle(model) for model in models], open_crops(dataset)
    if not isinstance(wanted, Recipe):
        raise RecipeError(f"recipe {wanted.name}: of a model of lines, and classical models read single glyphs")
    check_charset(tested, wanted.charset, wanted.name)
    if chart and chart.suffix != ".png":
        raise UsageError(f"--chart {chart}: a chart is called NAME.png")
    if markdown and markdown.suffix != ".md":
        raise UsageError(f"--markdown {markdown}: a page is called NAME.md")
    for file in filter(None, (chart, markdown)):
        if file.resolve().is_relative_to(Path(dataset).resolve()):
            raise UsageError(f"{file}: lies in the dataset, whose files may be written over: name another folder")
        file.parent.mkdir(parents=True, exist_ok=True)  # before the work, which takes minutes
    sources, _ = find_sources(wanted, data)
    terminal = Console(stderr=True)
    with terminal.status("measuring bundles") as status:
        compared = list(compare_bundles(bundles, tested))
        status.stop()
        sample = draw_sample(sources, samples, seed=seed)
        status.update("training classical models, which takes minutes")
        status.start()
        compared += compare_baselines(sample, wanted.charset, tested, seed=seed)
    compared.sort(key=lambda model: -model.accuracy)
    named = Path(recipe).name  # of a file with its suffix: the command that the page shows is one that works
    setting = Setting(tested.name, len(tested), named, samples, len(sample.labels), sample.available, seed)
    _print_compared(compared, setting, as_json=as_json)
    # Behind the figures, which took minutes: the disk may be full.
    if chart:
        write_atomically(chart, draw_comparison(compared))
    if markdown:
        write_atomically(markdown, render_comparison(compared, setting, markdown, chart).encode())


def _print_compared(compared: Sequence[ComparedModel], setting: Setting, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**setting.to_json(), "models": [model.to_json() for model in compared]}))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model")
    for heading in ("accuracy", "bytes", "ms", "training"):
        table.add_column(heading, justify="right")
    for model in compared:
        training = "" if model.training_seconds is None else f"{model.training_seconds:,.1f} s"
        table.add_row(model.name, f"{model.accuracy:.2%}", f"{model.bytes:,}", f"{model.ms:.3f}", training)
    console = Console(highlight=False, markup=False)
    console.print(table)
    console.print(setting.describe())
