"""A network that can be trained on, out of an exported bundle: of the models that ship, nothing else is there.

Weights of 8 bits are as good a beginning as those they were rounded from. Batch norms were folded into the
convolutions, and are made again (`folding`).
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType

import keras
import numpy as np
import numpy.typing as npt

from edge_hwr.bundle import Bundle
from edge_hwr.errors import RuntimeMissingError, TrainingError

from .column_blocks import is_blocked, unblocked_bias, unblocked_kernel
from .folding import WEIGHTED, unfold_batch_norms
from .line_network import build_line_network
from .line_recipe import LineRecipe
from .networks import build_network
from .recipe import Recipe
from .silence import silenced

Array = npt.NDArray[np.float32]


def recover_network(
    bundle: Bundle, recipe: Recipe | LineRecipe, samples: Iterable[npt.NDArray[np.uint8]]
) -> keras.Model:
    """The float network of a bundle, its batch norms made for `samples`, batches uint8 (B, height, width, 1).

    `TrainingError` where the weights cannot be read, or are those of another network than the recipe's.
    """
    metadata, classes = bundle.metadata, len(recipe.charset)
    if isinstance(recipe, LineRecipe):
        model = build_line_network(recipe.network, height=metadata.height, classes=classes + 1)
    else:
        assert metadata.width is not None
        model = build_network(recipe.network, height=metadata.height, width=metadata.width, classes=classes)
    # By shape, and those of one shape in the order of the graph: branches may stand either way round in it.
    found = defaultdict(list)
    for kernel, bias in _read_weights(bundle):
        found[kernel.shape].append((kernel, bias))
    weights = {}
    for layer in model.layers:
        if isinstance(layer, WEIGHTED) and (own := found[tuple(layer.kernel.shape)]):
            weights[layer.name] = own.pop(0)
        elif layer.weights and not isinstance(layer, keras.layers.BatchNormalization):
            raise _unreadable(bundle)
    if any(found.values()):
        raise _unreadable(bundle)
    unfold_batch_norms(model, weights, samples)
    return model


def _read_weights(bundle: Bundle) -> list[tuple[Array, Array]]:
    """Kernel, as Keras has it, and bias of each layer that has weights, in the order of the graph."""
    schema, flatbuffer_utils = _flatbuffer_modules()
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(bundle.flatbuffer))
    graph, kinds = model.subgraphs[0], schema.BuiltinOperator
    types = {schema.TensorType.INT8: np.int8, schema.TensorType.INT32: np.int32, schema.TensorType.FLOAT32: np.float32}

    def constant(index: int) -> Array | None:
        tensor = graph.tensors[index]
        data, quantization = model.buffers[tensor.buffer].data, tensor.quantization
        if data is None or tensor.type not in types:
            return None
        array = np.frombuffer(bytes(data), types[tensor.type]).reshape(tensor.shape).astype(np.float32)
        if quantization is None or quantization.scale is None or len(quantization.scale) == 0:
            return array
        scale = np.asarray(quantization.scale, np.float32)
        if len(scale) > 1:
            scale = scale.reshape([-1 if axis == quantization.quantizedDimension else 1 for axis in range(array.ndim)])
        return array * scale

    layers = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        kind = max(code.builtinCode, code.deprecatedBuiltinCode)
        constants = [constant(index) for index in operator.inputs if index >= 0]
        if kind in (kinds.CONV_2D, kinds.DEPTHWISE_CONV_2D, kinds.FULLY_CONNECTED):
            # A bias that is all zeros may have been left out.
            channels = int(graph.tensors[operator.outputs[0]].shape[-1])
            _, kernel, bias = [*constants, np.zeros(channels, np.float32)][:3]
            if kernel is None or bias is None:
                raise _unreadable(bundle)
            if is_blocked(kernel):
                kernel, bias = unblocked_kernel(kernel), unblocked_bias(bias)
            # TFLite has the outputs first; of a depthwise convolution the channels last, as Keras with one for each.
            layers.append((kernel.T if kernel.ndim == 2 else kernel.transpose(1, 2, 3, 0), bias))
        elif kind in (kinds.ADD, kinds.MUL) and any(one is not None for one in constants):
            raise _unreadable(bundle)  # a batch norm that was not folded
    return layers


def _flatbuffer_modules() -> tuple[ModuleType, ModuleType]:
    """The schema of flatbuffers and what reads them by it, of TensorFlow or, where that is not, of the runtime."""
    for schema, tools in (
        ("tensorflow.lite.python.schema_py_generated", "tensorflow.lite.tools.flatbuffer_utils"),
        ("ai_edge_litert.schema_py_generated", "ai_edge_litert.tools.flatbuffer_utils"),
    ):
        with contextlib.suppress(ImportError), silenced():
            return import_module(schema), import_module(tools)
    raise RuntimeMissingError(
        "reading the weights of a bundle takes tensorflow or a later ai-edge-litert: install one, or start from a run"
    )


def _unreadable(bundle: Bundle) -> TrainingError:
    return TrainingError(
        f"{bundle.path}: its weights cannot be read back (float16, LSTM layers, or exported by another version): "
        "start from an int8 or float32 bundle of this version, or from a run folder"
    )
