"""The batches of an epoch of lines: of about the same width, augmented by threads beside the training."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_hwr.errors import TrainingError

from .line_augmentation import LineAugmenter
from .line_pool import STRIDE, LinePool
from .line_recipe import LineAugmentationRecipe

WIDTH_STEP = 64
"""Batches are padded to multiples of so many columns, so that shapes recur."""

_THREADS = max((os.cpu_count() or 1) // 4, 1)
"""Threads that prepare batches: where the same processor trains they take from it, and a GPU waits for them."""

_AHEAD = max(6, 2 * _THREADS)
_PATIENCE_S = 300.0

_SAMPLED, _SAMPLED_COLUMNS = 16, 16384
_VALIDATED_COLUMNS = 32768

_LEARNED = 150
"""Lines of a group that are read to compare with those held out: they need tell no tenths of a point."""


@dataclass(frozen=True, slots=True, eq=False)
class LineBatch:
    """`lines` uint8 (B, height, width, 1), zeros right of each; `steps` int32 (B,): of the output that is the line's;
    `labels` int32, all texts one after the other as indices in the charset, `lengths` int32 (B,) of each."""

    lines: npt.NDArray[np.uint8]
    steps: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int32]


def plan_epoch(
    pool: LinePool, columns: int, stretch: float, rng: np.random.Generator
) -> tuple[list[npt.NDArray[np.intp]], npt.NDArray[np.float64]]:
    """Rows of the training lines by batch, and by how much the width of each row of the pool is to be multiplied:
    1 / (1 + `stretch`) to its inverse. Batches are planned by what lines are stretched to, or a fourth is padding."""
    stretches = np.exp(rng.uniform(-1, 1, len(pool)) * np.log1p(stretch))
    training = np.flatnonzero(~pool.validation)
    batches = plan_batches((pool.widths * stretches)[training], columns, rng)
    return [training[rows] for rows in batches], stretches


def plan_batches(
    widths: npt.NDArray[np.int32] | npt.NDArray[np.float64], columns: int, rng: np.random.Generator | None = None
) -> list[npt.NDArray[np.intp]]:
    """Indices of widths by batch, each of about `columns` columns and of about the same widths, so that little of a
    batch is padding; shuffled, and a little mixed, where there is a generator for it."""
    loose = widths * np.exp(rng.uniform(-0.02, 0.02, len(widths))) if rng else widths.astype(np.float64)
    order = np.argsort(loose, kind="stable")
    batches, start = [], 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end + 1 - start) * loose[order[end]] <= columns:
            end += 1
        batches.append(order[start:end])
        start = end
    if rng:
        batches = [batches[at] for at in rng.permutation(len(batches))]
    return batches


def pack(lines: Sequence[npt.NDArray[np.uint8]], texts: Sequence[str], index: dict[str, int]) -> LineBatch:
    """Lines, padded to one width, and their texts."""
    height, widest = lines[0].shape[0], max(line.shape[1] for line in lines)
    padded = np.zeros((len(lines), height, -(-widest // WIDTH_STEP) * WIDTH_STEP, 1), np.uint8)
    for row, line in enumerate(lines):
        padded[row, :, : line.shape[1], 0] = line
    steps = np.array([-(-line.shape[1] // STRIDE) for line in lines], np.int32)
    labels = np.array([index[character] for text in texts for character in text], np.int32)
    return LineBatch(padded, steps, labels, np.array([len(text) for text in texts], np.int32))


def validation_batches(pool: LinePool) -> Iterator[tuple[list[int], LineBatch]]:
    """All validation lines as they were drawn, without their labels, and their indices in the pool."""
    return _as_drawn(pool, np.flatnonzero(pool.validation))


def learned_batches(pool: LinePool) -> Iterator[tuple[list[int], LineBatch]]:
    """The same of some training lines, by chance, of each group that some are held out of."""
    rng = np.random.default_rng(0)
    chosen = [
        rng.permutation(np.flatnonzero(~pool.validation & (pool.group == group)))[:_LEARNED]
        for group in np.unique(pool.group[pool.validation])
    ]
    return _as_drawn(pool, np.concatenate(chosen)) if chosen else iter(())


def _as_drawn(pool: LinePool, rows: npt.NDArray[np.intp]) -> Iterator[tuple[list[int], LineBatch]]:
    for part in plan_batches(pool.widths[rows], _VALIDATED_COLUMNS):
        chosen = rows[part].tolist()
        yield chosen, pack([pool.line(row) for row in chosen], [""] * len(chosen), {})


def sample_lines(pool: LinePool, seed: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Some batches (B, height, width, 1) of training lines, as they were drawn."""
    training = np.flatnonzero(~pool.validation)
    for rows in plan_batches(pool.widths[training], _SAMPLED_COLUMNS, np.random.default_rng(seed))[:_SAMPLED]:
        lines = [pool.line(row) for row in training[rows].tolist()]
        yield pack(lines, [""] * len(lines), {}).lines


def prepare_lines(
    pool: LinePool,
    batches: Sequence[npt.NDArray[np.intp]],
    stretches: npt.NDArray[np.float64],
    charset: str,
    recipe: LineAugmentationRecipe,
    seed: int,
    *,
    views: int = 1,
    threads: int = _THREADS,
) -> Iterator[LineBatch]:
    """Augmented batches in the order given, a few of them ahead; `stretches` are of all rows of the pool.

    With several `views` a batch holds each line so often, one after the other, each time changed in another way but to
    one width, so that a step shows the same piece of a line in all of its views.
    """
    index = {character: number for number, character in enumerate(charset)}

    def make(number: int) -> LineBatch:
        # Seeded by batch, so that any number of threads makes the same.
        augment = LineAugmenter(recipe, seed=seed * 1_000_003 + number)
        rows = batches[number].tolist()
        seen = [[augment(pool.line(row), pool.texts[row], float(stretches[row])) for row in rows] for _ in range(views)]
        texts = [pool.texts[row] for row in rows for _ in range(views)]
        return pack(list(itertools.chain.from_iterable(zip(*seen, strict=True))), texts, index)

    with ThreadPoolExecutor(threads, thread_name_prefix="augmentation") as executor:
        ahead: list[Future[LineBatch]] = [executor.submit(make, n) for n in range(min(_AHEAD, len(batches)))]
        try:
            for number in range(len(batches)):
                try:
                    batch = ahead.pop(0).result(timeout=_PATIENCE_S)
                except TimeoutError as error:
                    raise TrainingError(
                        f"no batch was prepared within {_PATIENCE_S:g} s: is the machine out of memory?"
                    ) from error
                if number + _AHEAD < len(batches):
                    ahead.append(executor.submit(make, number + _AHEAD))
                yield batch
        finally:
            for future in ahead:
                future.cancel()
