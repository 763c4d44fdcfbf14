"""What `service/http/protocol.py` and `one_piece.py` rely on that uvicorn does not promise.

pyproject.toml bounds uvicorn's version from above. Who raises the bound runs this first: it names what went.
"""

import asyncio
import logging
import tomllib
from pathlib import Path
from unittest.mock import Mock

import pytest
from packaging.requirements import Requirement
from uvicorn import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

ROOT = Path(__file__).parents[3]

OVERRIDDEN = (
    "connection_made",
    "data_received",
    "connection_lost",
    "pause_writing",
    "resume_writing",
    "timeout_keep_alive_handler",
    "on_message_begin",
    "on_header",
    "on_headers_complete",
    "on_body",
    "on_message_complete",
    "send_400_response",
    "_start_asgi_task",
)
CALLED = ("_unset_keepalive_if_required", "on_response_complete", "on_url")
OF_A_CONNECTION = (
    "app",
    "connections",
    "cycle",
    "headers",
    "loop",
    "parser",
    "scope",
    "server_state",
    "timeout_keep_alive",
    "timeout_keep_alive_task",
    "transport",
)
OF_A_CYCLE = (
    "disconnected",
    "keep_alive",
    "message_event",
    "response_complete",
    "response_started",
    "scope",
    "transport",
)


async def nothing(scope: object, receive: object, send: object) -> None:
    pass


def test_the_version_is_bounded_from_above() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (found,) = (Requirement(line) for line in listed if line.startswith("uvicorn"))
    assert any(part.operator == "<" for part in found.specifier)


@pytest.mark.parametrize("name", [*OVERRIDDEN, *CALLED])
def test_a_method_is_there(name: str) -> None:
    assert callable(getattr(HttpToolsProtocol, name))


def test_a_connection_has_what_is_read_and_set() -> None:
    async def made() -> HttpToolsProtocol:
        return HttpToolsProtocol(Config(nothing), ServerState(), {})

    protocol = asyncio.run(made())
    assert [name for name in OF_A_CONNECTION if not hasattr(protocol, name)] == []
    assert isinstance(protocol.server_state.default_headers, list)
    protocol.on_message_begin()
    protocol.on_url(b"/")
    assert protocol.url == b"/"


def test_a_cycle_has_what_is_read_and_set() -> None:
    cycle = RequestResponseCycle(
        scope=Mock(),
        transport=Mock(),
        flow=FlowControl(Mock()),
        logger=logging.getLogger(),
        access_logger=logging.getLogger(),
        access_log=False,
        default_headers=[],
        message_event=Mock(),
        expect_100_continue=False,
        keep_alive=True,
        on_response=Mock(),
    )
    assert [name for name in OF_A_CYCLE if not hasattr(cycle, name)] == []


def test_status_lines_are_whole() -> None:
    assert STATUS_LINE[503] == b"HTTP/1.1 503 Service Unavailable\r\n"
