"""What to say of a picture from which nothing sensible was read."""

from __future__ import annotations

from edge_hwr.picture import Picture, is_light_on_dark
from edge_hwr.reading import Reading

_REJECTED_MANY = 10
"""So many rejected glyphs, and most of all, are no slip of the pen but writing of another kind."""

_DOUBTFUL = 0.5
"""Less confidence than the worst hands have: a line model has it of light ink on dark, and of what is out of focus."""

_OTHER_MODELS = "try --model characters, or --model lines for joined handwriting"
_SHARPER = "a sharper or larger picture of it may help"
_INVERT = "dark ink on light paper is read: if this is light on dark, invert it"


def advise(reading: Reading, grey: Picture, model: str, *, held: bool = False) -> str:
    """What may be wrong with a picture (its frame, grey) that was read so by `model`, in one line; "" if nothing.

    Where it was `held` to a list of words, little confidence says that it has others.
    """
    inverted = is_light_on_dark(grey) and not reading.inverted
    if not reading.text:
        return f"no writing found ({_INVERT})" if inverted else "no writing found"
    rejected = sum(glyph.rejected for glyph in reading.glyphs)
    if rejected >= _REJECTED_MANY and 2 * rejected > len(reading.glyphs):
        return f"most of it is nothing that {model} can read; {_INVERT if inverted else _OTHER_MODELS}"
    if reading.confidence >= _DOUBTFUL or (held and not inverted):
        return ""
    return f"little of it makes sense; {_INVERT if inverted else _SHARPER}"
