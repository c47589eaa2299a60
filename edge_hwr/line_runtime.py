"""A line model on the TFLite runtime: lines of any width, in bounded time and memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_hwr.errors import ModelError
from edge_hwr.runtime import Planned, check_input, plan, quantization

WIDTHS = (256, 384, 512, 576, 640, 704, 768, 832, 896, 960, 1024, 1088, 1152, 1280, 1408, 1536)
"""Widths in pixels that interpreters are planned for; other lines are padded to the next, wider ones cut up.

They lie closest where most lines are. Each costs about 4 MB once it is used.
"""

_OVERLAP = 512
"""Columns that the pieces of a wide line have in common: in their middles the network sees as far as it can look."""


class LineModel:
    """A line model: the uint8 tensor of a line in, raw scores for each step along it out.

    An interpreter is planned once for each width of `WIDTHS` at its first use and kept. `ModelError` for a model that
    the runtime refuses, or whose tensors are not those of a line model: one input (1, height, width, 1) of free width,
    uint8 counted in 1/255 or float32 in 0..1, and one output (1, 1, steps, classes), the last class being CTC's blank.
    """

    def __init__(self, flatbuffer: bytes, *, threads: int = 1) -> None:
        self._flatbuffer = flatbuffer
        self._threads = threads
        self._planned: dict[int, Planned] = {}
        interpreter = self._plan(WIDTHS[0]).interpreter
        sources, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        shape, scores = sources[0]["shape"], outputs[0]["shape"]
        if len(sources) != 1 or len(outputs) != 1 or len(scores) != 4 or scores[1] != 1 or WIDTHS[0] % scores[2]:
            raise ModelError("the model does not give a row of scores for each step of a line: export it with edge-hwr")
        check_input(sources[0])
        self.height = int(shape[1])
        self.stride = WIDTHS[0] // int(scores[2])
        """Columns of pixels to a step."""
        self.classes = int(scores[3])
        self.input_dtype: np.dtype[Any] = np.dtype(sources[0]["dtype"])
        self.output_dtype: np.dtype[Any] = np.dtype(outputs[0]["dtype"])
        self.output_scale, self.output_zero_point = quantization(outputs[0])

    def invoke(self, line: NDArray[np.uint8]) -> NDArray[Any]:
        """Raw scores (steps, classes), as int8 or float32, of a line's tensor, uint8 (1, height, width, 1).

        The real score is `output_scale * (raw - output_zero_point)`; there is a step for every `stride` columns.
        """
        if line.ndim != 4 or line.shape[0] != 1 or line.shape[1] != self.height or line.dtype != np.uint8:
            raise ModelError(
                f"the model takes uint8 lines of (1, {self.height}, width, 1), not {line.dtype} of {line.shape}"
            )
        width = line.shape[2]
        steps = -(-width // self.stride)
        if width <= WIDTHS[-1]:
            return self._invoke_piece(line)[:steps]
        scores = np.empty((steps, self.classes), self.output_dtype)
        margin = _OVERLAP // 2
        for start in range(0, width - _OVERLAP, WIDTHS[-1] - _OVERLAP):
            piece = self._invoke_piece(line[:, :, start : start + WIDTHS[-1]])
            skipped = margin if start else 0
            first = (start + skipped) // self.stride
            # What the next piece sees better is written over by it.
            scores[first : first + len(piece) - skipped // self.stride] = piece[skipped // self.stride :]
        return scores

    def scores(self, line: NDArray[np.uint8], temperature: float) -> NDArray[np.float32]:
        """Logits (steps, classes) at a temperature, up to a constant, as `edge_hwr.ctc` decodes them."""
        return self.invoke(line).astype(np.float32) * np.float32(self.output_scale / temperature)

    def _invoke_piece(self, line: NDArray[np.uint8]) -> NDArray[Any]:
        """Scores of a line no wider than the widest interpreter, a copy."""
        width = line.shape[2]
        bucket = next(size for size in WIDTHS if size >= width)
        planned = self._planned.get(bucket) or self._plan(bucket)
        # The view must be gone again when the interpreter runs.
        source = planned.interpreter.tensor(planned.source)()
        if self.input_dtype == np.uint8:
            source[:, :, :width] = line
        else:
            np.multiply(line, np.float32(1 / 255), out=source[:, :, :width])
        source[:, :, width:] = 0
        del source
        planned.run()
        scores: NDArray[Any] = planned.interpreter.tensor(planned.scores)()[0, 0, : -(-width // self.stride)].copy()
        return scores

    def _plan(self, width: int) -> Planned:
        planned = plan(self._flatbuffer, self._threads, lambda shape: (*shape[:2], width, *shape[3:]))
        if len(planned.interpreter.tensor(planned.source)().shape) != 4:
            raise ModelError("the model does not take a picture: export it with edge-hwr")
        self._planned[width] = planned
        return planned
