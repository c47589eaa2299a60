"""A run becomes a bundle: converted in every precision, measured, gated, and written with all that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from edge_hwr.bundle import Bundle, Metadata, open_bundle, write_bundle
from edge_hwr.datasets import Dataset
from edge_hwr.errors import TrainingError
from edge_hwr.evaluate import check_texts, evaluate
from edge_hwr.preprocess import preprocessing_digest
from edge_hwr.runtime import TfliteModel

from .averaging import check_average, load_averaged
from .batches import sample_glyphs
from .candidates import ACCURACY, Candidates, ExportOptions, convert_all
from .pool import Pool
from .quantize import PRECISIONS, Glyphs, choose_calibration, convert
from .run_folder import GlyphRun
from .sensitivity import TensorNoise, find_noise, plot_noise
from .silence import silenced
from .test_sets import open_tests
from .verify import choose_golden, fit_confidence, measure, real_scores

_NOISIEST = 5
"""Tensors that are shown; the run folder has them all."""

_GOLDEN, _GOLDEN_OF_SMALL = 16, 2
"""Golden inputs: of the smallest models they would be a quarter of the file."""

_SMALL = 32 * 1024
"""Bytes of flatbuffer."""

_TRACED = 50
"""Calibration glyphs over which the noise of every tensor is measured."""


def export_run(run: GlyphRun, out: Path, options: ExportOptions, console: Console) -> Bundle:
    """Export the best model of a run to a bundle at `out`; the bundle's name is the file's stem.

    Accuracy is the mean over the labelled groups of the validation glyphs. `GateError`, and nothing written to `out`,
    when the wanted precision loses more than `max_drop` points of it against float. What was measured, and for int8
    the noise of every tensor, is kept in the run folder as `export-NAME.json` and `export-NAME-noise.png`, most of all
    when the gate failed.
    """
    check_average(run, options.average_with)
    tests = open_tests(options.tests)
    for dataset in tests.values():
        check_texts(dataset, run.recipe.charset, out.stem)
    pool = Pool.load(run.drawn_pool(), len(run.recipe.charset))
    validation = pool.select(pool.validation)
    if len(validation) == 0 or not validation.accuracies(validation.labels.astype(np.intp)):
        raise TrainingError(f"{run.pool}: no labelled glyphs for validation: an export of it cannot be verified")
    calibration = choose_calibration(pool, run.recipe.export.calibration, run.recipe.seed)
    with console.status("converting and measuring") as status:
        model = load_averaged(run, options.average_with, sample_glyphs(pool, run.recipe.seed))
        candidates = convert_all(
            model,
            PRECISIONS,
            calibration,
            ACCURACY,
            options,
            measure=lambda flatbuffer: measure(flatbuffer, validation),
            fine_tune=lambda: _fine_tune(model, run, pool, calibration),
            status=status,
        )
    chosen = candidates.chosen
    console.print(candidates.table())
    report: dict[str, Any] = {"precisions": candidates.to_json()}
    if chosen.precision == "int8":
        noise = find_noise(convert(chosen.model, "float32", calibration), chosen.named, calibration[:_TRACED])
        report["noise_db"] = [asdict(item) for item in noise]
        run.save_file(f"export-{out.stem}-noise.png", plot_noise(noise))
        console.print(_noise_table(noise))
    run.save_json(f"export-{out.stem}.json", report)
    candidates.check(options.max_drop)
    metadata = _describe(run, out.stem, candidates, validation)
    metadata.recipe["averaged_with"] = [str(part) for part in options.average_with]
    candidates.test(tests, metadata, _test, console)
    exported = TfliteModel(chosen.flatbuffer)
    golden = choose_golden(validation, exported, _GOLDEN if len(chosen.flatbuffer) >= _SMALL else _GOLDEN_OF_SMALL)
    write_bundle(out, chosen.flatbuffer, tuple(run.recipe.charset), metadata, golden, exported.invoke(golden))
    return open_bundle(out)


def _fine_tune(model: Any, run: GlyphRun, pool: Pool, calibration: Glyphs) -> Any:
    with silenced():
        from .qat import finetune
    return finetune(model, run.recipe, pool, calibration)


def _describe(run: GlyphRun, name: str, candidates: Candidates, validation: Pool) -> Metadata:
    """The metadata of the chosen model; its metrics are by precision and dataset, as `edge-hwr models` shows them."""
    scores = real_scores(candidates.chosen.flatbuffer, validation)
    confidence = fit_confidence(scores, validation.labels, keep=run.recipe.export.keep_right)
    metrics = candidates.metrics(validation.describe())
    metrics["confidence"] = {
        key: value if value is None else round(value, 5) for key, value in asdict(confidence).items()
    }
    best = run.best() or {}
    return Metadata(
        name=name,
        task=run.recipe.task,
        height=run.preprocessing.height,
        width=run.preprocessing.width,
        polarity="white-on-black",
        preprocessing=run.preprocessing.to_json(),
        preprocessing_digest=preprocessing_digest(run.preprocessing),
        charset=run.recipe.charset,
        temperature=confidence.temperature,
        reject_below=confidence.reject_below,
        precision=candidates.chosen.precision,
        metrics=metrics,
        recipe=run.recipe.to_json() | {"trained_epochs": best.get("epoch")},
        versions=run.record["versions"],
    )


def _test(bundle: Bundle, dataset: Dataset) -> dict[str, Any]:
    result = evaluate(bundle, dataset)
    return {
        "accuracy": round(result.accuracy, 5),
        "samples": result.samples,
        "ece": round(result.ece, 5),
        "rejected": round(result.rejected, 5),
    }


def _noise_table(noise: Sequence[TensorNoise]) -> Table:
    """The noisiest tensors, worst first."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("noisiest in int8")
    table.add_column("")
    table.add_column("SQNR dB", justify="right")
    for item in noise[:_NOISIEST]:
        table.add_row(item.layer, item.kind, f"{item.sqnr_db:.1f}")
    return table
