"""A run becomes a bundle: converted in every precision, measured, gated, and written with all that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.status import Status
from rich.table import Table

from edge_hwr.bundle import Bundle, Metadata, open_bundle, write_bundle
from edge_hwr.datasets import Dataset
from edge_hwr.errors import GateError, TrainingError
from edge_hwr.evaluate import check_texts, evaluate
from edge_hwr.preprocess import preprocessing_digest
from edge_hwr.runtime import TfliteModel

from .averaging import check_average, load_averaged
from .batches import sample_glyphs
from .pool import Pool
from .quantize import PRECISIONS, Glyphs, Method, Precision, choose_calibration, choose_int8, convert
from .run_folder import RunFolder
from .sensitivity import TensorNoise, find_noise, plot_noise
from .silence import silenced
from .strip import strip
from .test_sets import open_tests
from .verify import Measurement, choose_golden, fit_confidence, measure

_NOISIEST = 5
"""Tensors that are shown; the run folder has them all."""

_GOLDEN, _GOLDEN_OF_SMALL = 16, 2
"""Golden inputs: of the smallest models they would be a quarter of the file."""

_SMALL = 32 * 1024
"""Bytes of flatbuffer."""

_TRACED = 50
"""Calibration glyphs over which the noise of every tensor is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What to export; `max_drop` is in points of accuracy, `tests` are datasets to be measured on for the record,
    `average_with` run folders or bundles whose networks are averaged with this one's."""

    precision: Precision
    method: Method
    max_drop: float
    tests: Sequence[Path] = ()
    average_with: Sequence[Path] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A model in one precision, how it did on the validation glyphs, and the points of accuracy it loses to float.

    `flatbuffer` is what ships and was measured, `named` the same with the names of its tensors.
    """

    name: str
    precision: Precision
    model: Any
    named: bytes
    flatbuffer: bytes
    measured: Measurement
    drop: float


def export_run(run: RunFolder, out: Path, options: ExportOptions, console: Console) -> Bundle:
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
        candidates, chosen = _convert_all(run, model, pool, validation, calibration, options, status)
    console.print(_table(candidates))
    report: dict[str, Any] = {"precisions": _figures(candidates)}
    if chosen.precision == "int8":
        noise = find_noise(convert(chosen.model, "float32", calibration), chosen.named, calibration[:_TRACED])
        report["noise_db"] = [asdict(item) for item in noise]
        run.save_file(f"export-{out.stem}-noise.png", plot_noise(noise))
        console.print(_noise_table(noise))
    run.save_json(f"export-{out.stem}.json", report)
    if chosen.drop > options.max_drop:
        raise GateError(
            f"{chosen.name} loses {chosen.drop:.2f} points of accuracy to float32, and {options.max_drop:g} are "
            "allowed: no file written; train longer, or allow more by --max-drop"
        )
    metadata = _describe(run, out.stem, chosen, candidates, validation)
    metadata.recipe["averaged_with"] = [other.name for other in options.average_with]
    exported = TfliteModel(chosen.flatbuffer)
    golden = choose_golden(validation, exported, _GOLDEN if len(chosen.flatbuffer) >= _SMALL else _GOLDEN_OF_SMALL)
    outputs = exported.invoke(golden)
    labels = tuple(run.recipe.charset)
    for candidate in {candidate.name: candidate for candidate in (candidates[0], chosen)}.values():
        for name, dataset in tests.items():
            bundle = Bundle(out, len(candidate.flatbuffer), candidate.flatbuffer, labels, metadata, b"")
            figures = _test(bundle, dataset)
            metadata.metrics[candidate.precision][f"{name} (test)"] = figures
            console.print(f"{name} (test), {candidate.precision}: {figures['accuracy']:.2%}")
    write_bundle(out, chosen.flatbuffer, labels, metadata, golden, outputs)
    return open_bundle(out)


def _convert_all(
    run: RunFolder,
    model: Any,
    pool: Pool,
    validation: Pool,
    calibration: Glyphs,
    options: ExportOptions,
    status: Status,
) -> tuple[list[Candidate], Candidate]:
    """The model in every precision, float32 first, and the one of them that was asked for."""
    candidates: list[Candidate] = []

    def add(name: str, precision: Precision, model: Any) -> Candidate:
        named = convert(model, precision, calibration)
        flatbuffer = strip(named)
        measured = measure(flatbuffer, validation)
        reference = candidates[0].measured if candidates else measured
        drop = 100 * (reference.accuracy - measured.accuracy)
        candidates.append(Candidate(name, precision, model, named, flatbuffer, measured, drop))
        return candidates[-1]

    by_precision = {precision: add(precision, precision, model) for precision in PRECISIONS}

    def fine_tune() -> Candidate:
        with silenced():
            from .qat import finetune
        if options.method == "auto":
            lost = f"{by_precision['int8'].drop:.2f} points of accuracy"
            status.console.print(
                f"int8 loses {lost}, {options.max_drop:g} are allowed: fine-tuning for minutes (not by --method ptq)"
            )
        status.update("fine-tuning for int8")
        tuned = finetune(model, run.recipe, pool, calibration)
        status.update("converting and measuring")
        return add("int8 qat", "int8", tuned)

    chosen = by_precision[options.precision]
    if options.precision == "int8":
        chosen = choose_int8(chosen, options.method, options.max_drop, fine_tune)
    return candidates, chosen


def _describe(
    run: RunFolder, name: str, chosen: Candidate, candidates: Sequence[Candidate], validation: Pool
) -> Metadata:
    """The metadata of the chosen model; its metrics are by precision and dataset, as `edge-hwr models` shows them."""
    confidence = fit_confidence(chosen.measured.scores, validation.labels, keep=run.recipe.export.keep_right)
    counts = validation.describe()
    metrics: dict[str, Any] = {
        candidate.precision: {
            f"{group} (validation)": {"accuracy": round(accuracy, 5), "samples": counts[group]["validation"]}
            for group, accuracy in candidate.measured.accuracies.items()
        }
        for candidate in candidates
        if candidate.precision != chosen.precision or candidate is chosen
    }
    metrics["precisions"] = _figures(candidates)
    metrics["method"] = "qat" if chosen.name.endswith("qat") else "ptq"
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
        precision=chosen.precision,
        metrics=metrics,
        recipe=run.recipe.to_json() | {"trained_epochs": best.get("epoch")},
        versions=run.record["versions"],
    )


def _figures(candidates: Sequence[Candidate]) -> dict[str, dict[str, float]]:
    """The table of precisions, by name."""
    return {
        candidate.name: {
            "bytes": len(candidate.flatbuffer),
            "accuracy": round(candidate.measured.accuracy, 5),
            "drop_points": round(candidate.drop, 3),
            "ms": round(candidate.measured.ms, 4),
        }
        for candidate in candidates
    }


def _test(bundle: Bundle, dataset: Dataset) -> dict[str, Any]:
    result = evaluate(bundle, dataset)
    return {
        "accuracy": round(result.accuracy, 5),
        "samples": result.samples,
        "ece": round(result.ece, 5),
        "rejected": round(result.rejected, 5),
    }


def _table(candidates: Sequence[Candidate]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    groups = list(candidates[0].measured.accuracies)
    table.add_column("precision")
    for heading in ("bytes", *groups, "mean", "drop", "ms"):
        table.add_column(heading, justify="right")
    for candidate in candidates:
        measured = candidate.measured
        accuracies = [f"{100 * measured.accuracies[group]:.2f}" for group in groups]
        table.add_row(
            candidate.name,
            f"{len(candidate.flatbuffer):,}",
            *accuracies,
            f"{100 * measured.accuracy:.2f}",
            f"{round(candidate.drop, 2) + 0.0:.2f}",
            f"{measured.ms:.3f}",
        )
    return table


def _noise_table(noise: Sequence[TensorNoise]) -> Table:
    """The noisiest tensors, worst first."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("noisiest in int8")
    table.add_column("")
    table.add_column("SQNR dB", justify="right")
    for item in noise[:_NOISIEST]:
        table.add_row(item.layer, item.kind, f"{item.sqnr_db:.1f}")
    return table
