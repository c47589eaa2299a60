"""A run of a line model becomes a bundle: converted in every precision, measured, gated, and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.status import Status
from rich.table import Table

from edge_hwr.bundle import Bundle, Metadata, open_bundle, write_bundle
from edge_hwr.datasets import Dataset
from edge_hwr.errors import GateError, UsageError
from edge_hwr.evaluate_lines import evaluate_lines
from edge_hwr.line_preprocess import line_preprocessing_digest
from edge_hwr.line_runtime import LineModel

from .averaging import check_average, load_averaged
from .line_batches import sample_lines
from .line_pool import LinePool
from .line_run import LineRun
from .line_verify import LineMeasurement, fit_line_temperature, measure_lines
from .quantize import PRECISIONS, Method, Precision, choose_int8, convert, stratify
from .score_floor import with_floor
from .silence import silenced
from .strip import strip
from .test_sets import open_tests

Line = npt.NDArray[np.uint8]

_GOLDEN = 2
_GOLDEN_TRIES = 100
_GOLDEN_WIDTH = 192
"""Columns of a golden line: the scores of whole lines would be a tenth of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineExportOptions:
    """What to export, and how to get to int8: by calibration ("ptq"), by fine-tuning ("qat"), or by the first of them
    that loses no more than `max_drop` points of CER ("auto"). `tests` are datasets to be measured on for the record,
    `average_with` run folders or bundles whose networks are averaged with this one's."""

    precision: Precision
    max_drop: float
    method: Method = "auto"
    tests: Sequence[Path] = ()
    average_with: Sequence[Path] = ()


@dataclass(frozen=True, slots=True, eq=False)
class LineCandidate:
    """A model in one precision, how it did on the validation lines, and the points of CER it loses to float."""

    name: str
    precision: Precision
    flatbuffer: bytes
    measured: LineMeasurement
    drop: float


def export_line_run(run: LineRun, out: Path, options: LineExportOptions, console: Console) -> Bundle:
    """Export the best model of a run to a bundle at `out`; the bundle's name is the file's stem.

    The character error rate is the mean over the groups of the validation lines, read greedily. `GateError`, and
    nothing written to `out`, when the wanted precision loses more than `max_drop` points of it against float. What was
    measured is kept in the run folder as `export-NAME.json`.
    """
    if options.precision not in (precisions := _precisions(run)):
        raise UsageError(
            f"{run.path}: LSTM layers cannot be {options.precision} in TFLite: "
            f"use --precision {' or '.join(precisions)}"
        )
    check_average(run, options.average_with)
    tests = open_tests(options.tests)
    pool = LinePool.load(run.drawn_pool(), run.recipe.charset)
    calibration = choose_calibration_lines(pool, run.recipe.export.calibration, run.recipe.seed)
    with console.status("converting and measuring") as status:
        model = load_averaged(run, options.average_with, sample_lines(pool, run.recipe.seed))
        candidates, chosen = _convert_all(run, model, pool, calibration, options, status)
    console.print(_table(candidates))
    run.save_json(f"export-{out.stem}.json", {"precisions": _figures(candidates)})
    if chosen.drop > options.max_drop:
        raise GateError(
            f"{chosen.name} loses {chosen.drop:.2f} points of CER to float32, and {options.max_drop:g} are "
            "allowed: no file written; train longer, or allow more by --max-drop"
        )
    metadata = _describe(run, out.stem, chosen, candidates, pool)
    metadata.recipe["averaged_with"] = [other.name for other in options.average_with]
    model, labels = LineModel(chosen.flatbuffer), tuple(run.recipe.charset)
    golden = _choose_golden(pool, model)
    outputs = np.stack([model.invoke(line[np.newaxis]) for line in golden])
    for candidate in {candidate.precision: candidate for candidate in (candidates[0], chosen)}.values():
        for name, dataset in tests.items():
            bundle = Bundle(out, len(candidate.flatbuffer), candidate.flatbuffer, labels, metadata, b"")
            figures = _test(bundle, dataset)
            metadata.metrics[candidate.precision][f"{name} (test)"] = figures
            console.print(f"{name} (test), {candidate.precision}: CER {figures['cer']:.2%}")
    write_bundle(out, chosen.flatbuffer, labels, metadata, golden, outputs)
    return open_bundle(out)


def choose_calibration_lines(pool: LinePool, count: int, seed: int) -> list[Line]:
    """About `count` training lines, as many of each group as there are, padded to one (height, width).

    The result spans exactly 0 to 255, without which the scale of the input would not be 1/255.
    """
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(~pool.validation))
    chosen = rows[stratify(pool.group[rows].astype(np.int64)[:, np.newaxis], count)]
    lines = [_padded(pool.line(row), int(pool.widths[chosen].max())) for row in chosen.tolist()]
    lines[0][0, 0], lines[0][0, -1] = 0, 255
    return lines


def _precisions(run: LineRun) -> tuple[Precision, ...]:
    """In which precisions the network of a run can be exported."""
    return tuple(one for one in PRECISIONS if one != "int8" or not run.recipe.network.recurrent)


def _convert_all(
    run: LineRun,
    network: Any,
    pool: LinePool,
    calibration: Sequence[Line],
    options: LineExportOptions,
    status: Status,
) -> tuple[list[LineCandidate], LineCandidate]:
    """The model in every precision, float32 first, and the one of them that was asked for."""
    candidates: list[LineCandidate] = []

    def add(name: str, precision: Precision, model: Any) -> LineCandidate:
        flatbuffer = strip(convert(model, precision, calibration))
        measured = measure_lines(flatbuffer, pool, run.recipe.charset)
        reference = candidates[0].measured if candidates else measured
        drop = 100 * (measured.cer - reference.cer)
        candidates.append(LineCandidate(name, precision, flatbuffer, measured, drop))
        return candidates[-1]

    model = with_floor(network, calibration)
    by_precision = {precision: add(precision, precision, model) for precision in _precisions(run)}

    def fine_tune() -> LineCandidate:
        with silenced():
            from .line_qat import finetune_lines
        if options.method == "auto":
            lost = f"{by_precision['int8'].drop:.2f} points of CER"
            status.console.print(
                f"int8 loses {lost}, {options.max_drop:g} are allowed: fine-tuning for minutes (not by --method ptq)"
            )
        status.update("fine-tuning for int8")
        tuned = finetune_lines(model, run.recipe, pool, calibration)
        status.update("converting and measuring")
        return add("int8 qat", "int8", tuned)

    chosen = by_precision[options.precision]
    if options.precision == "int8":
        chosen = choose_int8(chosen, options.method, options.max_drop, fine_tune)
    return candidates, chosen


def _choose_golden(pool: LinePool, model: LineModel) -> npt.NDArray[np.uint8]:
    """Golden inputs uint8 (K, height, width, 1): the beginnings of validation lines.

    Of some tries those are taken whose every step is decided by the most: scores differ by a step or two between
    runtimes and processors, and what they decide must not.
    """
    rows = np.flatnonzero(pool.validation)
    tries = rows[stratify(pool.group[rows].astype(np.int64)[:, np.newaxis], _GOLDEN_TRIES)]
    wide = [row for row in tries.tolist() if pool.widths[row] >= _GOLDEN_WIDTH] or tries.tolist()
    lines = [_padded(pool.line(row)[:, :_GOLDEN_WIDTH], _GOLDEN_WIDTH)[..., np.newaxis] for row in wide]
    surest = sorted(lines, key=lambda line: -_least_margin(model.invoke(line[np.newaxis])))
    return np.stack(surest[:_GOLDEN])


def _least_margin(scores: npt.NDArray[Any]) -> float:
    """By how much the best score of a step (steps, classes) is above the second, where that is least."""
    second, best = np.sort(scores.astype(np.float32), axis=1)[:, -2:].T
    return float((best - second).min())


def _padded(line: Line, step: int) -> Line:
    """A copy with bare columns on the right, up to a multiple of `step`."""
    return np.pad(line, ((0, 0), (0, -line.shape[1] % step)))


def _describe(
    run: LineRun, name: str, chosen: LineCandidate, candidates: Sequence[LineCandidate], pool: LinePool
) -> Metadata:
    """The metadata of the chosen model; its metrics are by precision and dataset, as `edge-hwr models` shows them."""
    counts = pool.describe()
    metrics: dict[str, Any] = {
        candidate.precision: {
            f"{group} (validation)": {"cer": round(cer, 5), "samples": counts[group]["validation"]}
            for group, cer in candidate.measured.cers.items()
        }
        for candidate in candidates
        if candidate.precision != chosen.precision or candidate is chosen
    }
    metrics["precisions"] = _figures(candidates)
    metrics["method"] = "qat" if chosen.name.endswith("qat") else "ptq"
    best = run.best() or {}
    return Metadata(
        name=name,
        task=run.recipe.task,
        height=run.preprocessing.height,
        width=None,
        polarity="white-on-black",
        preprocessing=run.preprocessing.to_json(),
        preprocessing_digest=line_preprocessing_digest(run.preprocessing),
        charset=run.recipe.charset,
        temperature=fit_line_temperature(chosen.flatbuffer, pool, run.recipe.charset),
        reject_below=0.0,
        precision=chosen.precision,
        metrics=metrics,
        recipe=run.recipe.to_json() | {"trained_epochs": best.get("epoch")},
        versions=run.record["versions"],
    )


def _figures(candidates: Sequence[LineCandidate]) -> dict[str, dict[str, float]]:
    """The table of precisions, by name."""
    return {
        candidate.name: {
            "bytes": len(candidate.flatbuffer),
            "cer": round(candidate.measured.cer, 5),
            "drop_points": round(candidate.drop, 3),
            "ms": round(candidate.measured.ms, 4),
        }
        for candidate in candidates
    }


def _test(bundle: Bundle, dataset: Dataset) -> dict[str, Any]:
    result = evaluate_lines(bundle, dataset)
    return {"cer": round(result.cer, 5), "wer": round(result.wer, 5), "samples": result.samples}


def _table(candidates: Sequence[LineCandidate]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    groups = list(candidates[0].measured.cers)
    table.add_column("CER %")
    for heading in ("bytes", *groups, "mean", "drop", "ms"):
        table.add_column(heading, justify="right")
    for candidate in candidates:
        measured = candidate.measured
        table.add_row(
            candidate.name,
            f"{len(candidate.flatbuffer):,}",
            *(f"{100 * measured.cers[group]:.2f}" for group in groups),
            f"{100 * measured.cer:.2f}",
            f"{round(candidate.drop, 2) + 0.0:.2f}",
            f"{measured.ms:.2f}",
        )
    return table
