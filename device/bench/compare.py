"""Two reports side by side: what is faster, by how much, and whether that is more than noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_hwr.errors import UsageError

from .report import Report, Series
from .statistics import LEAST_BLOCKS, Ratio, bootstrap_ratio
from .watch import describe_case

BETWEEN_PROCESSES = 0.02
"""Two processes of the same program differ by so much for no reason but where their memory happens to lie."""

_UNTOLD = "too few runs to tell"
_SAME = ("board", "processor", "architecture", "cores")


@dataclass(frozen=True, slots=True)
class Difference:
    """One case in both reports: medians in milliseconds, their ratio, and what to make of it.

    `verdict` is "faster", "slower", "no difference beyond the noise", or "too few runs to tell".
    """

    case: str
    before_ms: float
    after_ms: float
    ratio: Ratio
    verdict: str

    @property
    def told(self) -> bool:
        """Whether there were runs enough to tell."""
        return self.verdict != _UNTOLD


def compare(before: Report, after: Report) -> tuple[list[Difference], list[str]]:
    """The totals of all cases that both reports have, and the cases, in words, that the first alone has.

    `UsageError` when the machines differ, or what was read, or no case is in both: a ratio would mean nothing.
    """
    _check_comparable(before, after)
    known = {_key(one): one for one in before["series"]}
    pairs = [(known[_key(one)], one) for one in after["series"] if _key(one) in known]
    if not pairs:
        raise UsageError("the reports have no case in common: measure the same models, threads and batches")
    measured = {_key(one) for one in after["series"]}
    missing = [describe_case(one) for key, one in known.items() if key not in measured]
    return [_differ(earlier, later) for earlier, later in pairs], missing


def slower_than(differences: Sequence[Difference], share: float) -> list[Difference]:
    """Those that are slower beyond the noise, and by more than `share` (0.1 for 10 %)."""
    return [one for one in differences if one.verdict == "slower" and one.ratio.value > 1 + share]


def _differ(earlier: Series, later: Series) -> Difference:
    blocks = earlier["stages"]["total"]["blocks"], later["stages"]["total"]["blocks"]
    ratio = bootstrap_ratio(*blocks, np.random.default_rng(0))
    if min(map(len, blocks)) < LEAST_BLOCKS:
        verdict = _UNTOLD
    elif ratio.low > 1 and ratio.value > 1 + BETWEEN_PROCESSES:
        verdict = "slower"
    elif ratio.high < 1 and ratio.value < 1 - BETWEEN_PROCESSES:
        verdict = "faster"
    else:
        verdict = "no difference beyond the noise"
    medians = earlier["stages"]["total"]["p50"], later["stages"]["total"]["p50"]
    return Difference(describe_case(later), *medians, ratio, verdict)


def _key(one: Series) -> tuple[object, ...]:
    return one["model"], one["kind"], one["threads"], one["batch"]


def _check_comparable(before: Report, after: Report) -> None:
    machines = before["machine"], after["machine"]
    differing = [name for name in _SAME if machines[0][name] != machines[1][name]]
    if differing:
        facts = "; ".join(f"{name} {machines[0][name]!r} and {machines[1][name]!r}" for name in differing)
        raise UsageError(f"the reports are of different machines ({facts}): compare reports of one machine")
    frames = before["settings"]["frames"], after["settings"]["frames"]
    if frames[0] != frames[1]:
        raise UsageError(f"the reports read different frames ({frames[0]} and {frames[1]}): measure the same")
