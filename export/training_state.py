"""What changes during a training, of glyphs or of lines: weights and their average, how far it is, and its best model.

AdamW with a cosine learning rate over epochs or over minutes, and averaged weights, which are what is validated and
kept. All of it is in the checkpoints of the run folder, so that an interrupted training goes on from its last epoch.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edge_hwr.errors import TrainingError

from .arrays import read_arrays, write_arrays
from .pacing import Weights, learning_rate_at, update_average
from .recipe_checks import Pace
from .run_files import RunFiles

log = logging.getLogger(__name__)

_AVERAGE_EVERY = 8
"""Steps between updates of the averaged weights: often enough, and free."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended: epochs done, epoch of the best model and its validation figures in percent by group."""

    epochs: int
    best_epoch: int
    figures: dict[str, float]


@dataclass(slots=True, eq=False)
class TrainingState:
    """A model in training. `figure` is what its validation gives by group, "accuracy" or "cer" (percent), and `score`
    makes of that one number, which is more for better models."""

    model: Any
    optimizer: Any
    pace: Pace
    figure: str
    score: Callable[[dict[str, float]], float]
    average: Weights
    epoch: int = 0
    step: int = 0
    elapsed: float = 0.0
    unsound: int = 0
    """So many steps before this one, one after the other, gave no number."""
    best_epoch: int = 0
    best_score: float = -math.inf
    best_figures: dict[str, float] = field(default_factory=dict)

    def begin_again(self) -> None:
        """Take the weights that the model has by now for those that it begins with."""
        self.average = self.model.get_weights()

    def resume(self, run: RunFiles) -> bool:
        """Go on from the newest checkpoint, if there is one; what beats the best model must beat the one on disk."""
        best = run.best()
        if best is not None:
            self.best_epoch, self.best_figures = best["epoch"], best[self.figure]
            self.best_score = self.score(self.best_figures)
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

    def progress(self, since: float = 0.0, share: float = 0.0) -> float:
        """How far the training is, 0..1, `since` seconds after its last whole epoch and `share` of one (0..1) on."""
        if self.pace.minutes:
            return (self.elapsed + since) / (60 * self.pace.minutes)
        return (self.epoch + share) / self.pace.epochs

    def set_learning_rate(self, done: float) -> None:
        """Set it to what it is when the share `done` of the training (0..1) is behind."""
        self.optimizer.learning_rate.assign(
            learning_rate_at(done, peak=self.pace.learning_rate, warmup=self.pace.warmup)
        )

    def count_step(self, loss: float, *, most_unsound: int = 0) -> bool:
        """Whether a step of this loss counts; the averaged weights then follow. One whose loss is no number does not:
        `TrainingError` after more than `most_unsound` of them, one after the other."""
        if not math.isfinite(loss):
            self.unsound += 1
            if self.unsound > most_unsound:
                raise TrainingError(
                    f"the loss is {loss} in epoch {self.epoch + 1}: lower learning_rate in the recipe and train in "
                    "another --out folder"
                )
            log.warning("a step of epoch %d gave no number and was left out", self.epoch + 1)
            return False
        self.unsound = 0
        self.step += 1
        if self.step % _AVERAGE_EVERY == 0:
            # Early on, an average over few steps: the first ones are not worth remembering.
            keep = min(self.pace.average**_AVERAGE_EVERY, self.step / (self.step + 10 * _AVERAGE_EVERY))
            update_average(self.average, self.model.get_weights(), keep)
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

    def keep(self, run: RunFiles, entry: dict[str, Any], best: Callable[[], Any], console: Console) -> None:
        """At the end of an epoch: log `entry`, write a checkpoint, and the model that `best` makes where it is that.

        The entry has the epoch's mean loss, the validation figures, and what else is worth a line of log.jsonl; with
        the same figures of samples that are learned from, the means of both are shown.
        """
        figures = entry[self.figure]
        entry = {"epoch": self.epoch, "elapsed_s": round(self.elapsed, 1)} | entry
        run.log(entry)
        if (score := self.score(figures)) >= self.best_score:
            self.best_score, self.best_epoch, self.best_figures = score, self.epoch, figures
            # Without the optimizer: nobody goes on training from the best model.
            run.save_best(lambda path: best().save(path), {"epoch": self.epoch, self.figure: figures})
        run.save_checkpoint(self.epoch, self._save, {"epoch": self.epoch, "step": self.step, "elapsed": self.elapsed})
        star = " *" if self.best_epoch == self.epoch else ""
        shown = "  ".join(f"{name} {value:.2f}" for name, value in figures.items())
        rate = next(value for name, value in entry.items() if name.endswith("_per_s"))
        what = "CER % " if self.figure == "cer" else ""
        if learned := entry.get(f"{self.figure}_learned"):
            held_out = [figures[name] for name in learned]
            shown += f"  (held out {fmean(held_out):.2f}, learned from {fmean(learned.values()):.2f})"
        console.print(f"epoch {self.epoch:3d}  loss {entry['loss']:.4f}  {rate}/s  {what}{shown}{star}", soft_wrap=True)

    def outcome(self) -> Outcome:
        return Outcome(self.epoch, self.best_epoch, self.best_figures)

    def _save(self, folder: Path) -> None:
        arrays = {f"model{i}": array for i, array in enumerate(self.model.get_weights())}
        arrays |= {f"average{i}": array for i, array in enumerate(self.average)}
        arrays |= {f"optimizer{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(self.optimizer.variables)}
        write_arrays(folder / "weights.npz", **arrays)


def begin(
    model: Any,
    pace: Pace,
    figure: str,
    score: Callable[[dict[str, float]], float],
    *,
    optimizer: Callable[..., Any] = keras.optimizers.AdamW,
    **clip: float,
) -> TrainingState:
    """The state of a training before its first step; `clip` is for the optimizer, a kind of AdamW."""
    chosen = optimizer(pace.learning_rate, weight_decay=pace.weight_decay, **clip)
    chosen.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    chosen.build(model.trainable_variables)
    return TrainingState(model, chosen, pace, figure, score, model.get_weights())


@contextlib.contextmanager
def epoch_bar(console: Console, epoch: int, steps: int) -> Iterator[Callable[[], None]]:
    """A bar for the steps of an epoch, gone at its end; each call of what it gives is a step."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(f"epoch {epoch}", total=steps)
        yield lambda: progress.advance(bar)
