"""Where an int8 model loses precision: the signal to quantization noise ratio of every tensor, worst first."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from .quantize import Glyphs

_CEILING_DB = 99.0
"""Given for tensors that lose nothing at all."""


Kind = Literal["weights", "activations"]


@dataclass(frozen=True, slots=True)
class TensorNoise:
    """10 log10 of signal over noise power, in dB, of a layer's weights, or of its activations.

    The signal is what varies (a mean that all values share carries nothing); the noise of activations is all that has
    come about up to there, so that a sudden fall shows the layer to blame. As a rule of thumb 30 dB are good, and below
    10 dB decisions change.
    """

    layer: str
    kind: Kind
    sqnr_db: float


def find_noise(float32: bytes, int8: bytes, glyphs: Glyphs) -> list[TensorNoise]:
    """Compare the tensors of two flatbuffers of the same network, over glyphs (N, height, width); worst first."""
    exact, rounded = _Traced(float32), _Traced(int8)
    shared = [key for key in rounded.tensors if key in exact.tensors]
    signal, noise = dict.fromkeys(shared, 0.0), dict.fromkeys(shared, 0.0)
    for glyph in glyphs:
        exact.run(glyph)
        rounded.run(glyph)
        for key in shared:
            true = exact.value(key).astype(np.float64)
            signal[key] += float(true.var())
            noise[key] += float(np.square(rounded.value(key) - true).mean())
    weights = {_layers_of(key.name)[0] for key in shared if rounded.is_weight(key)}
    found = []
    for key in shared:
        # Of the layers that the converter fused into one, the convolution says best which it is.
        layers = _layers_of(key.name)
        layer = next((name for name in layers if name in weights), layers[0])
        kind: Kind = "weights" if rounded.is_weight(key) else "activations"
        found.append(TensorNoise(layer, kind, _db(signal[key], noise[key])))
    return sorted(found, key=lambda item: item.sqnr_db)


def plot_noise(found: Sequence[TensorNoise]) -> bytes:
    """A PNG with a bar for each tensor, worst at the top."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.2 + 0.32 * len(found)), layout="constrained")
    axes = figure.add_subplot()
    colours = {"weights": "#4878a8", "activations": "#d8803c"}
    for kind, colour in colours.items():
        rows = [row for row, item in enumerate(found) if item.kind == kind]
        axes.barh(rows, [found[row].sqnr_db for row in rows], color=colour, label=kind)
    axes.set_yticks(range(len(found)), [f"{item.layer} {item.kind}" for item in found])
    axes.invert_yaxis()
    axes.axvline(10, color="#b03030", linestyle="--", linewidth=1)
    axes.set_xlabel("signal to quantization noise (dB)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="outside upper right", ncols=2)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=120)
    return png.getvalue()


@dataclass(frozen=True, slots=True)
class _Key:
    """What a tensor is known by in both flatbuffers."""

    name: str
    shape: tuple[int, ...]


class _Traced:
    """A model whose tensors can all be looked at, computed without a delegate (which would merge layers)."""

    def __init__(self, flatbuffer: bytes) -> None:
        self._interpreter: Any = Interpreter(
            model_content=flatbuffer,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        self._whole = self._input["dtype"] == np.uint8
        wanted = np.int8 if self._whole else np.float32
        self.tensors: dict[_Key, dict[str, Any]] = {}
        for tensor in self._interpreter.get_tensor_details():
            if tensor["name"] and tensor["dtype"] == wanted and len(tensor["shape"]) > 1:
                self.tensors[_Key(tensor["name"], tuple(tensor["shape"].tolist()))] = tensor

    def run(self, glyph: npt.NDArray[np.uint8]) -> None:
        picture = glyph[np.newaxis, ..., np.newaxis]
        source = picture if self._whole else picture.astype(np.float32) / 255
        self._interpreter.set_tensor(self._input["index"], source)
        self._interpreter.invoke()

    def value(self, key: _Key) -> npt.NDArray[Any]:
        """A tensor in real numbers."""
        tensor = self.tensors[key]
        raw = np.asarray(self._interpreter.get_tensor(tensor["index"]))
        parameters = tensor["quantization_parameters"]
        if not len(parameters["scales"]):
            return raw
        shape = [1] * raw.ndim
        if len(parameters["scales"]) > 1:
            shape[parameters["quantized_dimension"]] = -1
        zero_points = parameters["zero_points"].reshape(shape)
        return np.asarray((raw.astype(np.float64) - zero_points) * parameters["scales"].reshape(shape))

    def is_weight(self, key: _Key) -> bool:
        """Only weights are quantized by channel."""
        return len(self.tensors[key]["quantization_parameters"]["scales"]) > 1


def _layers_of(name: str) -> list[str]:
    """The Keras layers in a tensor's name: "network_1/layer_1/operation;network_1/other_1/…", one for each operation
    that was fused into it; Keras numbers the calls, the converter calls the last tensor otherwise."""
    paths = [part.split("/") for part in name.split(";")]
    return [path[1].rpartition("_")[0] for path in paths if len(path) > 1] or ["output"]


def _db(signal: float, noise: float) -> float:
    if noise == 0 or signal == 0:
        return _CEILING_DB
    return round(min(10 * float(np.log10(signal / noise)), _CEILING_DB), 2)
