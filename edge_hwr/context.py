"""Context: what the line a glyph stands in says where its shape alone cannot tell.

O and 0, l, 1 and I, x and X are told apart by how tall the glyph is in its line and by the company it keeps. The step
only moves probability within a group of characters of one shape (`GROUPS`): it never makes a character out of another
that looks different, and what is left of the model's own doubt stays in the confidence.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

GROUPS = (
    "Oo0",
    "Il1|",
    "Ss5",
    "Zz2",
    "B8",
    "b6",
    "q9",
    "Cc",
    "Jj",
    "Kk",
    "Pp",
    "Uu",
    "Vv",
    "Ww",
    "Xx",
    "Yy",
    ",'",
    "-_",
)
"""Characters that look alike once they are scaled to the same size."""

_TALL, _LOW, _DESCENDING = (1.0, 0.0), (0.62, 0.0), (0.62, -0.35)
_STANDS = (
    dict.fromkeys("ABCDEFGHIJKLMNOPRSTUVWXYZ0123456789bdhkl|!?&%#$", _TALL)
    | dict.fromkeys("acemnorsuvwxz", _LOW)
    | dict.fromkeys("gpqy", _DESCENDING)
    | {"i": (0.9, 0.0), "t": (0.9, 0.0), "j": (0.9, -0.35), ",": (0.15, -0.2), "'": (1.0, 0.65)}
    | {"-": (0.45, 0.35), "_": (0.0, -0.1)}
)
"""Upper and lower end of a character above the baseline, in heights of a capital."""

_HEIGHT_SPREAD = 0.22
"""Standard deviation of where a hand puts those ends, in the same unit."""
_COMPANY_FLOOR = 0.25
"""What a neighbour that nothing is known of counts, so that one letter does not make a word."""
_NEIGHBOURS = 3
_FAR = 1.2
"""Neighbours are of the same word up to this gap, in heights of a capital."""

Floats = NDArray[np.float32]


class Context:
    """The groups of a charset, and where its characters stand. `useful` is false when no two of them look alike."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        index = {label: number for number, label in enumerate(labels)}
        groups = [[index[character] for character in group if character in index] for group in GROUPS]
        self._groups = [np.array(group, np.intp) for group in groups if len(group) > 1]
        self._group_of = np.full(len(labels), -1, np.intp)
        for number, group in enumerate(self._groups):
            self._group_of[group] = number
        nowhere = (np.nan, np.nan)
        self._stands = np.array([_STANDS.get(label, nowhere) for label in labels], np.float32)
        self._kinds = np.array([[c.isdigit(), c.isupper(), c.islower()] for c in labels], np.float32)

    @property
    def useful(self) -> bool:
        return bool(self._groups)

    def weigh(self, probabilities: Floats, boxes: NDArray[np.int32], line_of: NDArray[np.int32]) -> Floats:
        """Probabilities (N, C) of glyphs with boxes (N, 4: x, y, w, h) in reading order, as the context changes them.

        Each row still adds up to what it did.
        """
        weighed = probabilities.copy()
        if not len(probabilities):
            return weighed
        best = probabilities.argmax(axis=1)
        scale = self._capital_height(boxes, best)
        starts = np.flatnonzero(np.diff(line_of, prepend=-1)).tolist()
        for start, end in pairwise([*starts, len(line_of)]):
            line = slice(start, end)
            capital = self._capital_height(boxes[line], best[line]) or scale
            if capital:
                self._weigh_line(weighed[line], probabilities[line], boxes[line], best[line], capital)
        return weighed

    def _capital_height(self, boxes: NDArray[np.int32], best: NDArray[np.intp]) -> float:
        """Height of a capital in pixels, from the glyphs that look like no other; 0 when there are none."""
        sure = self._evidence(best)
        spans = self._stands[best[sure], 0] - self._stands[best[sure], 1]
        return float(np.median(boxes[sure, 3] / spans)) if sure.any() else 0.0

    def _evidence(self, best: NDArray[np.intp]) -> NDArray[np.bool_]:
        return np.asarray((self._group_of[best] < 0) & ~np.isnan(self._stands[best, 0]), np.bool_)

    def _weigh_line(
        self, weighed: Floats, probabilities: Floats, boxes: NDArray[np.int32], best: NDArray[np.intp], capital: float
    ) -> None:
        upper = boxes[:, 1].astype(np.float32)
        lower = upper + boxes[:, 3]
        baseline = self._baseline(boxes, best, capital)
        company = self._company(probabilities, boxes, best, capital)
        for position in np.flatnonzero(self._group_of[best] >= 0).tolist():
            group = self._groups[self._group_of[best[position]]]
            stands = self._stands[group]
            ends = np.array([baseline[position] - upper[position], baseline[position] - lower[position]]) / capital
            off = ((stands - ends) / _HEIGHT_SPREAD) ** 2
            likelihood = np.exp(-0.5 * np.minimum(off.sum(axis=1), 12.0))
            kinds = self._kinds[group]
            known = kinds.any(axis=1)
            prior = np.where(known, kinds @ company[position], _COMPANY_FLOOR)
            share = probabilities[position, group] * likelihood * prior
            if (total := share.sum()) > 0:
                weighed[position, group] = share * (probabilities[position, group].sum() / total)

    def _baseline(self, boxes: NDArray[np.int32], best: NDArray[np.intp], capital: float) -> Floats:
        """The baseline's y under each glyph: a straight line through what is known, or level where that is little."""
        sure = self._evidence(best)
        middle = boxes[:, 0] + boxes[:, 2] / 2
        lower = boxes[:, 1] + boxes[:, 3]
        if not sure.any():
            return np.full(len(boxes), np.median(lower), np.float32)
        feet = lower[sure] + self._stands[best[sure], 1] * capital
        if sure.sum() < 4:
            return np.full(len(boxes), np.median(feet), np.float32)
        slope, offset = np.polyfit(middle[sure], feet, 1)
        return np.asarray(slope * middle + offset, np.float32)

    def _company(
        self, probabilities: Floats, boxes: NDArray[np.int32], best: NDArray[np.intp], capital: float
    ) -> Floats:
        """How much each glyph's neighbours in its word speak for a digit, a capital, a small letter: (N, 3)."""
        alike = self._group_of[best] >= 0
        said = probabilities @ self._kinds
        said[alike] *= 0.3  # they wait for context themselves
        left, right = boxes[:, 0], boxes[:, 0] + boxes[:, 2]
        joined = (left[1:] - right[:-1]) < _FAR * capital
        word = np.concatenate([[0], np.cumsum(~joined)])
        company = np.full((len(boxes), 3), _COMPANY_FLOOR, np.float32)
        for distance in range(1, _NEIGHBOURS + 1):
            same = word[distance:] == word[:-distance]
            company[distance:][same] += said[:-distance][same] / distance
            company[:-distance][same] += said[distance:][same] / distance
        first = np.diff(word, prepend=-1) > 0
        # A capital begins a word of small letters as well as one of capitals.
        company[first, 1] = np.maximum(company[first, 1], company[first, 2])
        return company
