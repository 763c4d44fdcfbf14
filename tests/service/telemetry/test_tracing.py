"""Spans of real requests, kept in memory."""

import base64
import sys
from collections.abc import Iterator

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service import examples
from service.telemetry import tracing
from wikiclip.base.errors import WikiClipError


@pytest.fixture(scope="module")
def spans() -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)  # for the rest of the process: OpenTelemetry takes one and no other
    yield exporter
    provider.shutdown()


def test_a_request_is_a_span_with_its_stages_below_the_caller_s(
    client: httpx.Client, spans: InMemorySpanExporter
) -> None:
    caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    body = {"image": base64.b64encode(examples.picture()).decode(), "regions": [None, None]}
    answer = client.post("/link", json=body, headers={"traceparent": caller})
    assert answer.status_code == 200
    found = {span.name: span for span in spans.get_finished_spans()}
    request = found["POST /link"]
    assert f"{request.parent.span_id:016x}" == "b7ad6b7169203331"
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["wikiclip.request_id"] == answer.headers["x-request-id"]
    for stage in ("decode", "encode", "search"):
        assert found[stage].parent.span_id == request.context.span_id
        assert f"{found[stage].context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert found["encode"].attributes["mentions"] == 2
    assert found["decode"].end_time <= found["encode"].start_time


def test_an_endpoint_without_what_sends_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tracing.ENDPOINT, raising=False)
    tracing.configure()
    monkeypatch.setenv(tracing.ENDPOINT, "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(WikiClipError, match=r"pip install .* '\.\[otel\]'"):
        tracing.configure()
