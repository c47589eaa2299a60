"""A model run by the runtime alone, as the runtime's own benchmark does it: the yardstick for all else."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_hwr.errors import ModelError
from edge_hwr.native_messages import native_messages_dropped
from edge_hwr.runtime import load_runtime, runtime_name

_GUESSED = (np.uint8, np.int8, np.int16, np.float16, np.float32)
"""Input types that random numbers are good for; an index or a text out of nowhere could be out of range."""


class BareModel:
    """The runtime's interpreter of any model that takes tensors of known sizes, fed with random numbers.

    `batch` None leaves the batch size to the model. `ModelError` when the runtime refuses the model or that batch, or
    when nobody can guess what the model takes.
    """

    def __init__(self, flatbuffer: bytes, *, threads: int = 1, batch: int | None = None) -> None:
        try:
            with native_messages_dropped():
                interpreter = load_runtime()[1](model_content=flatbuffer, num_threads=threads)
                inputs = interpreter.get_input_details()
                _check_guessable(inputs)
                if batch is not None and batch != inputs[0]["shape"][0]:
                    interpreter.resize_tensor_input(inputs[0]["index"], [batch, *inputs[0]["shape"][1:]])
                interpreter.allocate_tensors()
                rng = np.random.default_rng(0)
                for details in interpreter.get_input_details():
                    interpreter.set_tensor(details["index"], _random(details, rng))
        except (RuntimeError, ValueError, IndexError) as error:
            if isinstance(error, ModelError):
                raise
            raise ModelError(f"the runtime {runtime_name()} refuses the model: {error}") from error
        self.batch = int(interpreter.get_input_details()[0]["shape"][0])
        self._interpreter = interpreter

    def run(self) -> float:
        """Invoke once; milliseconds."""
        invoke = self._interpreter.invoke
        started = time.monotonic()
        invoke()
        return 1000 * (time.monotonic() - started)


def _check_guessable(inputs: list[dict[str, Any]]) -> None:
    """`ModelError` for inputs that random numbers cannot stand for; only the first size (the batch) may be free."""
    if not inputs:
        raise ModelError("the model takes no input: there is nothing to measure")
    for details in inputs:
        sizes = [int(size) for size in details.get("shape_signature", details["shape"])]
        dtype = details["dtype"]
        if not sizes or any(size < 1 for size in sizes[1:]) or dtype not in _GUESSED:
            shape = "x".join("?" if size < 1 else str(size) for size in sizes) or "no shape"
            raise ModelError(
                f"cannot guess the model's input {details['name']} ({np.dtype(dtype).name}, {shape}): "
                "only numbers of fixed sizes can be made up; make a bundle of it with edge-hwr export"
            )


def _random(details: dict[str, Any], rng: np.random.Generator) -> NDArray[Any]:
    shape, dtype = tuple(details["shape"]), np.dtype(details["dtype"])
    if dtype.kind == "f":
        return rng.random(shape, np.float32).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
