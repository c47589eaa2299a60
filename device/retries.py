"""How often, and after what pauses, a source that failed is opened again."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryBounds:
    """At most `limit` retries in any `window_s` seconds; the first after `pause_s`, each later one after twice that, up
    to `longest_pause_s`: shorter than what a source may be silent for before it has hung."""

    limit: int = 5
    window_s: float = 60.0
    pause_s: float = 0.5
    longest_pause_s: float = 8.0


class Retries:
    """Counts the retries of one source."""

    def __init__(self, bounds: RetryBounds) -> None:
        self._bounds = bounds
        self._recent: deque[float] = deque()

    def next_pause_s(self) -> float | None:
        """Seconds to wait before the next retry, which counts from now; None when there were too many."""
        now = time.monotonic()
        while self._recent and now - self._recent[0] > self._bounds.window_s:
            self._recent.popleft()
        if len(self._recent) >= self._bounds.limit:
            return None
        self._recent.append(now)
        return float(min(self._bounds.pause_s * 2 ** (len(self._recent) - 1), self._bounds.longest_pause_s))
