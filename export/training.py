"""Training: a recipe and a pool become the best model that the time allows.

Fresh augmentation in a thread beside the training. Everything is in the run folder, so that an interrupted training
goes on from its last epoch, and an export can be made at any time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from rich.console import Console

from edge_hwr.errors import TrainingError

from .arithmetic import HALVED, WHOLE, arithmetic
from .augmentation import Augmenter
from .backend import on_tensorflow
from .batches import Targets, prepare, sample_glyphs
from .lending import lend_weights
from .networks import build_network, predict
from .pool import Pool
from .quick_training import quickened
from .recipe import Recipe
from .run_folder import GlyphRun
from .silence import silenced
from .sources import JUNK
from .teachers import PresentTeachers, ask_teachers, find_teachers, invite_teachers
from .training_state import Outcome, TrainingState, begin, epoch_bar


def train(run: GlyphRun, pool: Pool, console: Console) -> Outcome:
    """Train (or go on training) to the end of the recipe's schedule, with the recipe's teachers if it has any.

    Raises `TrainingError` when the loss is no number any more or the run folder cannot be written.
    """
    recipe = run.recipe
    with silenced():  # TensorFlow is seeded whatever the backend is, and loaded for that where it is there
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
    state = _begin(recipe, pool.glyphs.shape[1], pool.glyphs.shape[2])
    if not state.resume(run):
        _borrow(state, recipe, sample_glyphs(pool, recipe.seed))
    while (done := state.progress()) < 1.0:
        started = time.monotonic()
        losses = _epoch(state, training, targets, teachers, recipe, console)
        if not losses:
            break  # the time was up before the first batch was prepared
        seconds = time.monotonic() - started
        state.elapsed += seconds
        state.epoch += 1
        entry = {
            "schedule": round(done, 4),
            "loss": round(float(np.mean(losses)), 5),
            "samples_per_s": round(len(losses) * recipe.training.batch / seconds),
            "accuracy": _validate(state, validation),
        }
        state.keep(run, entry, lambda: _averaged_network(state, recipe), console)
    return state.outcome()


def check_lenders(run: GlyphRun) -> None:
    """`TrainingError` unless the recipe's `start_from` has weights for its network, and its teachers its charset."""
    _borrow(_begin(run.recipe, run.preprocessing.height, run.preprocessing.width), run.recipe, ())
    find_teachers(run)


def _begin(recipe: Recipe, height: int, width: int) -> TrainingState:
    with arithmetic(HALVED):
        model = quickened(build_network(recipe.network, height=height, width=width, classes=len(recipe.charset)))
    state = begin(model, recipe.training, "accuracy", _mean_accuracy)
    # XLA on a processor trains several times more slowly here, but JAX is nothing without it.
    compiled = False if on_tensorflow() else "auto"
    model.compile(state.optimizer, keras.losses.CategoricalCrossentropy(from_logits=True), jit_compile=compiled)
    return state


def _borrow(state: TrainingState, recipe: Recipe, samples: Iterable[npt.NDArray[np.uint8]]) -> None:
    """Begin with the weights of the recipe's `start_from`, if it names one."""
    if recipe.training.start_from:
        lend_weights(Path(recipe.training.start_from), recipe, state.model, samples)
        state.begin_again()


def _epoch(
    state: TrainingState,
    training: Pool,
    targets: Targets,
    teachers: PresentTeachers | None,
    recipe: Recipe,
    console: Console,
) -> list[float]:
    """One pass over the training samples, or what is left of the time; gives the loss of every step."""
    started, losses, batch = time.monotonic(), [], recipe.training.batch
    rng = np.random.default_rng((recipe.seed, state.epoch + 1))
    augment = Augmenter(
        recipe.augmentation,
        height=training.glyphs.shape[1],
        width=training.glyphs.shape[2],
        seed=int(rng.integers(2**31)),
    )
    steps = len(training) // batch
    order = rng.permutation(len(training))[: steps * batch].reshape(steps, batch)
    with epoch_bar(console, state.epoch + 1, steps) as advance:
        for part, (glyphs, aims) in enumerate(prepare(training, order, augment, targets)):
            done = state.progress(time.monotonic() - started, part / steps)
            if done >= 1:
                break
            state.set_learning_rate(done)
            if teachers is not None:
                aims = targets.mixed(aims, teachers(glyphs))
            loss = float(state.model.train_on_batch(glyphs, aims))
            state.count_step(loss)
            losses.append(loss)
            advance()
    return losses


def _validate(state: TrainingState, validation: Pool) -> dict[str, float]:
    """Accuracy of the averaged weights, in percent, by group; for junk the mean confidence, which should be low."""
    with state.averaged():
        logits = predict(state.model, validation.glyphs)
    figures = {name: 100 * share for name, share in validation.accuracies(logits.argmax(axis=1)).items()}
    junk = validation.labels == JUNK
    if junk.any():
        powers = np.exp(logits[junk] - logits[junk].max(axis=1, keepdims=True))
        figures["junk confidence"] = 100 * float((1 / powers.sum(axis=1)).mean())
    return {name: round(figure, 3) for name, figure in figures.items()}


def _mean_accuracy(figures: dict[str, float]) -> float:
    """What the best model is the best by: mean accuracy over the groups."""
    accuracies = [value for name, value in figures.items() if not name.endswith(" confidence")]
    return float(np.mean(accuracies)) if accuracies else 0.0


def _averaged_network(state: TrainingState, recipe: Recipe) -> Any:
    _, height, width, _ = state.model.input_shape
    with arithmetic(WHOLE):
        whole = build_network(recipe.network, height=height, width=width, classes=len(recipe.charset))
    whole.set_weights(state.average)
    return whole
