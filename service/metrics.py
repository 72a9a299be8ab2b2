"""What `/metrics` shows, in the Prometheus text format.

BentoML's own metrics are off: they label by raw path, so that whoever scans for paths grows the
server's memory without bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from runtime.stats import Histogram, Stats

_GAUGES: Final = {
    "waiting": "Edits that wait for the engine",
    "running": "Edits that the engine holds in latents",
    "cache_bytes": "Size of the encoded pictures and texts that are kept",
}
_COUNTERS: Final = {
    "ticks": "Engine steps",
    "rows": "Lines of the UNet batch that were evaluated",
    "done": "Edits that the engine finished",
    "failed": "Edits that failed in the engine",
    "cancelled": "Edits that were withdrawn",
    "rejected": "Edits refused because the queue was full",
    "cache_hits": "Pictures and texts that were encoded before",
    "cache_misses": "Pictures and texts that had to be encoded",
}


class Metrics:
    """Metrics of one service, in a registry of their own; those of its process among them."""

    def __init__(self, stats: Callable[[], Stats]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_EngineCollector(stats))
        ProcessCollector(registry=self._registry)
        self._responses = Counter(
            "retouch_responses",
            "HTTP responses by route pattern, status and error code",
            ("route", "status", "code"),
            registry=self._registry,
        )

    def count_response(self, route: str, status: int, code: str) -> None:
        self._responses.labels(route, status, code).inc()

    def collect(self) -> Iterator[Metric]:
        """Every metric with its samples of this moment."""
        return iter(self._registry.collect())

    def render(self) -> bytes:
        """The text format, version 0.0.4."""
        return generate_latest(self._registry)


class _EngineCollector(Collector):
    """Reads the engine's counters when they are asked for, so that they are never stale."""

    def __init__(self, stats: Callable[[], Stats]) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        stats = self._stats()
        for name, doc in _GAUGES.items():
            yield GaugeMetricFamily(f"retouch_engine_{name}", doc, getattr(stats, name))
        for name, doc in _COUNTERS.items():
            yield CounterMetricFamily(f"retouch_engine_{name}", doc, getattr(stats, name))
        yield _family("engine_rows_per_tick", "Rows of an engine step", {"": stats.tick_rows})
        yield _family(
            "engine_tick_seconds",
            "Time of an engine step, by the smallest size that has no fewer pixels",
            stats.tick_s,
            "size",
        )
        yield _family(
            "engine_first_step_seconds",
            "Time from queueing to the end of an edit's first step",
            {"": stats.first_step_s},
        )
        yield _family(
            "edit_seconds",
            "Time of a finished edit in the engine, its wait included",
            {"": stats.edit_s},
        )


def _family(
    name: str, doc: str, histograms: Mapping[str, Histogram], label: str = ""
) -> HistogramMetricFamily:
    """Histograms by the value of `label`; an empty one stands for a single histogram without it."""
    family = HistogramMetricFamily(f"retouch_{name}", doc, labels=[label] if label else [])
    for value, histogram in histograms.items():
        bounds = [*map(floatToGoString, histogram.bounds), "+Inf"]
        buckets = list(zip(bounds, map(float, histogram.cumulative()), strict=True))
        family.add_metric([value] if label else [], buckets, histogram.total)
    return family
