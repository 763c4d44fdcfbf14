"""OpenTelemetry traces, where the extra `otel` is installed and `OTEL_EXPORTER_OTLP_ENDPOINT` says where they go.

FastAPI opens a span for each request by itself; a stage's are opened here. Without the extra they say nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from wikiclip.errors import WikiClipError

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
NAME = "wikiclip-service"
INSTALLED = find_spec("opentelemetry") is not None and find_spec("opentelemetry.sdk") is not None

if INSTALLED:
    from opentelemetry import trace

    TRACER = trace.get_tracer(NAME)


def configure() -> None:
    """Sends spans to the endpoint that OpenTelemetry's own variables name.

    Raises:
        WikiClipError: an endpoint is named, and the extra is not installed.
    """
    if ENDPOINT not in os.environ:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise WikiClipError(
            f"{ENDPOINT} is set, and nothing is installed that could send: pip install '.[otel]'."
        ) from error

    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", NAME)}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


@contextmanager
def span(name: str, **attributes: str | int | float) -> Iterator[None]:
    """A stretch of a request, waiting included."""
    if not INSTALLED:
        yield
        return
    with TRACER.start_as_current_span(name, attributes=attributes):
        yield


def note(**attributes: str) -> None:
    """Adds to the span that is open: FastAPI's own, of the request."""
    if INSTALLED:
        trace.get_current_span().set_attributes({f"wikiclip.{name}": value for name, value in attributes.items()})
