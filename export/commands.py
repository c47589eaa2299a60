"""`edge-hwr train` and `edge-hwr export`."""

from __future__ import annotations

import dataclasses
import logging
import os
from pathlib import Path

import click
from rich.console import Console

from edge_hwr.errors import UsageError
from edge_hwr.preprocess import GlyphPreprocessing

from .data import find_sources
from .exporting import ExportOptions, Method, export_run
from .pool import Pool, draw_pool
from .quantize import PRECISIONS, Precision
from .recipe import load_recipe
from .run_folder import open_run, start_run
from .silence import silenced


@click.command()
@click.argument("recipe")
@click.option("--data", "data", multiple=True, type=click.Path(path_type=Path), help="Where data are; may be repeated.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder  [default: runs/RECIPE]")
@click.option("--minutes", type=float, help="Train for so long instead of the recipe's epochs.")
@click.option("--epochs", type=int, help="Train for so many epochs instead of the recipe's.")
@click.option("--seed", type=int, help="Instead of the recipe's seed.")
@click.option("--start-from", type=click.Path(path_type=Path), help="Begin with the weights of this run's best model.")
@click.option("--workers", type=click.IntRange(1), default=os.cpu_count() or 1, help="Processes that draw glyphs.")
def train(
    recipe: str,
    data: tuple[Path, ...],
    out: Path | None,
    minutes: float | None,
    epochs: int | None,
    seed: int | None,
    start_from: Path | None,
    workers: int,
) -> None:
    """Train the model of RECIPE, a shipped recipe's name or a .toml file.

    DATA are dataset folders or zips (labels.tsv), mnist.npz, UNIPEN strokes, folders of fonts, or a folder that holds
    them. A run folder that exists is continued.
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    wanted = load_recipe(recipe)
    pace = wanted.training
    if epochs is not None:
        pace = dataclasses.replace(pace, epochs=epochs, minutes=0.0)
    if minutes is not None:
        pace = dataclasses.replace(pace, minutes=minutes)
    if start_from is not None:
        open_run(start_from)  # that it is one should be known before the drawing, which takes minutes
        pace = dataclasses.replace(pace, start_from=str(start_from))
    wanted = dataclasses.replace(wanted, training=pace, seed=wanted.seed if seed is None else seed)
    sources, files = find_sources(wanted, data)
    run = start_run(out or Path("runs") / wanted.name, wanted, GlyphPreprocessing(), files)
    console = Console()
    if run.pool.is_file():
        pool = Pool.load(run.pool)
    else:
        pool = draw_pool(sources, run.preprocessing, seed=wanted.seed, workers=workers)
        pool.save(run.pool)
    for name, counts in pool.describe().items():
        console.print(f"{name}: {counts['train']} to train on, {counts['validation']} for validation")
    with silenced():  # TensorFlow takes seconds to load: after all that can be wrong
        from .training import train as train_network

    outcome = train_network(run, pool, console)
    console.print(f"done after {outcome.epochs} epochs; the best is of epoch {outcome.best_epoch}")
    console.print(f"next: edge-hwr export {run.path} -o {wanted.name}.tflite")


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
    "--max-drop", type=click.FloatRange(0), help="Points of accuracy it may lose to float  [default: the recipe's]"
)
@click.option("--test", "tests", multiple=True, type=click.Path(path_type=Path), help="Dataset to measure on as well.")
def export(
    run: Path, out: Path, precision: Precision, method: Method, max_drop: float | None, tests: tuple[Path, ...]
) -> None:
    """Quantize the best model of RUN, verify it, and write a bundle.

    Prints what every precision costs and is worth on the validation glyphs. Works while the training goes on.
    """
    if out.suffix != ".tflite":
        raise UsageError(f"--out {out}: a bundle is called NAME.tflite")
    opened = open_run(run)
    allowed = opened.recipe.export.max_drop if max_drop is None else max_drop
    console = Console(highlight=False)
    options = ExportOptions(precision=precision, method=method, max_drop=allowed, tests=tests)
    bundle = export_run(opened, out, options, console)
    console.print(f"{out}: {bundle.size:,} bytes, {precision}")
