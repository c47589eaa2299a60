"""`edge-hwr train` and `edge-hwr export`."""

from __future__ import annotations

import dataclasses
import logging
import os
import shlex
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import click
from rich.console import Console

from edge_hwr.errors import TrainingError, UsageError
from edge_hwr.files import shown
from edge_hwr.line_preprocess import LinePreprocessing
from edge_hwr.option_types import FiniteRange
from edge_hwr.preprocess import GlyphPreprocessing

from .averaging import Part
from .backend import check_that_it_exports, check_that_it_trains
from .candidates import ExportOptions
from .data import check_held_out, find_sources
from .drawn_elsewhere import take_drawn
from .exporting import export_run
from .line_data import find_line_sources
from .line_exporting import export_line_run
from .line_pool import LinePool, draw_line_pool
from .line_recipe import LineRecipe, LineTrainingRecipe
from .pool import Pool, check_validation, draw_pool
from .quantize import PRECISIONS, Method, Precision
from .recipe import Recipe, TrainingRecipe, load_recipe
from .recipe_checks import require
from .run_files import RunFiles, kept_from_others
from .run_folder import GlyphRun, LineRun, open_line_run, open_run, start_line_run, start_run
from .run_record import read_record
from .silence import silenced

Pace = TypeVar("Pace", TrainingRecipe, LineTrainingRecipe)
AnyRecipe = TypeVar("AnyRecipe", Recipe, LineRecipe)
AnyPool = TypeVar("AnyPool", Pool, LinePool)

_MOST_WORKERS = 256
"""Processes: each takes a hundred megabytes, and no machine that trains has many more cores."""


@click.command()
@click.argument("recipe")
@click.option("--data", "data", multiple=True, type=click.Path(path_type=Path), help="Where data are; may be repeated.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder  [default: runs/RECIPE]")
@click.option("--minutes", type=float, help="Train for so long instead of the recipe's epochs.")
@click.option("--epochs", type=int, help="Train for so many epochs instead of the recipe's.")
@click.option("--seed", type=int, help="Instead of the recipe's seed.")
@click.option("--start-from", type=click.Path(path_type=Path), help="Begin with this run's or bundle's weights.")
@click.option("--drawn-in", type=click.Path(path_type=Path), help="Learn from what this run drew, instead of drawing.")
@click.option(
    "--workers", type=click.IntRange(1, _MOST_WORKERS), default=os.cpu_count() or 1, help="Processes that draw."
)
def train(
    recipe: str,
    data: tuple[Path, ...],
    out: Path | None,
    minutes: float | None,
    epochs: int | None,
    seed: int | None,
    start_from: Path | None,
    drawn_in: Path | None,
    workers: int,
) -> None:
    """Train the model of RECIPE, a shipped recipe's name or a .toml file.

    DATA are dataset folders or zips (labels.tsv, or a folder for each character), mnist.npz, UNIPEN strokes, folders of
    fonts and of texts, or a folder that holds mnist/mnist.npz, unipen/*_strokes.npz and banq_lines/train.zip. A run
    folder that exists is continued.
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    wanted = load_recipe(recipe)
    check_that_it_trains()
    console = Console(markup=False)
    folder = out or Path("runs") / wanted.name
    try:
        if isinstance(wanted, LineRecipe):
            wanted = _as_asked(wanted, epochs, minutes, seed, start_from)
            _train_lines(wanted, data, folder, drawn_in, workers, console)
        else:
            wanted = _as_asked(wanted, epochs, minutes, seed, start_from)
            _train_glyphs(wanted, data, folder, drawn_in, workers, console)
    except KeyboardInterrupt:
        if folder.is_dir():
            click.echo(f"interrupted: the same command goes on with what is in {shown(folder)}", err=True)
        raise


def _as_asked(
    wanted: AnyRecipe, epochs: int | None, minutes: float | None, seed: int | None, start_from: Path | None
) -> AnyRecipe:
    """The recipe with what the command line says otherwise."""
    pace = _paced(wanted.training, epochs, minutes)
    if start_from is not None:
        pace = dataclasses.replace(pace, start_from=str(start_from))
    return dataclasses.replace(wanted, training=pace, seed=wanted.seed if seed is None else seed)


def _paced(pace: Pace, epochs: int | None, minutes: float | None) -> Pace:
    if epochs is not None and minutes is not None:
        raise UsageError("--epochs and --minutes: both say when a training ends: give one of them")
    if epochs is not None:
        pace = dataclasses.replace(pace, epochs=epochs, minutes=0.0)
    if minutes is None:
        return pace
    require(minutes != 0, "minutes", "a number, more than 0")  # which in a recipe stands for its epochs
    return dataclasses.replace(pace, minutes=minutes)


def _train_glyphs(
    wanted: Recipe, data: tuple[Path, ...], out: Path, drawn_in: Path | None, workers: int, console: Console
) -> None:
    sources, files = find_sources(wanted, data)
    with kept_from_others(out):
        run = start_run(out, wanted, GlyphPreprocessing(), files)

        def draw() -> Pool:
            check_held_out(sources)
            pool = draw_pool(sources, run.preprocessing, seed=wanted.seed, workers=workers)
            check_validation(pool)
            return pool

        def load(path: Path) -> Pool:
            return Pool.load(path, len(wanted.charset))

        _check_lenders("training", run)
        outcome = _training("training").train(run, _pool(run, load, draw, drawn_in, console), console)
    _print_end(outcome.epochs, outcome.best_epoch, run.path, wanted.name, console)


def _train_lines(
    wanted: LineRecipe, data: tuple[Path, ...], out: Path, drawn_in: Path | None, workers: int, console: Console
) -> None:
    if wanted.training.keep_stages and not wanted.training.start_from:
        raise UsageError("keep_stages keeps the stages of another model: say which by --start-from")
    if wanted.training.hold_norms and not wanted.training.start_from:
        raise UsageError("hold_norms holds the batch norms of another model: say which by --start-from")
    sources, files = find_line_sources(wanted, data)
    with kept_from_others(out):
        run = start_line_run(out, wanted, LinePreprocessing(), files)

        def draw() -> LinePool:
            return draw_line_pool(sources, run.preprocessing, seed=wanted.seed, workers=workers)

        def load(path: Path) -> LinePool:
            return LinePool.load(path, wanted.charset)

        _check_lenders("line_training", run)
        outcome = _training("line_training").train_lines(run, _pool(run, load, draw, drawn_in, console), console)
    _print_end(outcome.epochs, outcome.best_epoch, run.path, wanted.name, console)


def _training(name: str) -> ModuleType:
    """One of the modules that train, which load TensorFlow for seconds: after all that can be wrong without it."""
    with silenced():
        return import_module(f".{name}", __package__)


def _check_lenders(name: str, run: GlyphRun | LineRun) -> None:
    """Of a training that begins: one that is continued has its weights."""
    lenders = (
        run.recipe.distillation.teachers if isinstance(run, GlyphRun) else bool(run.recipe.training.teacher)
    ) or run.recipe.training.start_from
    if lenders and not run.pool.is_file():
        _training(name).check_lenders(run)


def _pool(
    run: RunFiles,
    load: Callable[[Path], AnyPool],
    draw: Callable[[], AnyPool],
    drawn_in: Path | None,
    console: Console,
) -> AnyPool:
    """What was drawn before, here or in another run, or is drawn now and kept; what is in it is printed."""
    if drawn_in is not None and not run.pool.is_file():
        take_drawn(run, drawn_in)
    if run.pool.is_file():
        pool = load(run.pool)
    else:
        pool = draw()
        pool.save(run.pool)
    _print_groups(pool.describe(), console)
    return pool


def _print_groups(groups: dict[str, dict[str, int]], console: Console) -> None:
    for name, counts in groups.items():
        console.print(f"{name}: {counts['train']} to train on, {counts['validation']} for validation")


def _print_end(epochs: int, best_epoch: int, path: Path, name: str, console: Console) -> None:
    if not best_epoch:
        raise TrainingError(f"{path}: at its end, and no model of it is there: train for longer, in another folder")
    console.print(f"done after {epochs} epochs; the best is of epoch {best_epoch}")
    console.print(f"next: edge-hwr export {shlex.quote(str(path))} -o {shlex.quote(f'{name}.tflite')}", soft_wrap=True)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The bundle: NAME.tflite")
@click.option("--precision", type=click.Choice(PRECISIONS), default="int8", show_default=True)
@click.option(
    "--method",
    type=click.Choice(["auto", "ptq", "qat"]),
    default="auto",
    show_default=True,
    help="To int8 by calibration (ptq), by fine-tuning (qat), or by the first of them within --max-drop.",
)
@click.option(
    "--max-drop",
    type=FiniteRange(0),
    help="Points of accuracy, or of CER, it may lose to float  [default: the recipe's]",
)
@click.option("--test", "tests", multiple=True, type=click.Path(path_type=Path), help="Dataset to measure on as well.")
@click.option(
    "--average-with",
    multiple=True,
    metavar="PATH[=WEIGHT]",
    help="Take the mean of RUN's weights and those of this run or bundle (it may be what RUN began with), which counts "
    "WEIGHT times as much as RUN  [default: 1]",
)
def export(
    run: Path,
    out: Path,
    precision: Precision,
    method: Method,
    max_drop: float | None,
    tests: tuple[Path, ...],
    average_with: tuple[str, ...],
) -> None:
    """Quantize the best model of RUN, verify it, and write a bundle.

    Prints what every precision costs and is worth on the validation glyphs or lines. Works while the training goes on.
    """
    check_that_it_exports()
    if out.suffix != ".tflite":
        raise UsageError(f"--out {out}: a bundle is called NAME.tflite")
    if shown(out.name) != out.name:
        raise UsageError(f"--out {shown(out)}: the name of a bundle is written into it, and must be UTF-8")
    if method != "auto" and precision != "int8":
        raise UsageError(f"--method {method}: is a way to int8, and --precision is {precision}: leave one of them out")
    # Found out now, not when all has been converted and measured.
    if out.is_dir():
        raise UsageError(f"--out {out}: a folder is in its place: name another file")
    if not (out.parent.is_dir() and os.access(out.parent, os.W_OK)):
        raise UsageError(f"--out {out}: {out.parent} is no folder that can be written to: make it first")
    console = Console(highlight=False, markup=False)
    recipe = read_record(run)[1]
    options = ExportOptions(
        precision=precision,
        method=method,
        max_drop=recipe.export.max_drop if max_drop is None else max_drop,
        tests=tests,
        average_with=[Part.parse(written) for written in average_with],
    )
    if isinstance(recipe, LineRecipe):
        bundle = export_line_run(open_line_run(run), out, options, console)
    else:
        bundle = export_run(open_run(run), out, options, console)
    console.print(f"{out}: {bundle.size:,} bytes, {precision}")
