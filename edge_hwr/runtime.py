"""The TFLite runtime: whichever is installed, and a quantized model that takes batches of any size."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_hwr.errors import ModelError, RuntimeMissingError
from edge_hwr.native_messages import native_messages_dropped

MOST_THREADS = 256
"""Of a model: the runtime crashes with numbers that are much larger."""

BUCKETS = (1, 2, 4, 8, 16, 24, 32, 40, 48, 56, 64)
"""Batch sizes that interpreters are planned for; other sizes are padded to the next, larger ones cut into chunks."""

# In the order of preference; TensorFlow comes last since it takes seconds and hundreds of megabytes to load.
_RUNTIMES = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
    "tensorflow": "tensorflow.lite.python.interpreter",
}


def runtime_name() -> str:
    """The distribution that runs the models: "ai-edge-litert", "tflite-runtime" or "tensorflow".

    `RuntimeMissingError` when none of them loads; it names the command that installs one.
    """
    return load_runtime()[0]


@cache
def load_runtime() -> tuple[str, Any]:
    """Name and `Interpreter` class of the first runtime that loads; `RuntimeMissingError` as `runtime_name`."""
    broken = []
    for name, module in _RUNTIMES.items():
        try:
            return name, importlib.import_module(module).Interpreter
        except ImportError as error:
            # Another module than its own that is missing is one that it needs.
            if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
                continue
            broken.append(f"{name} is installed but does not load ({error}); ")
    wanted = "ai-edge-litert" if sys.maxsize > 2**32 else "tflite-runtime 'numpy<2'"
    raise RuntimeMissingError(f"{''.join(broken)}no TFLite runtime: pip install {wanted}")


class TfliteModel:
    """A glyph model: uint8 pictures in, raw scores out.

    An interpreter is planned once for each batch size of `BUCKETS` at its first use and kept, so that no frame waits
    for planning. `ModelError` for a model that the runtime refuses, or whose tensors are not those of a glyph model:
    one input (N, height, width, 1), uint8 counted in 1/255 or float32 in 0..1, and one output (N, classes).
    """

    def __init__(self, flatbuffer: bytes, *, threads: int = 1) -> None:
        self._flatbuffer = flatbuffer
        self._threads = threads
        self._planned: dict[int, Planned] = {}
        single = self._plan(1)
        source, scores = single.interpreter.get_input_details(), single.interpreter.get_output_details()
        if len(source) != 1 or len(scores) != 1 or len(source[0]["shape"]) != 4 or len(scores[0]["shape"]) != 2:
            raise ModelError("the model does not take one picture and give one row of scores: export it with edge-hwr")
        self.input_shape: tuple[int, ...] = tuple(int(size) for size in source[0]["shape"])
        self.input_dtype: np.dtype[Any] = np.dtype(source[0]["dtype"])
        self.output_dtype: np.dtype[Any] = np.dtype(scores[0]["dtype"])
        self.classes = int(scores[0]["shape"][1])
        self.output_scale, self.output_zero_point = quantization(scores[0])
        check_input(source[0])

    def invoke(self, batch: NDArray[np.uint8]) -> NDArray[Any]:
        """Raw scores (N, classes) of uint8 pictures (N, height, width, 1), as int8, uint8 or float32.

        The real score is `output_scale * (raw - output_zero_point)`.
        """
        if batch.shape[1:] != self.input_shape[1:] or batch.dtype != np.uint8:
            raise ModelError(
                f"the model takes uint8 pictures of {self.input_shape[1:]}, not {batch.dtype} of {batch.shape[1:]}"
            )
        scores = np.empty((len(batch), self.classes), self.output_dtype)
        for start in range(0, len(batch), BUCKETS[-1]):
            chunk = batch[start : start + BUCKETS[-1]]
            self._invoke_chunk(chunk, scores[start : start + len(chunk)])
        return scores

    def _invoke_chunk(self, chunk: NDArray[np.uint8], scores: NDArray[Any]) -> None:
        count = len(chunk)
        bucket = next(size for size in BUCKETS if size >= count)
        planned = self._planned.get(bucket) or self._plan(bucket)
        # The views must be gone again when the interpreter runs. What the padding held before is computed and ignored.
        if self.input_dtype == np.uint8:
            planned.interpreter.tensor(planned.source)()[:count] = chunk
        else:
            np.multiply(chunk, np.float32(1 / 255), out=planned.interpreter.tensor(planned.source)()[:count])
        planned.run()
        scores[:] = planned.interpreter.tensor(planned.scores)()[:count]

    def _plan(self, bucket: int) -> Planned:
        planned = plan(self._flatbuffer, self._threads, lambda shape: (bucket, *shape[1:]))
        if len(planned.interpreter.tensor(planned.scores)()) != bucket:
            raise ModelError("the model's batch size is fixed: export it with edge-hwr, which leaves it free")
        self._planned[bucket] = planned
        return planned


@dataclass(frozen=True, slots=True)
class Planned:
    """An interpreter with its buffers in place, and the indices of its input and output tensors."""

    interpreter: Any
    source: int
    scores: int

    def run(self) -> None:
        """Compute; `ModelError` when the runtime fails."""
        try:
            self.interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"the runtime {runtime_name()} failed to run the model: {error}") from error


def plan(
    flatbuffer: bytes, threads: int, shape_of: Callable[[tuple[int, ...]], tuple[int, ...]] = lambda shape: shape
) -> Planned:
    """An interpreter for input of the shape that `shape_of` makes of the flatbuffer's own, run once.

    `ModelError` for a model that the runtime refuses.
    """
    interpreter_class = load_runtime()[1]
    try:
        with native_messages_dropped():  # "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
            interpreter = interpreter_class(model_content=flatbuffer, num_threads=threads)
            source, scores = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
            planned_for = tuple(int(size) for size in source["shape"])
            if (wanted := shape_of(planned_for)) != planned_for:
                interpreter.resize_tensor_input(source["index"], wanted)
            interpreter.allocate_tensors()
            interpreter.invoke()  # the first run is slower, and sizes an output whose shape is not fixed
    except SystemError as error:  # tflite-runtime was built on NumPy 1, and finds out only here
        raise RuntimeMissingError(
            f"{runtime_name()} was built for another NumPy than {np.__version__}: "
            "pip install 'numpy<2' 'opencv-python-headless<4.12'"
        ) from error
    except (RuntimeError, ValueError, IndexError) as error:
        raise ModelError(f"the runtime {runtime_name()} refuses the model: {error}") from error
    return Planned(interpreter, source["index"], scores["index"])


def check_input(source: dict[str, Any]) -> None:
    """`ModelError` unless an input tensor takes uint8 pictures, or float32 ones, without arithmetic on the way."""
    dtype, (scale, zero_point) = np.dtype(source["dtype"]), quantization(source)
    if dtype == np.float32:
        return
    if dtype != np.uint8 or zero_point != 0 or abs(scale * 255 - 1) > 0.01:
        raise ModelError(
            f"the model's input is {dtype} of scale {scale:.5f}, zero point {zero_point}: "
            "only float32, or uint8 counted in 1/255 from 0, can be fed without float arithmetic"
        )


def quantization(tensor: dict[str, Any]) -> tuple[float, int]:
    """Scale and zero point of a tensor; (1, 0) for one that is not quantized."""
    scale, zero_point = tensor["quantization"]
    return (float(scale), int(zero_point)) if scale else (1.0, 0)
