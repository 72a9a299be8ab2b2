"""OpenTelemetry spans of exchanges that are over, made from what was measured anyway.

Off unless an OTLP endpoint is named in the environment; OpenTelemetry's other variables hold too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from runtime.editor import EditResult
from runtime.request import Timings

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PARENT: Final = TraceContextTextMapPropagator()

Attributes = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Edited:
    """What a span tells of a finished edit; without its picture, which would be held by it."""

    timings: Timings
    attributes: Attributes

    @classmethod
    def of(cls, result: EditResult) -> Edited:
        attributes: Attributes = {
            "retouch.seed": result.params.seed,
            "retouch.steps": result.params.steps,
            "retouch.ticks": result.ticks,
            "retouch.rows": result.rows,
            "retouch.size": f"{result.image.width}x{result.image.height}",
        }
        return cls(result.timings, attributes)

    def parts(self) -> Iterator[tuple[str, float, float]]:
        """Name, start and end of each part, in `time.perf_counter()`'s time."""
        timings, start = self.timings, self.timings.queued_at
        for name, seconds in (
            ("queue", timings.queue_s),
            ("encode", timings.encode_s),
            ("ticks", timings.denoise_s),
            ("decode", timings.decode_s),
        ):
            yield name, start, start + seconds
            start += seconds


@dataclass(frozen=True, slots=True)
class Exchanged:
    """An HTTP exchange that is over; `start` is in `time.perf_counter()`'s time."""

    name: str
    headers: Mapping[str, str]
    start: float
    attributes: Attributes
    failed: bool
    edits: Sequence[Edited]


class Traces:
    """Makes spans for `provider`; without one it makes none."""

    def __init__(self, provider: TracerProvider | None) -> None:
        self._provider = provider

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Traces:
        """Raises `ValueError` when spans are wanted and nothing is installed that sends them."""
        if not any(env.get(name, "").strip() for name in _ENDPOINTS):
            return cls(None)
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        except ImportError as exc:
            raise ValueError(
                f"environment variable {_ENDPOINTS[0]} is set and nothing can send there; "
                "install retouch[traces], or unset it"
            ) from exc
        resource = Resource.create({"service.name": env.get("OTEL_SERVICE_NAME") or "retouch"})
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider)

    def record(self, exchange: Exchanged) -> None:
        """A server span below the caller's own, with one of each edit and of its parts below it."""
        if self._provider is None:
            return
        clock = _Clock()
        tracer = self._provider.get_tracer("retouch")
        parent = tracer.start_span(
            exchange.name,
            _PARENT.extract(exchange.headers),
            SpanKind.SERVER,
            exchange.attributes,
            start_time=clock.at(exchange.start),
        )
        if exchange.failed:
            parent.set_status(Status(StatusCode.ERROR))
        for edit in exchange.edits:
            self._record_edit(edit, parent, clock)
        parent.end(clock.now)

    def close(self) -> None:
        """Send what is left."""
        if self._provider is not None:
            self._provider.shutdown()

    def _record_edit(self, edit: Edited, parent: Span, clock: _Clock) -> None:
        assert self._provider is not None
        tracer = self._provider.get_tracer("retouch")
        parts = list(edit.parts())
        start, end = clock.at(parts[0][1]), clock.at(parts[-1][2])
        context = set_span_in_context(parent)
        span = tracer.start_span("edit", context, attributes=edit.attributes, start_time=start)
        for name, began, ended in parts:
            part = tracer.start_span(name, set_span_in_context(span), start_time=clock.at(began))
            part.end(clock.at(ended))
        span.end(end)


class _Clock:
    """Nanoseconds of the day from `time.perf_counter()`'s seconds."""

    def __init__(self) -> None:
        self.now = time.time_ns()
        self._counter = time.perf_counter()

    def at(self, counter: float) -> int:
        return self.now - round(1e9 * (self._counter - counter))
