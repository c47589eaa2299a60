"""Leaving out of a flatbuffer what no runtime needs: in the smallest models that is a fifth of the file."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt

from .silence import silenced

_IDENTIFIER = b"TFL3"


def strip(flatbuffer: bytes) -> bytes:
    """The same model without names of tensors and signatures, ranges seen in calibration, notes of the converter,
    buffers that hold nothing, shapes of what is neither input nor output that runtimes find out themselves, and vectors
    that say what another one says.

    The layers of a stripped model cannot be told apart any more: trace the one that `convert` gave.
    """
    with silenced():
        from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(flatbuffer))
    flatbuffer_utils.strip_strings(model)
    model.metadata = [entry for entry in model.metadata or [] if entry.name == b"min_runtime_version"]
    tensors = [tensor for subgraph in model.subgraphs for tensor in subgraph.tensors]
    if len(model.subgraphs) == 1:  # the body of a loop, which is another, has no other way to know
        (graph,) = model.subgraphs
        for number in set(range(len(graph.tensors))) - {*graph.inputs, *graph.outputs}:
            graph.tensors[number].shapeSignature = None
    for tensor in tensors:
        if tensor.quantization is not None:
            # Scale and zero point say all; these are what they were made of.
            tensor.quantization.min = tensor.quantization.max = None
    _drop_buffers(model, [*tensors, *model.metadata])
    builder = _SharingBuilder(1024)
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """Writes equal vectors once. The zero points of per-channel weights and biases, eight bytes of nothing for every
    channel, are most of what a converter repeats."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: npt.NDArray[np.generic]) -> int:  # noqa: N802  (its name in flatbuffers)
        key = x.dtype.str, x.tobytes()
        if key not in self._written:
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]


def _drop_buffers(model: Any, users: list[Any]) -> None:
    """Buffer 0 stands for "no data" in the schema; the converter makes one more for every activation."""
    used = {0, *(user.buffer for user in users if model.buffers[user.buffer].data is not None)}
    renumbered = {old: new for new, old in enumerate(sorted(used))}
    for user in users:
        user.buffer = renumbered.get(user.buffer, 0)
    model.buffers = [model.buffers[number] for number in renumbered]
