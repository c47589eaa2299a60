"""The first convolution of a line network, on blocks of columns: the same sums in less time.

Runtimes gather the neighbours of every pixel one by one, and multiply channels by fours or more: a convolution of one
channel, with less than a hundredth of a network's multiplications, takes a good part of its time. Eight columns of one
channel are one column of eight channels, at the same place in memory: there a convolution of two columns gives what
the one of three columns gives at every second of the eight, four times as many channels at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .silence import silenced

_COLUMNS = 8
"""To a block. Of 2 to 16 these are quickest on x86-64; the cores of Pis, emulated, run about as many instructions with
blocks as without."""

_BESIDE = _COLUMNS // 2
"""Columns of the result that a block gives, side by side: one for every two of its own."""

_REACH = 3
"""Rows and columns that a result is made of."""


def block_columns(flatbuffer: bytes) -> bytes:
    """The same int8 line model, to the bit, whose first convolution sees blocks of eight columns: it takes one line at
    a time then, of a width that is a multiple of eight.

    As it was comes back what does not begin as int8 line models do: with a convolution of 3 x 3 pixels, one channel and
    a stride of two, quantized by channel.
    """
    with silenced():
        from tensorflow.lite.python import schema_py_generated as schema
        from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(flatbuffer))
    graph = model.subgraphs[0]
    if not _begins_as_line_models_do(model, schema):
        return flatbuffer
    convolution = graph.operators[1]
    line, result = convolution.inputs[0], convolution.outputs[0]
    kernel, bias = (graph.tensors[index] for index in convolution.inputs[1:])
    rows, columns, channels = (int(size) for size in graph.tensors[result].shape[1:])
    height = int(graph.tensors[line].shape[1])
    additions = _Additions(model, schema)
    blocked = additions.tensor_like(line, (1, height, 2 * columns // _COLUMNS, _COLUMNS))
    together = additions.tensor_like(result, (1, rows, columns // _BESIDE, _BESIDE * channels))

    weights = blocked_kernel(np.frombuffer(bytes(model.buffers[kernel.buffer].data), np.int8).reshape(kernel.shape))
    biases = np.frombuffer(bytes(model.buffers[bias.buffer].data), np.int32)
    for tensor, array in ((kernel, weights), (bias, np.tile(biases, _BESIDE))):
        tensor.shape = list(array.shape)
        tensor.buffer = additions.buffer(array)  # the old one may be another tensor's, too
        quantization = tensor.quantization
        quantization.scale = np.tile(quantization.scale, _BESIDE)
        quantization.zeroPoint = np.tile(quantization.zeroPoint, _BESIDE)
    convolution.inputs, convolution.outputs = [blocked, *convolution.inputs[1:]], [together]
    convolution.builtinOptions.strideW = 1

    graph.operators[1:2] = [
        additions.reshape(line, blocked, (1, height, -1, _COLUMNS)),
        convolution,
        additions.reshape(together, result, (1, rows, -1, channels)),
    ]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def blocked_kernel(kernel: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A kernel (channels, 3, 3, 1), as TFLite has it, for blocks: (4 * channels, 3, 2, 8), of any dtype."""
    blocks = np.zeros((_BESIDE, len(kernel), _REACH, 2 * _COLUMNS), kernel.dtype)
    for number, block in enumerate(blocks):
        block[..., 2 * number : 2 * number + _REACH] = kernel[..., 0]
    return blocks.reshape(-1, _REACH, 2, _COLUMNS)


def is_blocked(kernel: npt.NDArray[Any]) -> bool:
    """Whether a kernel is such a one as `blocked_kernel` gives."""
    if kernel.ndim != 4 or kernel.shape[1:] != (_REACH, 2, _COLUMNS) or len(kernel) % _BESIDE:
        return False
    return np.array_equal(blocked_kernel(unblocked_kernel(kernel)), kernel)


def unblocked_kernel(kernel: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The inverse of `blocked_kernel`: (channels, 3, 3, 1)."""
    first = kernel[: len(kernel) // _BESIDE]
    return first.reshape(len(first), _REACH, -1)[..., :_REACH, np.newaxis]


def unblocked_bias(bias: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The bias that goes with an unblocked kernel, (channels,), of the one that goes with it in blocks."""
    return bias[: len(bias) // _BESIDE]


def _begins_as_line_models_do(model: Any, schema: Any) -> bool:
    """Whether the first operator quantizes the line, and the second is a convolution of it that can be blocked."""
    graph = model.subgraphs[0]
    if len(graph.operators) < 2 or len(model.subgraphs) > 1:
        return False
    quantize, convolution = graph.operators[:2]
    codes = [model.operatorCodes[operator.opcodeIndex] for operator in (quantize, convolution)]
    # The older of the two fields has no room for newer operators, the newer one is empty in some files.
    if [max(code.builtinCode, code.deprecatedBuiltinCode) for code in codes] != [
        schema.BuiltinOperator.QUANTIZE,
        schema.BuiltinOperator.CONV_2D,
    ]:
        return False
    kernel, *biases = (graph.tensors[index] for index in convolution.inputs[1:])
    options = convolution.builtinOptions
    return (
        list(convolution.inputs[:1]) == list(quantize.outputs)
        and kernel.type == schema.TensorType.INT8
        and [bias.type for bias in biases] == [schema.TensorType.INT32]
        and all(len(tensor.quantization.scale) == kernel.shape[0] for tensor in (kernel, *biases))
        and list(kernel.shape[1:]) == [_REACH, _REACH, 1]
        and (options.strideH, options.strideW) == (2, 2)
        and options.padding == schema.Padding.SAME
        and (options.dilationHFactor, options.dilationWFactor) == (1, 1)
    )


class _Additions:
    """What is added to a model: arrays, tensors, and reshapes of them, which change no byte."""

    def __init__(self, model: Any, schema: Any) -> None:
        self._model, self._schema, self._graph = model, schema, model.subgraphs[0]
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RESHAPE
        code.version = 1
        model.operatorCodes.append(code)

    def buffer(self, array: npt.NDArray[Any]) -> int:
        """A buffer of an array's bytes; its index."""
        buffer = self._schema.BufferT()
        buffer.data = np.frombuffer(array.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        return len(self._model.buffers) - 1

    def tensor_like(self, index: int, shape: tuple[int, ...]) -> int:
        """Another tensor of the same type and scale; its index."""
        like = self._graph.tensors[index]
        return self._add(shape, like.type, buffer=0, quantization=like.quantization)

    def reshape(self, source: int, target: int, shape: tuple[int, ...]) -> Any:
        """A reshape of one tensor to another; a side of -1 is what is left."""
        buffer = self.buffer(np.array(shape, np.int32))
        wanted = self._add((len(shape),), self._schema.TensorType.INT32, buffer=buffer)
        operator = self._schema.OperatorT()
        operator.opcodeIndex = len(self._model.operatorCodes) - 1
        operator.inputs, operator.outputs = [source, wanted], [target]
        operator.builtinOptionsType = self._schema.BuiltinOptions.ReshapeOptions
        operator.builtinOptions = self._schema.ReshapeOptionsT()
        operator.builtinOptions.newShape = list(shape)
        return operator

    def _add(self, shape: tuple[int, ...], kind: int, *, buffer: int, quantization: Any = None) -> int:
        tensor = self._schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer, tensor.quantization = list(shape), kind, buffer, quantization
        tensor.name = b""
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1
