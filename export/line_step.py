"""A step of the training of a line network: CTC on the texts of lines, and what a teacher or another view says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from .arithmetic import HALVED, arithmetic
from .backend import chosen_backend, on_tensorflow
from .lending import load_line_teacher
from .line_loss import LineLoss
from .line_network import with_teacher
from .line_recipe import LineRecipe
from .quick_training import quickened

_ROWS, _CHARACTERS = 4, 64
"""Where each shape is compiled, batches are filled up to multiples of so many lines, and texts of characters."""


def step_function(
    model: Any, optimizer: Any, recipe: LineRecipe, samples: Iterable[npt.NDArray[np.uint8]]
) -> Callable[..., Any]:
    """One step of training, that takes the arrays of a `LineBatch`; gives the loss per character.

    A step whose loss or gradient is no number trains no weights on TensorFlow, and spoils them on other backends.
    `samples` are batches of lines that a teacher is made for.
    """
    pace = recipe.training
    both = None
    if pace.teacher:
        with arithmetic(HALVED):
            teacher = quickened(load_line_teacher(recipe, samples))
        kept = pace.keep_stages == len(recipe.network.stages)
        both = with_teacher(model, teacher, same_stages=kept and pace.teacher == pace.start_from)
    if on_tensorflow():
        from .tensorflow_line_step import graph_step

        return graph_step(model, optimizer, both=both, pace=pace)
    loss = LineLoss(pace.teacher_share if both else None, consistency=pace.consistency)
    return _compiled_step(model if both is None else both, optimizer, loss)


def _compiled_step(learner: Any, optimizer: Any, loss: LineLoss) -> Callable[..., float]:
    """The step that Keras makes of a loss, on any of its backends."""
    if len(learner.outputs) > 1:  # with a teacher
        learner = keras.Model(learner.input, ops.concatenate(learner.outputs, axis=-1))
    learner.compile(optimizer, loss)
    fill = chosen_backend() == "jax"

    def step(
        lines: npt.NDArray[np.uint8],
        steps: npt.NDArray[np.int32],
        labels: npt.NDArray[np.int32],
        lengths: npt.NDArray[np.int32],
    ) -> float:
        count, longest = len(lines), int(lengths.max(initial=1))
        rows = _up_to(count, _ROWS) if fill else count
        wanted = np.zeros((rows, 2 + (_up_to(longest, _CHARACTERS) if fill else longest)), np.int32)
        wanted[:count, 0], wanted[:count, 1] = steps, lengths
        wanted[:count, 2:][np.arange(wanted.shape[1] - 2) < lengths[:, np.newaxis]] = labels
        # What is filled up is lines once more, so that batch norms see no other ones, and counts for nothing.
        seen = lines[np.arange(rows) % count].astype(np.float32) / 255
        return float(learner.train_on_batch(seen, wanted))

    return step


def _up_to(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
