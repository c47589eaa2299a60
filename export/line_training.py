"""Training of line models with CTC: a recipe and a pool of lines become the best model that the time allows.

As `training` does it for glyphs: AdamW with a cosine learning rate over the time given, averaged weights (they are
what is validated and kept), fresh augmentation beside the training, and everything in the run folder.
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
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from edge_hwr.errors import TrainingError

from .arithmetic import HALVED, WHOLE, arithmetic
from .arrays import read_arrays
from .lending import lend_line_weights, load_line_teacher
from .line_batches import plan_batches, prepare_lines, sample_lines, validation_batches
from .line_network import build_line_network, greedy_texts, keep_stages, predict_lines
from .line_pool import LinePool
from .line_recipe import LineRecipe, LineTrainingRecipe
from .line_run import LineRun
from .line_step import step_function
from .pacing import Weights, learning_rate_at, update_average
from .quick_training import quickened

log = logging.getLogger(__name__)

_AVERAGE_EVERY = 8
"""Steps between updates of the averaged weights."""

_MOST_UNSOUND = 8
"""Steps one after the other that may give no number: half precision has one in a thousand on some processors, and a
training that diverges nothing else from then on."""

_EPOCH_STEPS = 400
"""Steps between validations: a pass over all lines would take too long to wait for the next checkpoint."""


@dataclass(frozen=True, slots=True)
class LineOutcome:
    """How a training ended: epochs done, epoch of the best model and its character error rates in percent by group."""

    epochs: int
    best_epoch: int
    cer: dict[str, float]


def train_lines(run: LineRun, pool: LinePool, console: Console) -> LineOutcome:
    """Train (or go on training) to the end of the recipe's schedule.

    Raises `TrainingError` when the loss is no number any more or the run folder cannot be written.
    """
    recipe = run.recipe
    keras.utils.set_random_seed(recipe.seed)
    training = np.flatnonzero(~pool.validation)
    state = _State.fresh(recipe, pool.height)
    if not state.resume(run):
        state.borrow(recipe, sample_lines(pool, recipe.seed))
    step = step_function(state.model, state.optimizer, recipe, sample_lines(pool, recipe.seed))
    while (done := state.progress(recipe.training)) < 1.0:
        started = time.monotonic()
        losses, lines = _epoch(state, step, pool, training, recipe, console)
        if not lines:
            break  # the time was up before the first batch was prepared
        seconds = time.monotonic() - started
        state.elapsed += seconds
        state.epoch += 1
        if not losses:
            continue
        figures = _validate(state, pool, recipe.charset)
        entry = {
            "epoch": state.epoch,
            "elapsed_s": round(state.elapsed, 1),
            "schedule": round(done, 4),
            "loss": round(float(np.mean(losses)), 5),
            "lines_per_s": round(lines / seconds, 1),
            "cer": figures,
        }
        run.log(entry)
        _keep_best(run, state, pool.height, figures)
        run.save_checkpoint(state.epoch, state.save, state.counters())
        console.print(_summary(entry, best=state.best_epoch == state.epoch), soft_wrap=True)
    return LineOutcome(state.epoch, state.best_epoch, state.best_figures)


def check_lenders(run: LineRun) -> None:
    """`TrainingError` unless the recipe's `start_from` has weights for its network, and its `teacher` its charset."""
    _State.fresh(run.recipe, run.preprocessing.height).borrow(run.recipe, ())
    if run.recipe.training.teacher:
        load_line_teacher(run.recipe, ())


@dataclass(slots=True, eq=False)
class _State:
    """What changes during a training."""

    model: Any
    optimizer: Any
    average: Weights
    epoch: int = 0
    step: int = 0
    elapsed: float = 0.0
    unsound: int = 0
    """So many steps before this one, one after the other, gave no number."""
    best_epoch: int = 0
    best_score: float = math.inf
    best_figures: dict[str, float] = field(default_factory=dict)

    @classmethod
    def fresh(cls, recipe: LineRecipe, height: int) -> _State:
        with arithmetic(HALVED):
            model = build_line_network(recipe.network, height=height, classes=len(recipe.charset) + 1)
        keep_stages(model, recipe.network.stages[: recipe.training.keep_stages])
        model = quickened(model, hold_norms=recipe.training.hold_norms)
        optimizer = keras.optimizers.AdamW(
            recipe.training.learning_rate, weight_decay=recipe.training.weight_decay, global_clipnorm=2.0
        )
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        optimizer.build(model.trainable_variables)
        return cls(model, optimizer, model.get_weights())

    def borrow(self, recipe: LineRecipe, samples: Iterable[npt.NDArray[np.uint8]]) -> None:
        """Begin with the weights of the recipe's `start_from`, if it names one."""
        if recipe.training.start_from:
            lend_line_weights(Path(recipe.training.start_from), recipe, self.model, samples)
            self.average = self.model.get_weights()

    def progress(self, pace: LineTrainingRecipe, since: float = 0.0, share: float = 0.0) -> float:
        """How far the training is, 0..1, `since` seconds after its last whole epoch and `share` of one (0..1) on."""
        if pace.minutes:
            return (self.elapsed + since) / (60 * pace.minutes)
        return (self.epoch + share) / pace.epochs

    def resume(self, run: LineRun) -> bool:
        """Go on from the newest checkpoint, if there is one; what beats the best model must beat the one on disk."""
        best = run.best()
        if best is not None:
            self.best_epoch, self.best_figures = best["epoch"], best["cer"]
            self.best_score = _score(self.best_figures)
        found = run.checkpoint()
        if found is None:
            return False
        folder, saved = found
        try:
            arrays = read_arrays(folder / "weights.npz")
            self.model.set_weights([arrays[f"model{i}"] for i in range(len(self.average))])
            self.average = [arrays[f"average{i}"] for i in range(len(self.average))]
            for i, variable in enumerate(self.optimizer.variables):
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
        arrays |= {f"optimizer{i}": v.numpy() for i, v in enumerate(self.optimizer.variables)}
        np.savez(folder / "weights.npz", **arrays)

    def counters(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("epoch", "step", "elapsed")}


def _epoch(
    state: _State,
    step: Callable[..., Any],
    pool: LinePool,
    training: npt.NDArray[np.intp],
    recipe: LineRecipe,
    console: Console,
) -> tuple[list[float], int]:
    """Some hundred steps, or what is left of the time; gives the loss of every step and the number of lines."""
    pace, started, losses, lines = recipe.training, time.monotonic(), [], 0
    rng = np.random.default_rng((recipe.seed, state.epoch))
    planned = plan_batches(pool.widths[training], pace.columns, rng)[:_EPOCH_STEPS]
    batches = [training[rows] for rows in planned]
    seed = int(rng.integers(2**31))
    with _progress(console) as progress:
        bar = progress.add_task(f"epoch {state.epoch + 1}", total=len(batches))
        for number, batch in enumerate(prepare_lines(pool, batches, recipe.charset, recipe.augmentation, seed)):
            done = state.progress(pace, time.monotonic() - started, number / len(batches))
            if done >= 1:
                break
            state.optimizer.learning_rate.assign(learning_rate_at(done, peak=pace.learning_rate, warmup=pace.warmup))
            loss = float(step(batch.lines, batch.steps, batch.labels, batch.lengths))
            lines += len(batch.lines)
            progress.advance(bar)
            state.unsound = 0 if math.isfinite(loss) else state.unsound + 1
            if state.unsound > _MOST_UNSOUND:
                raise TrainingError(
                    f"the loss is {loss} in epoch {state.epoch + 1}: lower learning_rate in the recipe and train "
                    "in another --out folder"
                )
            if state.unsound:
                log.warning("a step of epoch %d gave no number and was left out", state.epoch + 1)
                continue
            losses.append(loss)
            state.step += 1
            if state.step % _AVERAGE_EVERY == 0:
                # Early on, an average over few steps: the first ones are not worth remembering.
                keep = min(pace.average**_AVERAGE_EVERY, state.step / (state.step + 10 * _AVERAGE_EVERY))
                update_average(state.average, state.model.get_weights(), keep)
    return losses, lines


def _validate(state: _State, pool: LinePool, charset: str) -> dict[str, float]:
    """Character error rate of the averaged weights, in percent, by group."""
    read: dict[int, str] = {}
    with state.averaged():
        for rows, batch in validation_batches(pool):
            texts = greedy_texts(predict_lines(state.model, batch.lines), batch.steps.tolist(), charset)
            read |= dict(zip(rows, texts, strict=True))
    return {name: round(100 * rate, 3) for name, rate in pool.error_rates(read).items()}


def _keep_best(run: LineRun, state: _State, height: int, figures: dict[str, float]) -> None:
    score = _score(figures)
    if score > state.best_score:
        return
    state.best_score, state.best_epoch, state.best_figures = score, state.epoch, figures
    # In float32 and without the optimizer: it is there to be exported.
    with arithmetic(WHOLE):
        model = build_line_network(run.recipe.network, height=height, classes=len(run.recipe.charset) + 1)
    model.set_weights(state.average)
    run.save_best(lambda path: model.save(path), {"epoch": state.epoch, "cer": figures})


def _score(figures: dict[str, float]) -> float:
    """What the best model is the best by: mean character error rate over the groups, the less the better."""
    return float(np.mean(list(figures.values()))) if figures else math.inf


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _summary(entry: dict[str, Any], *, best: bool) -> str:
    figures = "  ".join(f"{name} {value:.2f}" for name, value in entry["cer"].items())
    star = " *" if best else ""
    return f"epoch {entry['epoch']:3d}  loss {entry['loss']:.4f}  {entry['lines_per_s']}/s  CER % {figures}{star}"
