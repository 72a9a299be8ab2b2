"""What `/metrics` shows, in the Prometheus text format.

BentoML's own metrics are off: they label by raw path, so that whoever scans for paths grows the
server's memory without bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from runtime.stats import Stats

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
_BUCKETS: Final = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)


class Metrics:
    """Metrics of one service, in a registry of their own."""

    def __init__(self, stats: Callable[[], Stats]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_EngineCollector(stats))
        self._responses = Counter(
            "retouch_responses",
            "HTTP responses by route pattern, status and error code",
            ("route", "status", "code"),
            registry=self._registry,
        )
        self._edit_seconds = Histogram(
            "retouch_edit_seconds",
            "Time of a finished edit in the engine, its wait included",
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def count_response(self, route: str, status: int, code: str) -> None:
        self._responses.labels(route, status, code).inc()

    def observe_edit(self, seconds: float) -> None:
        self._edit_seconds.observe(seconds)

    def watch_jobs(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Show how many jobs there are of each status."""
        self._registry.register(_JobsCollector(counts))

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


class _JobsCollector(Collector):
    """All replicas that share a queue show the same."""

    def __init__(self, counts: Callable[[], Mapping[str, int]]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("retouch_jobs", "Jobs of all replicas", labels=["status"])
        for status, count in self._counts().items():
            family.add_metric([status], count)
        yield family
