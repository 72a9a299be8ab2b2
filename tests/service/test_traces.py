"""Spans of an exchange: whose they are, how they nest, and when they happened."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import bentoml
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from starlette.testclient import TestClient

from runtime.backends import fake
from service.traces import Exchanged, Traces
from tests.service.calls import post
from tests.service.pictures import PNG

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def exporter(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(bentoml.get_current_service(), "traces", Traces(provider))
    yield kept
    provider.shutdown()


def named(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def within(inner: ReadableSpan, outer: ReadableSpan) -> bool:
    assert inner.parent is not None
    assert outer.context is not None
    times = [outer.start_time, inner.start_time, inner.end_time, outer.end_time]
    ordered = times == sorted(time or 0 for time in times)
    return inner.parent.span_id == outer.context.span_id and ordered


def test_an_edit_has_a_span_of_each_part_below_the_callers(
    client: TestClient, exporter: InMemorySpanExporter
) -> None:
    fields = {"instruction": "make it night", "steps": "3", "seed": "7"}
    headers = {"traceparent": CALLER, "x-request-id": "mine"}
    client.post("/edit", files={"image": PNG}, data=fields, headers=headers)
    (server,) = named(exporter, "POST /edit")
    (edit,) = named(exporter, "edit")
    assert server.kind is SpanKind.SERVER
    assert server.context is not None
    assert server.parent is not None
    assert format(server.context.trace_id, "032x") == CALLER.split("-")[1]
    assert format(server.parent.span_id, "016x") == CALLER.split("-")[2]
    assert server.attributes is not None
    assert server.attributes["retouch.request_id"] == "mine"
    assert server.attributes["http.response.status_code"] == 200
    assert edit.attributes is not None
    assert (edit.attributes["retouch.ticks"], edit.attributes["retouch.seed"]) == (3, 7)
    assert within(edit, server)
    parts = [named(exporter, name)[0] for name in ("queue", "encode", "ticks", "decode")]
    assert all(within(part, edit) for part in parts)
    assert [one.end_time for one in parts[:-1]] == [one.start_time for one in parts[1:]]
    assert len(exporter.get_finished_spans()) == 6


def test_variations_have_a_span_each(client: TestClient, exporter: InMemorySpanExporter) -> None:
    fields = {"instruction": "make it night", "n": "3"}
    accept = {"accept": "application/json"}
    client.post("/edit", files={"image": PNG}, data=fields, headers=accept)
    (server,) = named(exporter, "POST /edit")
    edits = named(exporter, "edit")
    assert len(edits) == 3
    assert all(within(edit, server) for edit in edits)


def test_a_refused_request_has_its_code_and_no_edit(
    client: TestClient, exporter: InMemorySpanExporter
) -> None:
    post(client, steps=0)
    (server,) = exporter.get_finished_spans()
    assert server.attributes is not None
    assert server.attributes["retouch.code"] == "invalid_request"
    assert server.status.status_code is StatusCode.UNSET  # the caller's fault is no error here


def test_a_stream_that_fails_is_an_error_although_its_status_is_200(
    client: TestClient, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("torn")

    monkeypatch.setitem(fake._GRAPHS, "tick", broken)
    answer = client.post("/edit/stream", files={"image": PNG}, data={"instruction": "night"})
    (server,) = exporter.get_finished_spans()
    assert answer.status_code == 200
    assert server.attributes is not None
    assert server.attributes["http.response.status_code"] == 200
    assert server.status.status_code is StatusCode.ERROR


def test_probes_and_scrapes_have_none(client: TestClient, exporter: InMemorySpanExporter) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        client.get(path)
    assert not exporter.get_finished_spans()


def test_an_endpoint_without_an_exporter_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ValueError, match=r"install retouch\[traces\]"):
        Traces.from_env({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"})
    Traces.from_env({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}).close()


class Collector(BaseHTTPRequestHandler):
    """Keeps the paths that were posted to."""

    paths: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.paths.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


def test_spans_reach_a_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        traces = Traces.from_env(os.environ)
        traces.record(Exchanged("GET /", {}, time.perf_counter(), {}, False, ()))
        traces.close()
        server.shutdown()
    assert Collector.paths == ["/v1/traces"]
