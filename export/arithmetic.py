"""Which arithmetic networks are trained in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import keras

from .backend import on_tensorflow

WHOLE = "float32"
"""For what is exported."""


def multiplies_halves(told_in: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies bfloat16 itself, as far as Linux tells: others take ten times as long."""
    try:
        return "bf16" in told_in.read_text("ascii", "replace")
    except OSError:
        return False


COARSE = "bfloat16" if multiplies_halves() else WHOLE
"""For products of matrices that need not be exact."""

HALVED = "mixed_bfloat16" if on_tensorflow() and multiplies_halves() else WHOLE
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
