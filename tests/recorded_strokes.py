"""Drawings, packed as the files of UNIPEN strokes are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

Drawing = Sequence[Sequence[tuple[int, int]]]
"""Strokes of points (x, y) in hundredths of the drawing's height, y down."""


def pack(
    path: Path,
    drawings: Sequence[Drawing],
    labels: Sequence[str],
    *,
    writers: Sequence[int] | None = None,
    test: Sequence[bool] | None = None,
) -> Path:
    """Quarter units, each stroke's first point whole, the others as steps.

    Each drawing has a writer of its own, and every other one is held out for tests, unless told otherwise.
    """
    strokes = [np.array(stroke) * 4 for drawing in drawings for stroke in drawing]
    everyone = np.arange(len(labels))
    np.savez(
        path,
        delta=np.concatenate([np.diff(stroke, axis=0, prepend=[[0, 0]]) for stroke in strokes]).astype(np.int16),
        stroke_len=np.array([len(stroke) for stroke in strokes], np.uint16),
        n_strokes=np.array([len(drawing) for drawing in drawings], np.uint16),
        label=np.array(list(labels)),
        writer=np.array(everyone if writers is None else writers, np.int32),
        test=np.array(everyone % 2 == 1 if test is None else test, bool),
        source=np.zeros(len(labels), np.uint8),
        source_names=np.array(["abc"]),
        unit=np.int32(4),
        height=np.int32(100),
    )
    return path
