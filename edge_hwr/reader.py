"""The reader: a frame in, a `Reading` out. This is the whole path, and the one place where its stages meet."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import numpy as np

from edge_hwr.bundle import Bundle, open_bundle
from edge_hwr.errors import PictureError, UsageError
from edge_hwr.glyph_reader import GlyphReader
from edge_hwr.ink import Grey
from edge_hwr.language_model import LanguageModel, open_language_model
from edge_hwr.page_reader import PageReader
from edge_hwr.picture import is_light_on_dark
from edge_hwr.reading import Reading
from edge_hwr.runtime import MOST_THREADS

_DOUBTFUL, _LEAST_INVERTED = 0.9, 0.6
"""A dark picture that is read with less than the first confidence is read as light ink on dark as well, which is taken
for it with the second, or more if it has more the other way."""
_FEW = 4
"""Fewer sure glyphs, read of a dark picture, may be gaps in light writing, which then has so many times as many."""
_FRAMES_BETWEEN = 25
"""Frames of a dark scene that are not read both ways."""


class Reader:
    """Reads frames with one model: of single glyphs, or of whole lines.

    `model` is the name of a shipped bundle, the path of one, or an open `Bundle`. With `context`, a glyph model whose
    charset has characters that look alike (O and 0, l and 1) lets their place in the line and their neighbours decide
    between them (`edge_hwr.context`); it changes nothing for other models. A line model may be given a `lexicon`, the
    name of a language model that ships, the path of one, or an open `LanguageModel`; `UsageError` for a glyph model.
    With `remember` the frames are those of one scene: a line model reads only the lines that have changed since the
    frame before. The interpreter and its buffers are made once and kept; a reader belongs to one thread at a time.
    """

    def __init__(
        self,
        model: str | Path | Bundle = "digits",
        *,
        threads: int = 1,
        context: bool = True,
        lexicon: str | Path | LanguageModel | None = None,
        remember: bool = False,
    ) -> None:
        if not isinstance(threads, int) or not 1 <= threads <= MOST_THREADS:
            raise UsageError(f"a model runs on one thread or more, up to {MOST_THREADS}, not on {threads}")
        self.bundle = model if isinstance(model, Bundle) else open_bundle(model)
        self._remember, self._inverted, self._wait = remember, False, 0
        self._busy = threading.Lock()
        self.held_to_words = False
        """Whether a lexicon holds its text to a list of words: what is none of them is the nearest, and unsure."""
        self._reader: PageReader | GlyphReader
        if self.bundle.metadata.task == "line":
            if lexicon is None or isinstance(lexicon, LanguageModel):
                language = lexicon
            else:
                language = open_language_model(lexicon)
            self.held_to_words = language is not None and bool(language.words)
            self._reader = PageReader(self.bundle, threads=threads, lexicon=language, remember=remember)
        elif lexicon is not None:
            raise UsageError(f"a lexicon is for models of whole lines; {self.bundle.metadata.name} reads single glyphs")
        else:
            self._reader = GlyphReader(self.bundle, threads=threads, context=context)

    def read(self, grey: Grey) -> Reading:
        """Read one frame: uint8 (H, W), dark ink on lighter paper, or light on dark where that makes more sense.

        Milliseconds of each stage are in its `ms`.
        """
        grey = _checked(grey)
        if not self._busy.acquire(blocking=False):
            raise UsageError("a reader belongs to one thread at a time: make one for each")
        try:
            return self._read_either_way(grey)
        finally:
            self._busy.release()

    def _read_either_way(self, grey: Grey) -> Reading:
        reading = self._read(grey, inverted=self._inverted and is_light_on_dark(grey))
        if self._may_be_inverted(reading, grey):
            other = self._read(grey, inverted=not reading.inverted)
            both = {stage: taken + other.ms[stage] for stage, taken in reading.ms.items()}
            least = max(_LEAST_INVERTED, reading.confidence if reading.text else 0.0)
            more = other.confidence >= _LEAST_INVERTED and _sure(other) >= _FEW * max(_sure(reading), 1)
            clearer = bool(other.text) and (other.confidence >= least or more)
            reading = dataclasses.replace(other if clearer else reading, ms=both)
        if self._remember:
            self._inverted = reading.inverted
        return reading

    def _may_be_inverted(self, reading: Reading, grey: Grey) -> bool:
        """Whether a frame that was read so is to be read the other way round as well.

        Of the frames of a scene, one in some: what is remembered of its lines is lost by that.
        """
        if reading.text and reading.confidence >= _DOUBTFUL and _sure(reading) >= _FEW:
            return False
        if self._wait > 0:
            self._wait -= 1
            return False
        if not is_light_on_dark(grey):
            return False
        self._wait = _FRAMES_BETWEEN if self._remember else 0
        return True

    def _read(self, grey: Grey, *, inverted: bool) -> Reading:
        page = self._reader.read(np.subtract(255, grey, dtype=np.uint8) if inverted else grey)
        ms = {stage: taken * 1000 for stage, taken in page.seconds.items()}
        return Reading(
            width=grey.shape[1],
            height=grey.shape[0],
            model=self.bundle.metadata.name,
            lines=page.lines,
            ms=ms | {"total": sum(ms.values())},
            turned=page.turned,
            remembered=page.remembered,
            inverted=inverted,
        )


def _sure(reading: Reading) -> int:
    return sum(not glyph.rejected for glyph in reading.glyphs)


def _checked(grey: Grey) -> Grey:
    """A frame as an array of its own kind; `PictureError`, and what to do, for anything else."""
    if not isinstance(grey, np.ndarray):
        raise PictureError(f"a frame is an array, not {type(grey).__name__}: read_picture makes one of a file")
    if grey.ndim == 2 and grey.dtype == np.uint8 and grey.size:
        return np.asarray(grey)
    remedy = ": cv2.cvtColor makes colours grey" if grey.ndim == 3 else ""
    if grey.dtype.kind == "f":
        remedy = ": numbers from 0 to 1 are to be multiplied by 255 and made uint8"
    raise PictureError(f"a frame must be uint8 of shape (height, width), not {grey.dtype} of {grey.shape}{remedy}")
