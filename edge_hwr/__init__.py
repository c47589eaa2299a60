"""edge-hwr: handwriting recognition on small devices.

`Reader` turns a grey frame into a `Reading`; the sub-packages `edge_hwr.export` (workstation) and `edge_hwr.device`
(Raspberry Pi) build on this shared part and never on each other. What is named here is imported when it is first asked
for, so that the command line starts at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_hwr.errors import EdgeHwrError
    from edge_hwr.picture import read_picture
    from edge_hwr.reader import Reader
    from edge_hwr.reading import REJECTED, Box, Glyph, Line, Reading

__version__ = "0.1.0"

__all__ = ["REJECTED", "Box", "EdgeHwrError", "Glyph", "Line", "Reader", "Reading", "__version__", "read_picture"]

_MODULES = {
    "EdgeHwrError": "errors",
    "read_picture": "picture",
    "Reader": "reader",
    **dict.fromkeys(("REJECTED", "Box", "Glyph", "Line", "Reading"), "reading"),
}


if not TYPE_CHECKING:  # to which every name would be one of ours

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
