"""Training: a recipe and a pool become the best model that the time allows.

AdamW with a cosine learning rate over epochs or over minutes, averaged weights (they are what is validated and
kept), fresh augmentation in a thread beside the training. Everything is in the run folder, so that an interrupted
training goes on from its last epoch, and an export can be made at any time.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edge_hwr.errors import TrainingError

from .arithmetic import HALVED, WHOLE, arithmetic
from .arrays import read_arrays
from .augmentation import Augmenter
from .batches import Targets, prepare, sample_glyphs
from .lending import lend_weights
from .networks import build_network, predict
from .pacing import Weights, learning_rate_at, update_average
from .pool import Pool
from .quick_training import quickened
from .recipe import Recipe, TrainingRecipe
from .run_folder import RunFolder
from .sources import JUNK
from .teachers import PresentTeachers, ask_teachers, find_teachers, invite_teachers

log = logging.getLogger(__name__)

_AVERAGE_EVERY = 8
"""Steps between updates of the averaged weights: often enough, and free."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended: epochs done, epoch of the best model and its accuracy by group of the validation."""

    epochs: int
    best_epoch: int
    accuracy: dict[str, float]


def train(run: RunFolder, pool: Pool, console: Console) -> Outcome:
    """Train (or go on training) to the end of the recipe's schedule, with the recipe's teachers if it has any.

    Raises `TrainingError` when the loss is no number any more or the run folder cannot be written.
    """
    recipe = run.recipe
    keras.utils.set_random_seed(recipe.seed)
    training = pool.select(~pool.validation)
    validation = pool.select(pool.validation)
    if len(training) < recipe.training.batch:
        raise TrainingError(
            f"{len(training)} samples do not fill one batch of {recipe.training.batch}: give more data, or a smaller "
            "`batch` under [training] in the recipe"
        )
    taught = ask_teachers(run, pool, console)
    teachers = invite_teachers(run) if taught is not None and recipe.distillation.augmented else None
    targets = Targets.make(
        len(recipe.charset),
        recipe.training.label_smoothing,
        None if taught is None or teachers is not None else taught[~pool.validation],
        recipe.distillation,
    )
    state = _State.fresh(recipe, pool.glyphs.shape[1], pool.glyphs.shape[2])
    if not state.resume(run):
        state.borrow(recipe, sample_glyphs(pool, recipe.seed))
    steps = len(training) // recipe.training.batch
    with _progress(console) as progress:
        bar = progress.add_task("", total=steps)
        while (done := state.progress(recipe.training)) < 1.0:
            progress.reset(bar, total=steps, description=f"epoch {state.epoch + 1}")
            started = time.monotonic()
            losses = _epoch(state, training, targets, teachers, recipe, lambda: progress.advance(bar))
            if not losses:
                break  # the time was up before the first batch was prepared
            seconds = time.monotonic() - started
            state.elapsed += seconds
            state.epoch += 1
            figures = _validate(state, validation)
            entry = {
                "epoch": state.epoch,
                "elapsed_s": round(state.elapsed, 1),
                "schedule": round(done, 4),
                "loss": round(float(np.mean(losses)), 5),
                "samples_per_s": round(len(losses) * recipe.training.batch / seconds),
                "accuracy": figures,
            }
            run.log(entry)
            _keep_best(run, state, figures)
            _keep_checkpoint(run, state)
            console.print(_summary(entry, best=state.best_epoch == state.epoch), soft_wrap=True)
    return Outcome(state.epoch, state.best_epoch, state.best_figures)


def check_lenders(run: RunFolder) -> None:
    """`TrainingError` unless the recipe's `start_from` has weights for its network, and its teachers its charset."""
    _State.fresh(run.recipe, run.preprocessing.height, run.preprocessing.width).borrow(run.recipe, ())
    find_teachers(run)


@dataclass(slots=True, eq=False)
class _State:
    """What changes during a training."""

    model: Any
    average: Weights
    epoch: int = 0
    step: int = 0
    elapsed: float = 0.0
    best_epoch: int = 0
    best_score: float = -1.0
    best_figures: dict[str, float] = field(default_factory=dict)

    @classmethod
    def fresh(cls, recipe: Recipe, height: int, width: int) -> _State:
        with arithmetic(HALVED):
            model = quickened(build_network(recipe.network, height=height, width=width, classes=len(recipe.charset)))
        optimizer = keras.optimizers.AdamW(recipe.training.learning_rate, weight_decay=recipe.training.weight_decay)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        # XLA on a processor trains several times more slowly here.
        model.compile(optimizer, loss, jit_compile=False)
        return cls(model, model.get_weights())

    def borrow(self, recipe: Recipe, samples: Iterable[npt.NDArray[np.uint8]]) -> None:
        """Begin with the weights of the recipe's `start_from`, if it names one."""
        if recipe.training.start_from:
            lend_weights(Path(recipe.training.start_from), recipe, self.model, samples)
            self.average = self.model.get_weights()

    def progress(self, recipe: TrainingRecipe, since: float = 0.0, part: float = 0.0) -> float:
        """How far the training is, 0..1; `since` seconds and `part` of an epoch after the last whole one."""
        if recipe.minutes:
            return (self.elapsed + since) / (60 * recipe.minutes)
        return (self.epoch + part) / recipe.epochs

    def resume(self, run: RunFolder) -> bool:
        """Go on from the newest checkpoint, if there is one; what beats the best model must beat the one on disk."""
        best = run.best()
        if best is not None:
            self.best_epoch, self.best_figures = best["epoch"], best["accuracy"]
            self.best_score = _score(self.best_figures)
        found = run.checkpoint()
        if found is None:
            return False
        folder, saved = found
        try:
            self.model.optimizer.build(self.model.trainable_variables)
            arrays = read_arrays(folder / "weights.npz")
            self.model.set_weights([arrays[f"model{i}"] for i in range(len(self.average))])
            self.average = [arrays[f"average{i}"] for i in range(len(self.average))]
            for i, variable in enumerate(self.model.optimizer.variables):
                variable.assign(arrays[f"optimizer{i}"])
            self.epoch, self.step, self.elapsed = saved["epoch"], saved["step"], saved["elapsed"]
        except (KeyError, ValueError) as error:
            raise TrainingError(f"{folder}: damaged checkpoint ({error}); delete it to start over") from error
        run.forget_after(self.epoch)
        log.info("going on after epoch %d", self.epoch)
        return True

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """The model has its averaged weights meanwhile."""
        own = self.model.get_weights()
        self.model.set_weights(self.average)
        try:
            yield
        finally:
            self.model.set_weights(own)

    def save(self, folder: Path) -> None:
        arrays = {f"model{i}": array for i, array in enumerate(self.model.get_weights())}
        arrays |= {f"average{i}": array for i, array in enumerate(self.average)}
        arrays |= {f"optimizer{i}": np.asarray(v) for i, v in enumerate(self.model.optimizer.variables)}
        np.savez(folder / "weights.npz", **arrays)

    def counters(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("epoch", "step", "elapsed")}


def _epoch(
    state: _State,
    training: Pool,
    targets: Targets,
    teachers: PresentTeachers | None,
    recipe: Recipe,
    advance: Callable[[], None],
) -> list[float]:
    """One pass over the training samples, or what is left of the time; gives the loss of every step."""
    pace, started, losses = recipe.training, time.monotonic(), []
    rng = np.random.default_rng((recipe.seed, state.epoch + 1))
    augment = Augmenter(
        recipe.augmentation,
        height=training.glyphs.shape[1],
        width=training.glyphs.shape[2],
        seed=int(rng.integers(2**31)),
    )
    steps = len(training) // pace.batch
    order = rng.permutation(len(training))[: steps * pace.batch].reshape(steps, pace.batch)
    for part, (glyphs, aims) in enumerate(prepare(training, order, augment, targets)):
        done = state.progress(pace, time.monotonic() - started, part / steps)
        if done >= 1:
            break
        state.model.optimizer.learning_rate.assign(learning_rate_at(done, peak=pace.learning_rate, warmup=pace.warmup))
        if teachers is not None:
            aims = targets.mixed(aims, teachers(glyphs))
        loss = float(state.model.train_on_batch(glyphs, aims))
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} in epoch {state.epoch + 1}: lower learning_rate in the recipe and train in "
                "another --out folder"
            )
        losses.append(loss)
        state.step += 1
        if state.step % _AVERAGE_EVERY == 0:
            # Early on, an average over few steps: the first ones are not worth remembering.
            keep = min(pace.average**_AVERAGE_EVERY, state.step / (state.step + 10 * _AVERAGE_EVERY))
            update_average(state.average, state.model.get_weights(), keep)
        advance()
    return losses


def _validate(state: _State, validation: Pool) -> dict[str, float]:
    """Accuracy of the averaged weights, in percent, by group; for junk the mean confidence, which should be low."""
    with state.averaged():
        logits = predict(state.model, validation.glyphs)
    figures = {name: 100 * share for name, share in validation.accuracies(logits.argmax(axis=1)).items()}
    junk = validation.labels == JUNK
    if junk.any():
        powers = np.exp(logits[junk] - logits[junk].max(axis=1, keepdims=True))
        figures["junk confidence"] = 100 * float((1 / powers.sum(axis=1)).mean())
    return {name: round(figure, 3) for name, figure in figures.items()}


def _keep_best(run: RunFolder, state: _State, figures: dict[str, float]) -> None:
    score = _score(figures)
    if score < state.best_score:
        return
    state.best_score, state.best_epoch, state.best_figures = score, state.epoch, figures
    _, height, width, _ = state.model.input_shape
    with arithmetic(WHOLE):
        whole = build_network(run.recipe.network, height=height, width=width, classes=len(run.recipe.charset))
    whole.set_weights(state.average)
    # Without the optimizer: nobody goes on training from the best model.
    run.save_best(lambda path: whole.save(path), {"epoch": state.epoch, "accuracy": figures})


def _score(figures: dict[str, float]) -> float:
    """What the best model is the best by: mean accuracy over the groups."""
    accuracies = [value for name, value in figures.items() if not name.endswith(" confidence")]
    return float(np.mean(accuracies)) if accuracies else 0.0


def _keep_checkpoint(run: RunFolder, state: _State) -> None:
    run.save_checkpoint(state.epoch, state.save, state.counters())


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)


def _summary(entry: dict[str, Any], *, best: bool) -> str:
    figures = "  ".join(f"{name} {value:.2f}" for name, value in entry["accuracy"].items())
    star = " *" if best else ""
    return f"epoch {entry['epoch']:3d}  loss {entry['loss']:.4f}  {entry['samples_per_s']}/s  {figures}{star}"
