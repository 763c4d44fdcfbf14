"""OpenTelemetry traces, where the extra `otel` is installed and `OTEL_EXPORTER_OTLP_ENDPOINT` says where they go.

FastAPI opens a span for each request by itself; a stage's are opened here. Without the extra they say nothing.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from wikiclip.base.errors import WikiClipError, how_to_install

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
NAME = "wikiclip-service"
INSTALLED = find_spec("opentelemetry") is not None and find_spec("opentelemetry.sdk") is not None

if INSTALLED:
    from opentelemetry import propagate, trace
    from opentelemetry.context import attach, detach, get_current

    TRACER = trace.get_tracer(NAME)


def configure(instance: str | None = None) -> None:
    """Sends spans to the endpoint that OpenTelemetry's own variables name.

    Args:
        instance: which of several processes this is.

    Raises:
        WikiClipError: an endpoint is named, and the extra is not installed.
    """
    if ENDPOINT not in os.environ:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise WikiClipError(
            f"{ENDPOINT} is set, and nothing is installed that could send: {how_to_install('otel')}."
        ) from error

    told = {SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", NAME)}
    if instance is not None:
        told[SERVICE_INSTANCE_ID] = instance
    provider = TracerProvider(resource=Resource.create(told))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def send_rest() -> None:
    """Sends what was not sent yet: processes that `multiprocessing` starts end without doing it by themselves."""
    if ENDPOINT in os.environ:
        from opentelemetry.sdk.trace import TracerProvider

        provider = trace.get_tracer_provider()
        assert isinstance(provider, TracerProvider)
        provider.shutdown()


def context() -> Any:
    """Where a span belongs that is opened later, maybe on another thread."""
    return get_current() if INSTALLED else None


def carried() -> dict[str, str]:
    """The headers by which another process finds the span that is open."""
    headers: dict[str, str] = {}
    if INSTALLED:
        propagate.inject(headers)
    return headers


@contextmanager
def within(headers: Mapping[str, str]) -> Iterator[None]:
    """Opens spans under the one of another process, while the block runs."""
    token = attach(propagate.extract(headers)) if INSTALLED and headers else None
    try:
        yield
    finally:
        if token is not None:
            detach(token)


class Span:
    """A stretch of a request, waiting included; open from the start.

    Args:
        within: what `context` returned.
        noted: what it tells.
    """

    def __init__(self, name: str, within: Any, noted: Mapping[str, int]) -> None:
        self._span = TRACER.start_span(name, within, attributes=noted) if INSTALLED else None

    def end(self, error: BaseException | None = None) -> None:
        """Closes it, on any thread; a second time does nothing."""
        if self._span is None or not self._span.is_recording():
            return
        if error is not None:
            self._span.record_exception(error)
            self._span.set_status(trace.Status(trace.StatusCode.ERROR, str(error)))
        self._span.end()


def note(**attributes: str) -> None:
    """Adds to the span that is open: FastAPI's own, of the request."""
    if INSTALLED:
        trace.get_current_span().set_attributes({f"wikiclip.{name}": value for name, value in attributes.items()})
