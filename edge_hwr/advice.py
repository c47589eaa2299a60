"""What to say of a picture from which nothing sensible was read."""

from __future__ import annotations

from edge_hwr.reading import Reading

_REJECTED_MANY = 10
"""So many rejected glyphs, and most of all, are no slip of the pen but writing of another kind."""

_DOUBTFUL = 0.5
"""Less confidence than the worst hands have: a line model has it of what is out of focus."""

_OTHER_MODELS = "try --model characters, or --model lines for joined handwriting"
_SHARPER = "a sharper or larger picture of it may help"


def advise(reading: Reading, model: str, *, held: bool = False) -> str:
    """What may be wrong with a picture that was read so by `model`, in one line; "" if nothing.

    Where it was `held` to a list of words, little confidence says that it has others.
    """
    if not reading.text:
        return "no writing found"
    rejected = sum(glyph.rejected for glyph in reading.glyphs)
    if rejected >= _REJECTED_MANY and 2 * rejected > len(reading.glyphs):
        return f"most of it is nothing that {model} can read; {_OTHER_MODELS}"
    return "" if held or reading.confidence >= _DOUBTFUL else f"little of it makes sense; {_SHARPER}"
