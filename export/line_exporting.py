"""A run of a line model becomes a bundle: converted in every precision, measured, gated, and written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from edge_hwr.bundle import Bundle, Metadata, open_bundle, write_bundle
from edge_hwr.datasets import Dataset
from edge_hwr.errors import UsageError
from edge_hwr.evaluate_lines import evaluate_lines
from edge_hwr.line_preprocess import line_preprocessing_digest
from edge_hwr.line_runtime import LineModel

from .averaging import check_average, load_averaged
from .blank_offset import add_to_blank, fit_blank_offset
from .candidates import CER, Candidates, ExportOptions, convert_all
from .column_blocks import block_columns
from .line_batches import sample_lines
from .line_pool import LinePool
from .line_verify import fit_line_temperature, measure_lines
from .quantize import PRECISIONS, Precision, stratify
from .run_folder import LineRun
from .score_floor import with_floor
from .silence import silenced
from .test_sets import open_tests

Line = npt.NDArray[np.uint8]

_GOLDEN = 2
_GOLDEN_TRIES = 100
_GOLDEN_WIDTH = 192
"""Columns of a golden line: the scores of whole lines would be a tenth of the file."""


def export_line_run(run: LineRun, out: Path, options: ExportOptions, console: Console) -> Bundle:
    """Export the best model of a run to a bundle at `out`; the bundle's name is the file's stem.

    The character error rate is the mean over the groups of the validation lines, read without a language model.
    `GateError`, and nothing written to `out`, when the wanted precision loses more than `max_drop` points of it against
    float. What was measured is kept in the run folder as `export-NAME.json`.
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
        averaged = load_averaged(run, options.average_with, sample_lines(pool, run.recipe.seed))
        offset = fit_blank_offset(averaged, pool, run.recipe.charset)
        add_to_blank(averaged, offset)
        model = with_floor(averaged, calibration)
        candidates = convert_all(
            model,
            precisions,
            calibration,
            CER,
            options,
            measure=lambda flatbuffer: measure_lines(flatbuffer, pool, run.recipe.charset),
            fine_tune=lambda: _fine_tune(model, run, pool, calibration),
            status=status,
            rewrite=block_columns,
        )
    chosen = candidates.chosen
    console.print(candidates.table())
    if offset:
        console.print(f"the blank's scores were moved by {offset:.1f}, by which validation lines are read best")
    run.save_json(f"export-{out.stem}.json", {"precisions": candidates.to_json()})
    candidates.check(options.max_drop)
    metadata = _describe(run, out.stem, candidates, pool)
    metadata.recipe["averaged_with"] = [str(part) for part in options.average_with]
    metadata.recipe["blank_offset"] = offset
    candidates.test(tests, metadata, _test, console)
    exported = LineModel(chosen.flatbuffer)
    golden = _choose_golden(pool, exported)
    outputs = np.stack([exported.invoke(line[np.newaxis]) for line in golden])
    write_bundle(out, chosen.flatbuffer, tuple(run.recipe.charset), metadata, golden, outputs)
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


def _fine_tune(model: Any, run: LineRun, pool: LinePool, calibration: Sequence[Line]) -> Any:
    with silenced():
        from .line_qat import finetune_lines
    return finetune_lines(model, run.recipe, pool, calibration)


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


def _describe(run: LineRun, name: str, candidates: Candidates, pool: LinePool) -> Metadata:
    """The metadata of the chosen model; its metrics are by precision and dataset, as `edge-hwr models` shows them."""
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
        temperature=fit_line_temperature(candidates.chosen.flatbuffer, pool, run.recipe.charset),
        reject_below=0.0,
        precision=candidates.chosen.precision,
        metrics=candidates.metrics(pool.describe()),
        recipe=run.recipe.to_json() | {"trained_epochs": best.get("epoch")},
        versions=run.record["versions"],
    )


def _test(bundle: Bundle, dataset: Dataset) -> dict[str, Any]:
    result = evaluate_lines(bundle, dataset)
    return {"cer": round(result.cer, 5), "wer": round(result.wer, 5), "samples": result.samples}
