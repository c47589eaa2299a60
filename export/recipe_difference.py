"""What tells two recipes apart, in words."""

from __future__ import annotations

import json
from typing import Any

_MOST_SHOWN = 60
"""Characters of a value."""


def first_difference(old: Any, new: Any, where: str = "") -> str:
    """Where two recipes, as JSON has them, differ first: "training.minutes was 30.0 and is 40.0"; "" for equal ones."""
    if old == new:
        return ""
    if isinstance(old, dict) and isinstance(new, dict):
        # A copy under another name most likely has another difference, too, which says more.
        keys = sorted([*new, *(key for key in old if key not in new)], key=lambda key: key == "name")
        parts = [(f"{where}.{key}".lstrip("."), old.get(key), new.get(key)) for key in keys]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        parts = [(f"{where}[{index}]", *both) for index, both in enumerate(zip(old, new, strict=True))]
    else:
        return f"{where} was {_shown(old)} and is {_shown(new)}"
    return next((found for name, was, now in parts if (found := first_difference(was, now, name))), where)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
