"""Training of line models with CTC: a recipe and a pool of lines become the best model that the time allows.

As `training` does it for glyphs, with fresh augmentation beside the training and everything in the run folder.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from rich.console import Console

from .arithmetic import HALVED, WHOLE, arithmetic
from .backend import on_tensorflow
from .lending import lend_line_weights, load_line_teacher
from .line_batches import LineBatch, learned_batches, plan_epoch, prepare_lines, sample_lines, validation_batches
from .line_network import build_line_network, greedy_texts, keep_stages, predict_lines
from .line_pool import LinePool
from .line_recipe import LineRecipe
from .line_step import step_function
from .muon import ConvolutionMuon
from .quick_training import quickened
from .run_folder import LineRun
from .silence import silenced
from .training_state import Outcome, TrainingState, begin, epoch_bar

_MOST_UNSOUND = 8 if on_tensorflow() else 0
"""Steps one after the other that may give no number: half precision has one in a thousand on some processors, and a
training that diverges nothing else from then on. Other backends have whole precision, and weights that such a step has
trained."""

_OPTIMIZERS = {"adamw": keras.optimizers.AdamW, "muon": ConvolutionMuon}

_EPOCH_STEPS = 400
"""Steps between validations: a pass over all lines would take too long to wait for the next checkpoint."""


def train_lines(run: LineRun, pool: LinePool, console: Console) -> Outcome:
    """Train (or go on training) to the end of the recipe's schedule.

    Raises `TrainingError` when the loss is no number any more or the run folder cannot be written.
    """
    recipe = run.recipe
    with silenced():  # TensorFlow is seeded whatever the backend is, and loaded for that where it is there
        keras.utils.set_random_seed(recipe.seed)
    state = _begin(recipe, pool.height)
    if not state.resume(run):
        _borrow(state, recipe, sample_lines(pool, recipe.seed))
    step = step_function(state.model, state.optimizer, recipe, sample_lines(pool, recipe.seed))
    while (done := state.progress()) < 1.0:
        started = time.monotonic()
        losses, lines = _epoch(state, step, pool, recipe, console)
        if not lines:
            break  # the time was up before the first batch was prepared
        seconds = time.monotonic() - started
        state.elapsed += seconds
        state.epoch += 1
        if not losses:
            continue
        entry = {
            "schedule": round(done, 4),
            "loss": round(float(np.mean(losses)), 5),
            "lines_per_s": round(lines / seconds, 1),
            "cer": _error_rates(state, pool, recipe.charset, validation_batches(pool)),
            "cer_learned": _error_rates(state, pool, recipe.charset, learned_batches(pool)),
        }
        state.keep(run, entry, lambda: _averaged_network(state, recipe, pool.height), console)
    return state.outcome()


def check_lenders(run: LineRun) -> None:
    """`TrainingError` unless the recipe's `start_from` has weights for its network, and its `teacher` its charset."""
    _borrow(_begin(run.recipe, run.preprocessing.height), run.recipe, ())
    if run.recipe.training.teacher:
        load_line_teacher(run.recipe, ())


def _begin(recipe: LineRecipe, height: int) -> TrainingState:
    with arithmetic(HALVED):
        model = build_line_network(recipe.network, height=height, classes=len(recipe.charset) + 1)
    keep_stages(model, recipe.network.stages[: recipe.training.keep_stages])
    model = quickened(model, hold_norms=recipe.training.hold_norms)
    held_out = all(source.hold_out for source in recipe.data)
    return begin(
        model,
        recipe.training,
        "cer",
        _mean_rightness if held_out else _nothing_known,
        optimizer=_OPTIMIZERS[recipe.training.optimizer],
        global_clipnorm=2.0,
    )


def _borrow(state: TrainingState, recipe: LineRecipe, samples: Iterable[npt.NDArray[np.uint8]]) -> None:
    """Begin with the weights of the recipe's `start_from`, if it names one."""
    if recipe.training.start_from:
        lend_line_weights(Path(recipe.training.start_from), recipe, state.model, samples)
        state.begin_again()


def _epoch(
    state: TrainingState,
    step: Callable[..., Any],
    pool: LinePool,
    recipe: LineRecipe,
    console: Console,
) -> tuple[list[float], int]:
    """Some hundred steps, or what is left of the time; gives the loss of every step and the number of lines."""
    started, losses, lines = time.monotonic(), [], 0
    rng = np.random.default_rng((recipe.seed, state.epoch))
    views = 2 if recipe.training.consistency else 1
    batches, stretches = plan_epoch(pool, recipe.training.columns // views, recipe.augmentation.stretch, rng)
    batches, seed = batches[:_EPOCH_STEPS], int(rng.integers(2**31))
    prepared = prepare_lines(pool, batches, stretches, recipe.charset, recipe.augmentation, seed, views=views)
    with epoch_bar(console, state.epoch + 1, len(batches)) as advance:
        for number, batch in enumerate(prepared):
            done = state.progress(time.monotonic() - started, number / len(batches))
            if done >= 1:
                break
            state.set_learning_rate(done)
            loss = float(step(batch.lines, batch.steps, batch.labels, batch.lengths))
            lines += len(batch.lines)
            advance()
            if state.count_step(loss, most_unsound=_MOST_UNSOUND):
                losses.append(loss)
    return losses, lines


def _error_rates(
    state: TrainingState, pool: LinePool, charset: str, batches: Iterable[tuple[list[int], LineBatch]]
) -> dict[str, float]:
    """Character error rate of the averaged weights on the lines of batches, in percent, by group."""
    read: dict[int, str] = {}
    with state.averaged():
        for rows, batch in batches:
            texts = greedy_texts(predict_lines(state.model, batch.lines), batch.steps.tolist(), charset)
            read |= dict(zip(rows, texts, strict=True))
    return {name: round(100 * rate, 3) for name, rate in pool.error_rates(read).items()}


def _mean_rightness(figures: dict[str, float]) -> float:
    """What the best model is the best by: mean character error rate over the groups, the less the better."""
    return -float(np.mean(list(figures.values()))) if figures else -math.inf


def _nothing_known(_figures: dict[str, float]) -> float:
    """Of a training that learns from those who were to judge it, the last model is kept."""
    return 0.0


def _averaged_network(state: TrainingState, recipe: LineRecipe, height: int) -> Any:
    with arithmetic(WHOLE):
        whole = build_line_network(recipe.network, height=height, classes=len(recipe.charset) + 1)
    whole.set_weights(state.average)
    return whole
