"""Networks that lend their weights: to a training that begins with them, or to a mean.

A lender is a run folder, or a bundle by its file or by the name of one that ships.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_hwr.bundle import Bundle, open_bundle, shipped_bundles
from edge_hwr.errors import TrainingError

from .line_recipe import LineRecipe
from .pacing import Weights
from .quantize import load_keras
from .recipe import Recipe, recipe_from_json
from .run_files import RunFiles
from .run_record import read_record
from .silence import silenced

_STAGE_ARRAYS = 5
"""Of weights to each convolution of a stage: its own, and four of the batch norm after it."""


def lender_recipe(lender: Path) -> Recipe | LineRecipe:
    """The recipe that a lender was trained by."""
    if _is_bundle(lender):
        added = ("trained_epochs", "averaged_with", "blank_offset")
        table = _open(lender).metadata.recipe
        return recipe_from_json({key: table[key] for key in table if key not in added}, where=str(lender))
    return read_record(lender)[1]


def lender_digest(lender: Path) -> str:
    """The digest of the preprocessing that a lender was trained with."""
    if _is_bundle(lender):
        return _open(lender).metadata.preprocessing_digest
    return str(read_record(lender)[0].get("preprocessing_digest", ""))


def load_lender(lender: Path, samples: Iterable[npt.NDArray[np.uint8]] = ()) -> Any:
    """The float network of a lender, a Keras model; `TrainingError` of a run that has none yet.

    A bundle's is trained on best with batch norms made for what it is to be trained with: `samples`, batches uint8
    (B, height, width, 1).
    """
    if not _is_bundle(lender):
        return load_keras(RunFiles(path=lender, record=read_record(lender)[0]).trained_model())
    with silenced():
        from .bundle_weights import recover_network

    return recover_network(_open(lender), lender_recipe(lender), samples)


def lend_weights(lender: Path, recipe: Recipe, model: Any, samples: Iterable[npt.NDArray[np.uint8]]) -> None:
    """Give a glyph model all weights of a lender, of as many channels or fewer: those that are added do nothing at
    first. `TrainingError` when the layers or charsets differ."""
    if lender_recipe(lender).charset != recipe.charset:
        raise TrainingError(f"{lender}: its charset is another one: start_from wants the same layers and charset")
    lent, own = load_lender(lender, samples).get_weights(), model.get_weights()
    if not are_wider(own, lent):
        raise TrainingError(
            f"{lender}: its network is another one: start_from wants the same layers, of as many channels or fewer"
        )
    model.set_weights(widened(lent, own))


def lend_line_weights(lender: Path, recipe: LineRecipe, model: Any, samples: Iterable[npt.NDArray[np.uint8]]) -> None:
    """Give a line model the weights of a lender: from the beginning as far as the shapes agree, then from the end; a
    smaller network sees with the eyes of the larger one. Layers of context that are added to all of the lender's do
    nothing at first (as in P. Goyal et al., "Accurate, large minibatch SGD", 2017), nor do features that are added to
    each of them (after T. Chen et al., "Net2Net", ICLR 2016). `TrainingError` when not even the beginning fits.
    """
    charset = _line_recipe(lender).charset
    lent, own = load_lender(lender, samples).get_weights(), model.get_weights()
    if (begin := _common(lent, own)) == 0:
        raise TrainingError(f"{lender}: its network begins differently: start_from wants the same first stage")
    if begin < _STAGE_ARRAYS * sum(map(len, recipe.network.stages[: recipe.training.keep_stages])):
        raise TrainingError(f"{lender}: its stages are others: keep_stages wants the same")
    end = _common(lent[begin:][::-1], own[begin:][::-1])
    if charset != recipe.charset:  # the last layer's kernel and bias are of characters
        begin, end = min(begin, len(own) - 2), 0
    added = own[begin : len(own) - end]
    if begin + end == len(lent):
        with silenced():
            from .line_network import CONTEXT_ARRAYS, CONTEXT_GAIN
        for gain in added[CONTEXT_GAIN::CONTEXT_ARRAYS]:
            gain[:] = 0
    if charset == recipe.charset and are_wider(own, lent):
        model.set_weights(widened(lent, own))
    else:
        model.set_weights(lent[:begin] + added + lent[len(lent) - end :])


def load_line_teacher(recipe: LineRecipe, samples: Iterable[npt.NDArray[np.uint8]]) -> Any:
    """The network of the recipe's `teacher`, without dropout; `TrainingError` where that is no model of its charset."""
    with silenced():
        from .line_network import build_line_network

    path = Path(recipe.training.teacher)
    own = _line_recipe(path)
    if own.charset != recipe.charset:
        raise TrainingError(f"{path}: its charset is another one: a teacher wants the recipe's")
    lent = load_lender(path, samples)
    network = dataclasses.replace(own.network, dropout=0.0)
    teacher = build_line_network(network, height=lent.input_shape[1], classes=len(own.charset) + 1)
    teacher.set_weights(lent.get_weights())
    return teacher


def are_wider(own: Weights, lent: Weights) -> bool:
    """Whether weights are of the same layers as a lender's, of as many features each or more."""
    return len(own) == len(lent) and all(map(_is_wider, own, lent))


def widened(lent: Weights, own: Weights) -> Weights:
    """A narrower network's weights in a wider one's: what is added to its features keeps its own weights, and changes
    nothing of what they give."""
    return list(map(_widened, lent, own))


def _is_wider(own: npt.NDArray[np.float32], lent: npt.NDArray[np.float32]) -> bool:
    same_window = lent.ndim == own.ndim and lent.shape[:-2] == own.shape[:-2]
    return same_window and all(few <= many for few, many in zip(lent.shape, own.shape, strict=True))


def _widened(lent: npt.NDArray[np.float32], own: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    wide = own.copy()
    wide[tuple(map(slice, lent.shape))] = lent
    depthwise = lent.ndim == 4 and lent.shape[-1] == 1
    if lent.ndim > 1 and not depthwise:  # (rows, columns, features in, features out), or the last two of them
        wide[..., lent.shape[-2] :, : lent.shape[-1]] = 0
    return wide


def _line_recipe(lender: Path) -> LineRecipe:
    recipe = lender_recipe(lender)
    if not isinstance(recipe, LineRecipe):
        raise TrainingError(f"{lender}: a {recipe.task} model, not a line model: lines learn from lines")
    return recipe


def _open(lender: Path) -> Bundle:
    # A file here is meant before a bundle that ships under the same name.
    return open_bundle(lender.absolute() if lender.is_file() else lender)


def _is_bundle(lender: Path) -> bool:
    # A folder of data may have the name of a model.
    return lender.is_file() or (not (lender / "run.json").exists() and str(lender) in shipped_bundles())


def _common(lent: list[npt.NDArray[np.float32]], own: list[npt.NDArray[np.float32]]) -> int:
    """How many arrays, from the first on, have the same shapes."""
    agree = [theirs.shape == ours.shape for theirs, ours in zip(lent, own, strict=False)]
    return agree.index(False) if False in agree else len(agree)
