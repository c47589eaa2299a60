"""Which backend Keras trains on, told before it is loaded: drawing must not wait for seconds."""

from __future__ import annotations

import json
import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from edge_hwr.errors import RuntimeMissingError, UsageError

from .silence import silenced

TENSORFLOW = "tensorflow"
"""The one that exports, and that Keras takes where nobody says otherwise."""

BACKENDS = (TENSORFLOW, "jax", "torch")
"""Those that train."""


def chosen_backend() -> str:
    """The name of it, by the variable KERAS_BACKEND or the file keras.json, as Keras looks for it."""
    if named := os.environ.get("KERAS_BACKEND"):
        return named
    folder = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    try:
        settings = json.loads((Path(folder) / "keras.json").read_text("utf-8"))
    except (OSError, ValueError):
        return TENSORFLOW
    named = settings.get("backend") if isinstance(settings, dict) else None
    return named if isinstance(named, str) else TENSORFLOW


def on_tensorflow() -> bool:
    """Whether it is TensorFlow, for which some of what trains is written anew."""
    return chosen_backend() == TENSORFLOW


def check_that_it_trains() -> None:
    """`RuntimeMissingError` unless it is there and starts, `UsageError` where it trains nothing."""
    backend = chosen_backend()
    if backend not in BACKENDS:
        raise UsageError(f"KERAS_BACKEND={backend}: trains nothing: {', '.join(BACKENDS)} do")
    missing = [name for name in ("keras", backend) if find_spec(name) is None]
    if missing and backend == TENSORFLOW:
        raise RuntimeMissingError(f"train needs {missing[0]}, not installed: pip install 'edge-hwr[export]'")
    if missing:
        raise RuntimeMissingError(f"KERAS_BACKEND={backend}: {missing[0]} is not installed: pip install {missing[0]}")
    if backend != TENSORFLOW:
        _start(backend)


def check_that_it_exports() -> None:
    """`UsageError` unless it is TensorFlow."""
    if (backend := chosen_backend()) != TENSORFLOW:
        raise UsageError(f"KERAS_BACKEND={backend}: only {TENSORFLOW} exports, whatever RUN ran on: set it to that")


def _start(backend: str) -> None:
    """Reckon a little, on a GPU if it is set to that: one that is missing is told as late as that, and in many ways."""
    try:
        with silenced():
            import_module("keras").ops.zeros(1)
    except Exception as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise RuntimeMissingError(f"KERAS_BACKEND={backend}: cannot start: {said}") from error
