"""What the loop gives to the sinks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from edge_hwr.reading import Reading


@dataclass(frozen=True, slots=True)
class Result:
    """The reading of one picture, or what has settled over the frames of a camera, a stream or a video.

    `source` and `name` say where the frame came from (`name` is empty but for pictures), `sequence` counts the frames
    of the source from 0, and gaps in it are frames that were dropped. `time` is the frame's time in seconds of
    `time.monotonic`, `age_s` the seconds from then until its text was known.
    """

    source: str
    name: str
    sequence: int
    time: float
    age_s: float
    reading: Reading
    known: datetime = field(default_factory=lambda: datetime.now(UTC), compare=False)
    """When its text was known, by the wall clock: that of a result which a sink keeps back must not be of later."""

    def to_json(self) -> dict[str, Any]:
        """As `edge_hwr/result.schema.json` describes it, less `utc`."""
        return {
            "source": self.source,
            "image": self.name,
            "sequence": self.sequence,
            "age_ms": round(1e3 * self.age_s, 3),
            **self.reading.to_json(),
        }

    def record(self) -> dict[str, Any]:
        """`to_json` with `utc`, when the frame was taken (ISO 8601): for keeping.

        The wall clock only stamps, it never measures: a step of the clock cannot spoil an age or an order.
        """
        taken = self.known - timedelta(seconds=self.age_s)
        return {"utc": taken.isoformat(timespec="milliseconds"), **self.to_json()}
