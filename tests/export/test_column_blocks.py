"""Blocks of columns change nothing but the time that a line takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("keras", reason="training needs the extra `export`")

import keras
from ai_edge_litert.interpreter import Interpreter

from edge_hwr.bundle import open_bundle
from edge_hwr.export.column_blocks import block_columns, blocked_kernel, is_blocked, unblocked_kernel
from edge_hwr.export.line_network import build_line_network
from edge_hwr.export.line_recipe import LineNetworkRecipe
from edge_hwr.export.quantize import convert
from edge_hwr.line_runtime import LineModel

HEIGHT, CLASSES = 48, 7


def as_converted(stages: tuple[tuple[int, ...], ...], precision: Any) -> bytes:
    keras.utils.set_random_seed(5)
    network = LineNetworkRecipe(stages, features=24, context=(1, 2))
    rng = np.random.default_rng(6)
    lines = [rng.integers(0, 256, (HEIGHT, 128), np.uint8) for _ in range(4)]
    lines[0][0, :2] = 0, 255
    return convert(build_line_network(network, height=HEIGHT, classes=CLASSES), precision, lines)


@pytest.fixture(scope="module", params=[((8,), (12,)), ((8, 8), (12,), (16,))], ids=["plain", "with a residual"])
def twins(request: pytest.FixtureRequest) -> tuple[LineModel, LineModel]:
    """A model as it was converted, and in blocks."""
    flatbuffer = as_converted(request.param, "int8")
    blocked = block_columns(flatbuffer)
    assert blocked != flatbuffer
    return LineModel(flatbuffer), LineModel(blocked)


@settings(max_examples=30, deadline=None)
@given(width=st.integers(1, 1700), seed=st.integers(0, 2**32 - 1))
def test_lines_of_any_width_get_the_same_scores(twins: tuple[LineModel, LineModel], width: int, seed: int):
    line = np.random.default_rng(seed).integers(0, 256, (1, HEIGHT, width, 1), np.uint8)
    assert np.array_equal(twins[0].invoke(line), twins[1].invoke(line))


def test_only_what_begins_as_int8_line_models_do_is_changed():
    for flatbuffer in (as_converted(((8,), (12,)), "float32"), open_bundle("digits").flatbuffer):
        assert block_columns(flatbuffer) == flatbuffer
    blocked = block_columns(as_converted(((8,), (12,)), "int8"))
    assert block_columns(blocked) == blocked


@pytest.mark.parametrize("name", ["lines", "lines-nano"])
def test_the_models_that_ship_are_in_blocks(name: str):
    interpreter = Interpreter(model_content=open_bundle(name).flatbuffer)
    assert any(tuple(tensor["shape"][1:]) == (3, 2, 8) for tensor in interpreter.get_tensor_details())


def test_a_kernel_comes_back_out_of_its_blocks():
    kernel = np.random.default_rng(1).normal(size=(5, 3, 3, 1)).astype(np.float32)
    blocks = blocked_kernel(kernel)
    assert is_blocked(blocks)
    assert not is_blocked(kernel)
    assert np.array_equal(unblocked_kernel(blocks), kernel)
