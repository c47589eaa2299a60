"""Teachers: trained networks whose weighted average, an ensemble, tells a student more than the labels do.

They are asked once about every glyph of the pool as it was drawn, and the answers kept in the run folder, or about
each batch as it was augmented. That teaches more, but costs a forward pass of every teacher at every step: measured
against a training step of the `digits` student, 0.35 of one for a teacher of the same size, 1.3 for one of twice the
channels, and 3.3 for a residual network of that width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from edge_hwr.errors import EdgeHwrError, TrainingError

from .arithmetic import HALVED, arithmetic
from .arrays import check_array, read_arrays
from .lending import lender_digest, lender_recipe, load_lender
from .networks import build_network, predict
from .pool import Pool
from .recipe import Recipe
from .run_folder import GlyphRun
from .sources import JUNK
from .verify import fit_temperature, mean_nll

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Weights of the teachers, adding up to 1, of their calibrated logits, and the temperature of their average."""

    weights: tuple[float, ...]
    temperature: float

    def combine(self, logits: Sequence[Logits]) -> Logits:
        """The ensemble's logits (N, classes) from those of its members."""
        total = sum(weight * part for weight, part in zip(self.weights, logits, strict=True))
        return np.asarray(total / self.temperature, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class PresentTeachers:
    """Teachers that are there during the training, each with the temperature of its own logits."""

    networks: tuple[Any, ...]
    temperatures: tuple[float, ...]
    ensemble: Ensemble

    def __call__(self, glyphs: npt.NDArray[np.float32]) -> Logits:
        """The ensemble's logits (B, classes) of a batch as the student sees it, (B, height, width, 1)."""
        return self.ensemble.combine(
            [
                np.asarray(network.predict_on_batch(glyphs), np.float32) / temperature
                for network, temperature in zip(self.networks, self.temperatures, strict=True)
            ]
        )


def ask_teachers(run: GlyphRun, pool: Pool, console: Console) -> npt.NDArray[np.float16] | None:
    """The logits of the recipe's teachers, as one ensemble, for the whole pool; None when there are no teachers.

    Weights are fitted on the validation glyphs. The accuracy of each teacher and of the ensemble goes to the console
    and to `teachers.json`. `TrainingError` as in `find_teachers`.
    """
    names = run.recipe.distillation.teachers
    if not names:
        return None
    kept = run.path / "teachers.npz"
    if kept.is_file():
        return _load(kept, len(pool), len(run.recipe.charset))
    lenders = find_teachers(run)
    with console.status(f"asking {len(lenders)} teachers"):
        said = [predict(load_lender(lender), pool.glyphs) for lender in lenders]
    validation = pool.select(pool.validation)
    known = validation.labels != JUNK
    labels = validation.labels[known]
    own = [fit_temperature(logits[pool.validation][known], labels) for logits in said]
    said = [logits / temperature for logits, temperature in zip(said, own, strict=True)]
    ensemble = fit_ensemble([logits[pool.validation][known] for logits in said], labels)
    together = ensemble.combine(said)
    members = dict(zip(names, said, strict=True)) | {"ensemble": together}
    accuracies = {
        name: validation.accuracies(logits[pool.validation].argmax(axis=1)) for name, logits in members.items()
    }
    for name, by_group in accuracies.items():
        figures = "  ".join(f"{group} {100 * accuracy:.2f}" for group, accuracy in by_group.items())
        console.print(f"{name}: {figures}", soft_wrap=True)
    run.save_json(
        "teachers.json",
        {
            "weights": dict(zip(names, ensemble.weights, strict=True)),
            "temperatures": dict(zip(names, own, strict=True)) | {"ensemble": ensemble.temperature},
            "accuracy": accuracies,
        },
    )
    answers = together.astype(np.float16)
    run.save_arrays("teachers.npz", logits=answers)
    return answers


def invite_teachers(run: GlyphRun) -> PresentTeachers:
    """The recipe's teachers as `ask_teachers` weighed them; `TrainingError` where its record is missing or damaged."""
    names = run.recipe.distillation.teachers
    told = run.json("teachers.json")
    try:
        weights = tuple(float(told["weights"][name]) for name in names)
        own = tuple(float(told["temperatures"][name]) for name in names)
        ensemble = Ensemble(weights, float(told["temperatures"]["ensemble"]))
    except (KeyError, TypeError, ValueError) as error:
        damaged = f"{run.path / 'teachers.json'}: not what a training writes"
        raise TrainingError(f"{damaged}; delete teachers.npz to ask the teachers again") from error
    return PresentTeachers(tuple(map(_halved, find_teachers(run))), own, ensemble)


def find_teachers(run: GlyphRun) -> list[Path]:
    """Where the recipe's teachers are; `TrainingError` for one of other characters or another preprocessing."""
    return [_find_teacher(run, name) for name in run.recipe.distillation.teachers]


def fit_ensemble(members: Sequence[Logits], labels: npt.NDArray[np.int16]) -> Ensemble:
    """The weights of members' logits (N, classes) that make the labels (N,) likeliest.

    A coordinate search: each weight in turn is moved for as long as that helps, then by smaller steps.
    """
    weights = np.full(len(members), 1 / len(members))
    temperature, best = _assess(members, weights, labels)
    step = 0.2
    while len(members) > 1 and step > 0.01:
        improved = False
        for index in range(len(members)):
            for change in (step, -step):
                trial = weights.copy()
                trial[index] = max(trial[index] + change, 0.0)
                if trial.sum() == 0:
                    continue
                trial /= trial.sum()
                at, nll = _assess(members, trial, labels)
                if nll < best - 1e-6:
                    weights, temperature, best, improved = trial, at, nll, True
        if not improved:
            step /= 2
    return Ensemble(tuple(round(weight, 4) for weight in weights.tolist()), temperature)


def _assess(
    members: Sequence[Logits], weights: npt.NDArray[np.float64], labels: npt.NDArray[np.int16]
) -> tuple[float, float]:
    """Best temperature and negative log likelihood of members combined by these weights."""
    together = Ensemble(tuple(weights.tolist()), 1.0).combine(members)
    temperature = fit_temperature(together, labels)
    return temperature, mean_nll(together / temperature, labels)


def _halved(lender: Path) -> Any:
    """The network of a lender in the arithmetic that students are trained in."""
    lent, recipe = load_lender(lender), lender_recipe(lender)
    assert isinstance(recipe, Recipe)
    _, height, width, _ = lent.input_shape
    with arithmetic(HALVED):
        network = build_network(recipe.network, height=height, width=width, classes=len(recipe.charset))
    network.set_weights(lent.get_weights())
    return network


def _find_teacher(run: GlyphRun, name: str) -> Path:
    """Where a teacher is: a run folder, by its path or beside this run, or a bundle; of the same task as the run."""
    beside = run.path.parent / name
    lender = beside if beside.is_dir() and not Path(name).exists() else Path(name)
    try:
        recipe, digest = lender_recipe(lender), lender_digest(lender)
    except EdgeHwrError as error:
        raise TrainingError(f"teacher {error}") from error
    if (recipe.task, recipe.charset) != (run.recipe.task, run.recipe.charset):
        raise TrainingError(f"teacher {name}: reads other characters than this recipe's charset")
    if digest != run.record["preprocessing_digest"]:
        raise TrainingError(f"teacher {name}: was trained with another preprocessing: train it again")
    return lender


def _load(path: Path, count: int, classes: int) -> npt.NDArray[np.float16]:
    try:
        logits = read_arrays(path, ("logits",))["logits"]
        check_array(logits, "logits", np.floating, (count, classes))
    except ValueError as error:
        raise TrainingError(f"{path}: cannot be read ({error}); delete it to ask the teachers again") from error
    return np.asarray(logits, np.float16)
