"""The loop's figures for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from edge_hwr import __version__

from ..board import condition
from ..live import AGE_BOUNDS_S, Live, State
from .feed import Feed


class Metrics:
    """Collects from `live` when it is asked, and not before."""

    def __init__(self, live: Live, feed: Feed) -> None:
        self._live, self._feed = live, feed
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        live, tally = self._live, self._live.tally
        build = GaugeMetricFamily("edge_hwr_build", "Always 1, with the version of edge-hwr.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        for name, about, value in (
            ("frames", "Frames taken from the source.", tally.frames),
            ("frames_read", "Frames read by the model; the others had not changed.", tally.read),
            ("frames_dropped", "Frames that came while the reader was busy.", tally.dropped),
            ("lines", "Lines of writing in the frames that were read.", tally.lines),
            (
                "lines_remembered",
                "Lines that looked as in the frame before, and were not read again.",
                tally.lines_remembered,
            ),
            ("texts", "Texts given to the sinks.", tally.settled),
            ("retries", "Times that the source was opened again.", tally.retries),
        ):
            yield CounterMetricFamily(f"edge_hwr_{name}", about, value)
        state = GaugeMetricFamily("edge_hwr_state", "1 for the state that the loop is in.", labels=["state"])
        for possible in State:
            state.add_metric([str(possible)], float(live.state is possible))
        yield state
        counts = list(tally.ages)
        bounds = [*map(str, AGE_BOUNDS_S), "+Inf"]
        buckets = [(bound, float(sum(counts[: index + 1]))) for index, bound in enumerate(bounds)]
        yield HistogramMetricFamily("edge_hwr_age_seconds", "Exposure to text.", buckets, tally.age_sum_s)
        yield GaugeMetricFamily("edge_hwr_viewers", "Viewers of the page.", self._feed.viewers)
        if (view := live.view) is not None:
            stages = GaugeMetricFamily("edge_hwr_stage_seconds", "Time of the newest reading.", labels=["stage"])
            for stage, milliseconds in view.reading.ms.items():
                stages.add_metric([stage], milliseconds / 1e3)
            yield stages
        if (temperature := condition().temperature_c) is not None:
            yield GaugeMetricFamily("edge_hwr_temperature_celsius", "Temperature of the processor.", temperature)
