"""The page of a comparison, docs/baselines.md: written by `edge-hwr compare --markdown`, never by hand."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from textwrap import fill
from typing import Any

from edge_hwr.bundle import shipped_bundles

from .comparison import ComparedModel


@dataclass(frozen=True, slots=True)
class Setting:
    """What was compared: the dataset measured on and its size, and the recipe whose glyphs were learned from, with how
    many were asked for and drawn, of how many that the recipe draws, by which seed."""

    dataset: str
    dataset_samples: int
    recipe: str
    samples_wanted: int
    training_samples: int
    training_available: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def describe(self) -> str:
        """One line for people."""
        return (
            f"Measured on {self.dataset_samples:,} samples of {Path(self.dataset).name}; the classical models learned "
            f"from {self.training_samples:,} of the {self.training_available:,} training glyphs of {self.recipe}."
        )


def render_comparison(models: Sequence[ComparedModel], setting: Setting, page: Path, chart: Path | None) -> str:
    """The page in Markdown, for a file at `page` that shows the chart at `chart`."""
    bundles = [model.name for model in models if model.training_seconds is None]
    command = [
        f"edge-hwr compare {Path(setting.dataset).name} --data DATA --recipe {setting.recipe}",
        *(f"--model {name}{'' if name in shipped_bundles() else '.tflite'}" for name in bundles),
        f"--samples {setting.samples_wanted} --seed {setting.seed}",
    ]
    picture = f"\n![the same as bars]({Path(os.path.relpath(chart, page.parent)).as_posix()})\n" if chart else ""
    return _PAGE.substitute(
        command=" ".join(command),
        rows="\n".join(map(_row, models)),
        chart=picture,
        notes=fill(f"{setting.describe()} {_NOTES}({platform.machine()}).", 120),
    )


def _row(model: ComparedModel) -> str:
    training = "-" if model.training_seconds is None else f"{model.training_seconds:,.0f} s"
    return f"| {model.name} ({model.settings}) | {model.accuracy:.2%} | {model.bytes:,} | {model.ms:.3f} | {training} |"


_PAGE = Template("""\
# Beside classical methods

What an SVM, a random forest, a decision tree and a plain neural network make of the same glyphs. Written by
`edge-hwr compare --markdown`:

```
$command
```

| model | accuracy | bytes | ms a glyph | training |
|---|---:|---:|---:|---:|
$rows
$chart
$notes
""")

_NOTES = (
    "They see what the network sees, the 28x28 tensors of `preprocess_glyphs`, and are scikit-learn's with its "
    "defaults but for what stands in brackets; nothing was tuned on the test data. Bytes are those of the "
    "bundle's file, with its metadata, and of the model's pickle. A glyph's time is the processor's, the median "
    "of single ones, from tensor to class; finding the glyph and preparing it costs all of them the same. "
    "Training is in seconds of one core "
)
