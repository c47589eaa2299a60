"""Which arithmetic networks are trained in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

from .backend import on_tensorflow

WHOLE = "float32"
"""For what is exported."""

HALVED = "mixed_bfloat16" if on_tensorflow() else WHOLE
"""Half the time of float32, or two thirds, on processors with such arithmetic; variables stay float32. Other backends
than TensorFlow are for other hardware, to which these networks are small in either."""


@contextlib.contextmanager
def arithmetic(policy: str) -> Iterator[None]:
    """Layers that are made meanwhile reckon like this (a Keras dtype policy)."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
