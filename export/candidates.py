"""One network in every precision: what each is worth against float, and which of them is exported.

The same for glyphs, which are measured by their accuracy, and for lines, by their character error rate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.status import Status
from rich.table import Table

from edge_hwr.bundle import Bundle, Metadata
from edge_hwr.datasets import Dataset
from edge_hwr.errors import GateError

from .averaging import Part
from .quantize import Method, Precision, convert
from .strip import strip


@dataclass(frozen=True, slots=True)
class Figure:
    """What validation gives by group, 0..1: its key in JSON, and its name. A model loses in `points` of it."""

    key: str
    name: str
    sign: int
    """1 where more is better, -1 where less is."""

    @property
    def points(self) -> str:
        return f"points of {self.name}"


ACCURACY = Figure("accuracy", "accuracy", 1)
CER = Figure("cer", "CER", -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What to export, and how to get to int8: by calibration ("ptq"), by fine-tuning ("qat"), or by the first of them
    that loses no more than `max_drop` points ("auto"). `tests` are datasets to be measured on for the record,
    `average_with` run folders and bundles whose networks are averaged with this one's."""

    precision: Precision
    max_drop: float
    method: Method = "auto"
    tests: Sequence[Path] = ()
    average_with: Sequence[Part] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """How a flatbuffer does on the validation samples: its figure by group, and the median milliseconds of one sample
    on one thread."""

    figures: dict[str, float]
    ms: float

    @property
    def mean(self) -> float:
        """Over the groups."""
        return float(np.mean(list(self.figures.values())))


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A model in one precision, how it did on the validation samples, and the points that it loses to float.

    `flatbuffer` is what ships and was measured, `named` the same as it was converted, with the names of its tensors.
    """

    name: str
    precision: Precision
    model: Any
    named: bytes
    flatbuffer: bytes
    measured: Measurement
    drop: float


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The model in every precision, float32 first, and the one of them that was asked for."""

    figure: Figure
    all: tuple[Candidate, ...]
    chosen: Candidate

    def check(self, max_drop: float) -> None:
        """`GateError` where the chosen one loses more than so many points."""
        if self.chosen.drop > max_drop:
            raise GateError(
                f"{self.chosen.name} loses {self.chosen.drop:.2f} {self.figure.points} to float32, and {max_drop:g} "
                "are allowed: no file written; train longer, or allow more by --max-drop"
            )

    def metrics(self, counts: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
        """For the bundle: figures by precision and group, of so many samples, and the table of precisions."""
        return {
            candidate.precision: {
                f"{group} (validation)": {self.figure.key: round(value, 5), "samples": counts[group]["validation"]}
                for group, value in candidate.measured.figures.items()
            }
            for candidate in self.all
            if candidate.precision != self.chosen.precision or candidate is self.chosen
        } | {"precisions": self.to_json(), "method": "qat" if self.chosen.name.endswith("qat") else "ptq"}

    def to_json(self) -> dict[str, dict[str, float]]:
        """The table of precisions, by name."""
        return {
            candidate.name: {
                "bytes": len(candidate.flatbuffer),
                self.figure.key: round(candidate.measured.mean, 5),
                "drop_points": round(candidate.drop, 3),
                "ms": round(candidate.measured.ms, 4),
            }
            for candidate in self.all
        }

    def table(self) -> Table:
        """The table of precisions, to be printed, in percent."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column(f"{self.figure.name} %")
        for heading in ("bytes", *self.all[0].measured.figures, "mean", "drop", "ms"):
            table.add_column(heading, justify="right")
        for candidate in self.all:
            measured = candidate.measured
            table.add_row(
                candidate.name,
                f"{len(candidate.flatbuffer):,}",
                *(f"{100 * figure:.2f}" for figure in measured.figures.values()),
                f"{100 * measured.mean:.2f}",
                f"{round(candidate.drop, 2) + 0.0:.2f}",
                f"{measured.ms:.3f}",
            )
        return table

    def test(
        self,
        tests: Mapping[str, Dataset],
        metadata: Metadata,
        evaluate: Callable[[Bundle, Dataset], dict[str, Any]],
        console: Console,
    ) -> None:
        """Measure float and the chosen one on datasets, print what they give, and add it to the metadata's metrics."""
        labels = tuple(metadata.charset)
        for candidate in {candidate.precision: candidate for candidate in (self.all[0], self.chosen)}.values():
            flatbuffer = candidate.flatbuffer
            for name, dataset in tests.items():
                bundle = Bundle(Path(metadata.name), len(flatbuffer), flatbuffer, labels, metadata, b"")
                figures = evaluate(bundle, dataset)
                metadata.metrics[candidate.precision][f"{name} (test)"] = figures
                what = "" if self.figure is ACCURACY else f"{self.figure.name} "
                console.print(f"{name} (test), {candidate.precision}: {what}{figures[self.figure.key]:.2%}")


def convert_all(
    model: Any,
    precisions: Sequence[Precision],
    calibration: Sequence[npt.NDArray[np.uint8]] | npt.NDArray[np.uint8],
    figure: Figure,
    options: ExportOptions,
    *,
    measure: Callable[[bytes], Measurement],
    fine_tune: Callable[[], Any],
    status: Status,
    rewrite: Callable[[bytes], bytes] = lambda flatbuffer: flatbuffer,
) -> Candidates:
    """A Keras model in all these precisions, float32 first, each of them measured as it would ship: after `rewrite`.

    `fine_tune` gives the model fine-tuned for int8; it takes minutes, and is called only where `options` ask for it or
    calibration alone loses too much.
    """
    candidates: list[Candidate] = []

    def add(name: str, precision: Precision, model: Any) -> Candidate:
        named = convert(model, precision, calibration)
        flatbuffer = strip(rewrite(named))
        measured = measure(flatbuffer)
        reference = candidates[0].measured if candidates else measured
        drop = 100 * figure.sign * (reference.mean - measured.mean)
        candidates.append(Candidate(name, precision, model, named, flatbuffer, measured, drop))
        return candidates[-1]

    by_precision = {precision: add(precision, precision, model) for precision in precisions}
    chosen = by_precision[options.precision]
    enough = options.method == "ptq" or (options.method == "auto" and chosen.drop <= options.max_drop)
    if options.precision == "int8" and not enough:
        if options.method == "auto":
            status.console.print(
                f"int8 loses {chosen.drop:.2f} {figure.points}, {options.max_drop:g} are allowed: "
                "fine-tuning for minutes (not by --method ptq)"
            )
        status.update("fine-tuning for int8")
        tuned = fine_tune()
        status.update("converting and measuring")
        candidate = add("int8 qat", "int8", tuned)
        if options.method == "qat" or candidate.drop < chosen.drop:
            chosen = candidate
    return Candidates(figure, tuple(candidates), chosen)
