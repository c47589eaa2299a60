"""What a line network is to make less: CTC's loss, how far its scores are from a teacher's, and from its own on another
view of the same lines."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class LineLoss(keras.losses.Loss):  # type: ignore[misc]
    """Loss per character of scores (B, 1, steps, classes), or of those with a teacher's beside them.

    What is wanted are rows (B, 2 + longest): of each line its steps, the length of its text (one without does not
    count) and its labels. With a `consistency` the lines are pairs of views of the same.
    """

    def __init__(self, teacher_share: float | None, *, consistency: float = 0.0) -> None:
        super().__init__(reduction="sum", dtype="float32")
        self._share = teacher_share
        self._consistency = consistency

    def call(self, y_true: Any, y_pred: Any) -> Any:
        wanted, scores = ops.cast(y_true, "int32"), y_pred[:, 0]
        steps, lengths = wanted[:, 0], wanted[:, 1]
        said = None
        if self._share is not None:
            scores, said = ops.split(scores, 2, axis=-1)
        blank = scores.shape[-1] - 1
        # A loss of nothing is none that every backend knows.
        losses = ops.ctc_loss(wanted[:, 2:], scores, ops.maximum(lengths, 1), ops.maximum(steps, 1), mask_index=blank)
        if said is not None:
            share = ops.cast(self._share, losses.dtype)
            losses = (1 - share) * losses + share * divergence(said, scores, steps)
        if self._consistency:
            losses += ops.cast(self._consistency, losses.dtype) * inconsistency(scores, steps)
        counted = ops.cast(lengths > 0, losses.dtype)
        return counted * losses / ops.cast(ops.maximum(ops.sum(lengths), 1), losses.dtype)


def inconsistency(scores: Any, steps: Any) -> Any:
    """How far the scores (B, steps, classes) of each line are from those of its other view, the one beside it, which
    are learned from as a teacher's are: they do not give way."""
    pairs = ops.reshape(scores, (-1, 2, ops.shape(scores)[1], scores.shape[2]))
    others = ops.reshape(ops.flip(pairs, axis=1), ops.shape(scores))
    return divergence(ops.stop_gradient(others), scores, steps)


def divergence(taught: Any, scores: Any, steps: Any) -> Any:
    """How far the scores (B, steps, classes) are from a teacher's (Kullback-Leibler), summed over each line's steps."""
    said = ops.softmax(taught)
    apart = ops.sum(said * (ops.log_softmax(taught) - ops.log_softmax(scores)), axis=-1)
    within = ops.arange(ops.shape(apart)[1]) < steps[:, None]
    return ops.sum(ops.where(within, apart, 0.0), axis=1)
