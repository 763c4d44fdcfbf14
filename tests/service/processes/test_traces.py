"""Traces of several processes, as a collector receives them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.service.processes.family import family, wait_until
from tests.service.processes.load import BOX, IMAGE

pytestmark = pytest.mark.slow
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
Spans = list[tuple[str, str, str, str, str]]  # process, trace, name, id, parent


@contextmanager
def collector() -> Iterator[tuple[str, Spans]]:
    """Where spans are sent to, and those that came."""
    spans: Spans = []

    class Receives(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
            for resource in sent.resource_spans:
                told = {each.key: each.value.string_value for each in resource.resource.attributes}
                process = told["service.instance.id"].partition(".")[0]
                for scope in resource.scope_spans:
                    spans.extend(
                        (process, one.trace_id.hex(), one.name, one.span_id.hex(), one.parent_span_id.hex())
                        for one in scope.spans
                    )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receives)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", spans
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_request_is_one_trace_from_the_front_to_the_engine(index_home: Path, short_path: Path) -> None:
    asked = [
        ("/link", {"image": IMAGE, "regions": [BOX, None]}, {"encode", "search"}),
        ("/segment", {"image": IMAGE}, {"decode", "segment"}),
        ("/explain", {"image": IMAGE, "entity_id": "red-disc"}, {"decode", "explain"}),
    ]
    with collector() as (url, spans):
        # So long that nothing but the end of a process sends it.
        waits = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": 600_000}
        with family(index_home, short_path, **waits) as running:
            for number, (path, body, _) in enumerate(asked):
                sent = {"traceparent": f"00-{TRACE[:-1]}{number}-{CALLER}-01"}
                assert httpx.post(f"{running.url}{path}", json=body, headers=sent, timeout=60).status_code == 200
        wait_until(lambda: {process.partition("-")[0] for process, *_ in spans} == {"front", "engine"}, 20)
    for number, (path, _, stages) in enumerate(asked):
        own = [span for span in spans if span[1] == f"{TRACE[:-1]}{number}"]
        ((process, _, _, request, parent),) = [span for span in own if span[2] == f"POST {path}"]
        assert process.startswith("front")
        assert parent == CALLER
        of_front = [span for span in own if span[0] == process and span[2] == "decode"]
        assert [span[4] for span in of_front] == [request], "what the front does itself"
        of_engine = {span[2]: span[4] for span in own if span[0].startswith("engine")}
        assert of_engine == dict.fromkeys(stages, request)
