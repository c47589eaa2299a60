"""Text over time: what many frames say together, given out once it rests, and again only when it has changed.

Glyphs are followed from frame to frame by the overlap of their boxes. Each frame votes, with its confidence, for the
character of a glyph and for whether it is there at all; old votes fade. So one misread frame, or a glyph that is lost
for a moment, changes nothing. Lines whose characters were read together are followed, and voted for, as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from edge_hwr.reading import REJECTED, Box, Glyph, Line, Reading, box_around

SETTLE_S = 0.3
"""For how long a live text has to rest before it is given out."""

SETTLE_FRAMES = 3
"""For how many frames, whatever their rate."""

RECORDED_FRAMES = 8
"""The same for a recording, whose frames come as fast as they are read: some 0.3 s of it."""

FADING = 0.25
"""The share of its weight that a vote for a character loses with each frame."""

PRESENCE_FADING = 0.4
"""The same for whether the glyph is there at all, which is less often mistaken."""

APPEARS, VANISHES, FORGOTTEN = 0.5, 0.25, 0.1
"""A glyph is there from a presence of the first on, until it falls below the second: no flicker in between."""

_BLANK, _NO_BLANK = 0.65, 0.35
"""There is a blank from the first share of the votes on, until it falls below the second."""

_TAKEOVER = 1.5
"""Another character needs so many times the votes of the one that is shown."""

_OVERLAP, _WITHIN = 0.3, 0.6
"""Boxes are of the same glyph if they share the first part of their union, or the second of the smaller of them: the
box of a 1 that becomes an 8 lies within that of the 8."""

_ALONG: dict[int, Callable[[Box], int]] = {
    0: lambda box: box.x,
    90: lambda box: -box.y,
    180: lambda box: -box.x,
    270: lambda box: box.y,
}
"""Which way the writing runs on a frame that is turned by so many degrees to be read."""


@dataclass(slots=True)
class _Track:
    """One glyph over time: `line` is the line it belongs to, `gap` the share of its frames with a blank before it.

    Or a whole line: `whole` is what it was when it last said what is shown.
    """

    box: Box
    line: int
    votes: dict[str, float] = field(default_factory=dict)
    label: str = ""
    presence: float = 0.0
    mass: float = 0.0
    gap: float = 0.0
    blank: bool = False
    there: bool = False
    whole: Line | None = None

    def vote(self, piece: _Piece) -> None:
        blank = piece.blank
        self.presence += PRESENCE_FADING * (1 - self.presence)
        self.mass += FADING * (1 - self.mass)
        self.gap += FADING * (blank - self.gap) if self.votes else blank
        self.blank = self.gap > (_NO_BLANK if self.blank else _BLANK)
        self.votes = {label: votes * (1 - FADING) for label, votes in self.votes.items() if votes > 0.01}
        self.votes[piece.text] = self.votes.get(piece.text, 0.0) + FADING * piece.confidence
        best = max(self.votes, key=self.votes.__getitem__)
        if self.votes[best] > _TAKEOVER * self.votes.get(self.label, 0.0):
            self.label = best
        if self.label == piece.text:
            self.whole = piece.whole
        self.there = self.there or self.presence >= APPEARS

    def miss(self) -> None:
        self.presence -= PRESENCE_FADING * self.presence
        self.there = self.there and self.presence >= VANISHES

    @property
    def confidence(self) -> float:
        return min(self.votes.get(self.label, 0.0) / self.mass, 1.0)


@dataclass(frozen=True, slots=True)
class _Piece:
    """What votes: a glyph or, where characters were read together or no glyphs are told, a `whole` line."""

    text: str
    confidence: float
    box: Box
    line: int
    blank: bool
    whole: Line | None = None


class Settler:
    """Turns readings, one a frame, into the text that has settled.

    A text has to rest for `settle_s` seconds and for `settle_frames` frames.
    """

    def __init__(self, settle_s: float = SETTLE_S, settle_frames: int = SETTLE_FRAMES) -> None:
        self._settle_s = settle_s
        self._settle_frames = settle_frames
        self._tracks: list[_Track] = []
        self._order: dict[int, int] = {}
        self._next_line = 0
        self._candidate: Reading | None = None
        self._frames = 0
        self._since = 0.0
        self._settled: Reading | None = None

    @property
    def settled(self) -> Reading | None:
        """The text that was given out last; None before the first."""
        return self._settled

    @property
    def resting(self) -> bool:
        """Whether what the frames say is what was given out."""
        return self._settled is not None and self._candidate is self._settled

    def update(self, reading: Reading, time: float) -> Reading | None:
        """Let a frame of `time`, in seconds, vote; returns the text if that has just settled, and is another."""
        self._vote(reading)
        composed = self._compose(reading)
        if self._candidate is None or composed.text != self._candidate.text:
            self._frames, self._since = 0, time
        self._frames += 1
        self._candidate = composed
        if self._frames < self._settle_frames or time - self._since < self._settle_s:
            return None
        return self._give()

    def finish(self) -> Reading | None:
        """At the end of a recording: what its last frames say, if that was not given out yet."""
        return self._give() if self._candidate is not None else None

    def _give(self) -> Reading | None:
        before, self._settled = self._settled, self._candidate
        assert self._settled is not None
        return None if before is not None and before.text == self._settled.text else self._settled

    def _vote(self, reading: Reading) -> None:
        pieces = _pieces(reading)
        matches = _match([track.box for track in self._tracks], [piece.box for piece in pieces])
        lines = self._follow_lines(reading, pieces, matches)
        for index in set(range(len(self._tracks))).difference(matches.values()):
            self._tracks[index].miss()
        for number, piece in enumerate(pieces):
            if number in matches:
                track = self._tracks[matches[number]]
            else:
                track = _Track(piece.box, 0)
                self._tracks.append(track)
            track.box, track.line = piece.box, lines[piece.line]
            track.vote(piece)
        self._tracks = [track for track in self._tracks if track.there or track.presence >= FORGOTTEN]
        kept = {track.line for track in self._tracks}
        self._order = {line: place for line, place in self._order.items() if line in kept}

    def _follow_lines(self, reading: Reading, pieces: Sequence[_Piece], matches: dict[int, int]) -> list[int]:
        """For each line of the reading the line over time that most of its glyphs belonged to, else a new one."""
        belonged: list[Counter[int]] = [Counter() for _ in reading.lines]
        for number, index in matches.items():
            belonged[pieces[number].line][self._tracks[index].line] += 1
        followed: list[int] = []
        for place, counts in enumerate(belonged):
            line = next((line for line, _ in counts.most_common() if line not in followed), self._next_line)
            self._next_line = max(self._next_line, line + 1)
            followed.append(line)
            self._order[line] = place
        return followed

    def _compose(self, reading: Reading) -> Reading:
        """The text that the votes add up to, in the frame of `reading`."""
        rows: dict[int, list[_Track]] = {}
        for track in self._tracks:
            if track.there:
                rows.setdefault(track.line, []).append(track)
        ordered = sorted(rows.items(), key=lambda row: (self._order[row[0]], min(track.box.y for track in row[1])))
        along = _ALONG[reading.turned]
        lines = tuple(_line(sorted(tracks, key=lambda track: along(track.box))) for _, tracks in ordered)
        return replace(reading, lines=lines)


def _pieces(reading: Reading) -> list[_Piece]:
    pieces = []
    for number, line in enumerate(reading.lines):
        if line.joined or not line.glyphs:
            pieces.append(_Piece(line.text, line.confidence, line.box, number, False, line))
            continue
        at = 0
        for glyph in line.glyphs:
            shown = REJECTED if glyph.rejected else glyph.text
            found = line.text.find(shown, at)
            pieces.append(_Piece(shown, glyph.confidence, glyph.box, number, " " in line.text[at : max(found, at)]))
            at = max(found, at) + len(shown)
    return pieces


def _match(before: Sequence[Box], now: Sequence[Box]) -> dict[int, int]:
    """Which box of `before` each box of `now` is, the best overlaps first; new ones are left out."""
    if not before or not now:
        return {}
    overlaps, within = _overlaps(np.array(now, np.float32), np.array(before, np.float32))
    rows, columns = np.nonzero((overlaps >= _OVERLAP) | (within >= _WITHIN))
    order = np.argsort(-overlaps[rows, columns], kind="stable")
    matches: dict[int, int] = {}
    taken: set[int] = set()
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row not in matches and column not in taken:
            matches[row] = column
            taken.add(column)
    return matches


def _overlaps(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of each box x, y, w, h of `a` (M, 4) with each of `b` (N, 4): what they share as part of their union and as part
    of the smaller, both float32 (M, N)."""
    corner = np.maximum(a[:, None, :2], b[None, :, :2])
    opposite = np.minimum((a[:, :2] + a[:, 2:])[:, None], (b[:, :2] + b[:, 2:])[None])
    shared = np.clip(opposite - corner, 0, None).prod(axis=2)
    areas_a, areas_b = a[:, 2:].prod(axis=1)[:, None], b[:, 2:].prod(axis=1)[None]
    return shared / np.maximum(areas_a + areas_b - shared, 1), shared / np.maximum(np.minimum(areas_a, areas_b), 1)


def _line(tracks: list[_Track]) -> Line:
    surest = max(tracks, key=lambda track: track.presence)
    if surest.whole is not None:
        return replace(surest.whole, confidence=surest.confidence)
    text = tracks[0].label
    for track in tracks[1:]:
        text += (" " if track.blank else "") + track.label
    glyphs = tuple(Glyph(track.label, track.confidence, track.box, track.label == REJECTED) for track in tracks)
    confidence = sum(glyph.confidence for glyph in glyphs) / len(glyphs)
    return Line(text, confidence, box_around(track.box for track in tracks), glyphs)
