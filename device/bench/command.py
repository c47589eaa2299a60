"""The sub-command `edge-hwr bench`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from rich.console import Console

from edge_hwr.bundle import Bundle
from edge_hwr.datasets import Dataset, open_crops
from edge_hwr.errors import UsageError
from edge_hwr.option_types import FiniteRange
from edge_hwr.reader import Reader
from edge_hwr.runtime import MOST_THREADS

from ..sources import Source, open_source
from .cold import measure_cold_start
from .compare import compare, slower_than
from .formats import print_tables, print_warnings
from .live import measure_live
from .measure import Budget, measure_by_turns
from .option_types import Counts, Share
from .outputs import Outputs
from .pages import describe_pages, drawn_dataset, drawn_page
from .report import (
    SCHEMA,
    Report,
    Series,
    add_overheads,
    describe_machine,
    describe_series,
    load,
    now_in_words,
)
from .soak import soak
from .subject import Subject, check_accuracy, open_subjects
from .sweep import Case, frame_case, sweep
from .tables import difference_table, report_tables
from .watch import BoardWatch, warnings_about

_SECONDS = 10.0
_SEED = 0
_MOST_IN_BATCH = 4096
_WIDE = 160
"""Characters to a line where nobody looks at it through a terminal."""

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--source", metavar="S", help="Read frames of this camera, video or picture (as run does), not drawn ones."
)
@click.option("--data", metavar="DATASET", help="Check the accuracy on this dataset, not on drawn writing.")
@click.option(
    "--seconds",
    type=FiniteRange(min=0.1),
    metavar="S",
    help="How long to measure, besides starts and warm-up.  [default: 10]",
)
@click.option("--runs", type=click.IntRange(min=1), metavar="N", help="Measure each case N times instead.")
@click.option(
    "--threads", type=Counts(MOST_THREADS), metavar="N,...", help="Threads of the model.  [default: 1, and all cores]"
)
@click.option(
    "--batches",
    type=Counts(_MOST_IN_BATCH),
    default="1,8,32",
    show_default=True,
    metavar="N,...",
    help="Of the bare invoke (glyph models).",
)
@click.option(
    "--soak", "minutes", type=FiniteRange(min=0.01), metavar="MINUTES", help="Then read drawn pages on, for so long."
)
@click.option("--json", "json_file", type=_FILE, metavar="FILE", help="Write the report as JSON; - prints it.")
@click.option("--markdown", "markdown_file", type=_FILE, metavar="FILE", help="Write it as Markdown.")
@click.option("--html", "html_file", type=_FILE, metavar="FILE", help="Write it as a page with charts.")
@click.option(
    "--compare", "compared", nargs=2, type=_FILE, metavar="A B", help="Compare two JSON reports; measure nothing."
)
@click.option(
    "--fail-if-slower",
    type=Share(),
    metavar="P%",
    help="With --compare: exit 1 if B is slower by more, or that cannot be told.",
)
def bench(
    models: tuple[str, ...],
    source: str | None,
    data: str | None,
    seconds: float | None,
    runs: int | None,
    threads: tuple[int, ...] | None,
    batches: tuple[int, ...],
    minutes: float | None,
    json_file: Path | None,
    markdown_file: Path | None,
    html_file: Path | None,
    compared: tuple[Path, Path] | None,
    fail_if_slower: float | None,
) -> int:
    """Measure what models cost on this device.

    MODEL is a shipped bundle, a path to one, or a plain .tflite, of which only the invoke is measured; digits by
    default. Several models, for example one network in several precisions, are measured in turns.
    """
    outputs = Outputs(json_file, markdown_file, html_file)
    console = Console(highlight=False, stderr=outputs.printed)
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)  # a log may have lines of any length
    if compared:
        measuring = (source, data, seconds, runs, threads, minutes)
        if models or outputs.paths or any(option is not None for option in measuring):
            raise UsageError("--compare takes two reports, measures and writes nothing: leave all else out")
        return _compare(*compared, fail_if_slower, console)
    if fail_if_slower is not None:
        raise UsageError("--fail-if-slower needs --compare A.json B.json")
    if seconds is not None and runs is not None:
        raise UsageError("give --seconds or --runs, not both")
    if source is not None and minutes is not None:
        raise UsageError("--soak reads drawn pages again and again: leave --source out")
    if not all((source is None or source, data is None or data, *models)):
        raise UsageError("the name of a model, a source or a dataset is empty")
    outputs.check([*(name for name in models if Path(name).is_file()), *filter(None, (source, data))])
    budget = Budget(runs=runs) if runs is not None else Budget(seconds=seconds or _SECONDS)
    report = _measure(
        open_subjects(models or ("digits",)),
        source=None if source is None else open_source(source),
        dataset=None if data is None else open_crops(data),
        budget=budget,
        threads=threads or tuple(sorted({1, len(os.sched_getaffinity(0))})),
        batches=batches,
        minutes=minutes,
    )
    written = outputs.save(report)  # before it is printed, which may fail: whoever reads that may have gone
    print_tables(report_tables(report), console)
    print_warnings(report["warnings"], console)
    return 0 if written else 1


def _measure(
    subjects: list[Subject],
    *,
    source: Source | None,
    dataset: Dataset | None,
    budget: Budget,
    threads: Sequence[int],
    batches: Sequence[int],
    minutes: float | None,
) -> Report:
    bundles = [(subject.name, subject.bundle) for subject in subjects if subject.bundle]
    if not bundles and (source or dataset or minutes):
        raise UsageError("--source, --data and --soak need a bundle: a plain .tflite says nothing about its frames")
    seconds = budget.seconds
    cv2.setNumThreads(1)  # the frame path has one thread; those of the model are its own
    rng = np.random.default_rng(_SEED)
    watch = BoardWatch()
    described = []
    for subject in subjects:
        _tell(f"{subject.name}: cold start and accuracy")
        characters = dataset or (drawn_dataset(subject.bundle) if subject.bundle else None)
        described.append(
            {
                **subject.describe(),
                "cold": measure_cold_start(subject, threads[0]),
                "accuracy": check_accuracy(subject.bundle, characters) if subject.bundle and characters else None,
            }
        )
    series: list[Series] = []
    from_source = None
    cases = sweep(subjects, threads, batches, frames=source is None)
    if source is not None:
        if cases:
            budget = Budget(budget.seconds / 2, budget.runs)  # half for the frames, half for the sweep
        _tell(f"frames of {source.name}")
        live, from_source = _measure_source(source, bundles, threads, budget, rng, watch)
        series += live
    if cases:  # none where a source is read with line models alone
        _tell(f"{len(cases)} cases by turns")
        timings = measure_by_turns([run for _, run in cases], budget, rng, watch.sample)
        series += [describe_series(case, timing) for (case, _), timing in zip(cases, timings, strict=True)]
    add_overheads(series)
    curve = None
    warnings = []
    if minutes is not None:
        _tell(f"soak of {minutes:g} minutes; Ctrl-C ends it early")
        case, run = frame_case(*bundles[0], threads[0])
        curve = {"model": case.model, "threads": case.threads, **soak(run, minutes, watch)}
        if curve["minutes"] < minutes:
            warnings.append(f"the soak was interrupted after {curve['minutes']:.1f} of {minutes:g} minutes")
    board = watch.summary()
    return {
        "schema": SCHEMA,
        "created": now_in_words(),
        "machine": describe_machine(),
        "settings": {
            "seconds": None if budget.runs is not None else seconds,
            "runs": budget.runs,
            "threads": list(threads),
            "batches": list(batches),
            "frames": source.name if source else describe_pages(bundle for _, bundle in bundles),
            "seed": _SEED,
        },
        "board": board,
        "warnings": warnings + warnings_about(board, series),
        "models": described,
        "source": from_source,
        "series": series,
        "soak": curve,
    }


def _measure_source(
    source: Source,
    bundles: Sequence[tuple[str, Bundle]],
    threads: Sequence[int],
    budget: Budget,
    rng: np.random.Generator,
    watch: BoardWatch,
) -> tuple[list[Series], dict[str, Any]]:
    """Series of all bundles and thread counts on the source's frames, and what the source itself did."""
    pairs = [(name, bundle, count) for name, bundle in bundles for count in threads]
    readers = [Reader(bundle, threads=count) for _, bundle, count in pairs]
    run = measure_live(source, readers, budget, rng, drawn_page(readers[0].bundle), watch.sample)
    series = [
        describe_series(
            Case(name, "frame", count, None, glyphs, lines if bundle.metadata.task == "line" else None), timing
        )
        for (name, bundle, count), timing, glyphs, lines in zip(pairs, run.timings, run.glyphs, run.lines, strict=True)
    ]
    facts = {
        "name": source.name,
        "live": source.live,
        "frames": run.frames,
        "dropped": run.dropped,
        "fps": run.frames / run.seconds,
    }
    return series, facts


def _compare(before: Path, after: Path, share: float | None, console: Console) -> int:
    reports = load(before), load(after)
    try:
        differences, missing = compare(*reports)
        warnings = [[str(warning) for warning in report["warnings"]] for report in reports]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"reports {before}, {after}: not whole reports of edge-hwr bench ({error!r})") from error
    print_tables([difference_table(differences, f"{after.name} against {before.name}")], console)
    for path, found in zip((before, after), warnings, strict=True):
        print_warnings([f"{path.name}: {warning}" for warning in found], console)
    print_warnings([f"{case}: in {before.name} alone" for case in missing], console)
    if share is None:
        return 0
    failing = [f"{one.case}: slower by {one.ratio.value - 1:.1%}, more than {share:.0%}"
               for one in slower_than(differences, share)]  # fmt: skip
    # What cannot be told has not passed.
    failing += [f"{one.case}: {one.verdict}: measure for longer" for one in differences if not one.told]
    failing += [f"{case}: not in {after.name}: measure the same cases" for case in missing]
    for line in failing:
        click.echo(f"edge-hwr: error: {line}", err=True)
    return 1 if failing else 0


def _tell(step: str) -> None:
    """A line of progress; a moving one would need a thread, which would be measured too."""
    click.echo(f"bench: {step} …", err=True)
