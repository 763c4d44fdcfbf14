"""What is refused by its head, over a real connection."""

import json
import logging
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPResponse

import httpx
import pytest

from service.http.answer_headers import ANSWER_HEADERS
from service.http.door import COMING_S
from service.schemas import ProblemOut
from service.settings import Settings
from tests.service.conftest import Service, ready

BODY = bytes(200_000)


@pytest.fixture(scope="module")
def own(start_for_module: Callable[[Settings], Service], settings: Settings) -> Service:
    return ready(start_for_module(settings.model_copy(update={"queue": 3})))


@pytest.fixture
def full(own: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service whose places are taken."""
    monkeypatch.setattr(own.app.state.runtime.pipeline, "_inside", 3)
    return own


def asked(connection: socket.socket, path: str, body: bytes, version: str = "1.1") -> tuple[HTTPResponse, bytes]:
    head = f"POST {path} HTTP/{version}\r\nHost: localhost\r\nX-Request-Id: mine\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    response = HTTPResponse(connection)
    response.begin()
    return response, response.read()


@pytest.mark.parametrize("path", ["/link", "/segment", "/explain"])
def test_who_finds_no_place_gets_a_whole_problem_and_keeps_the_connection(full: Service, path: str) -> None:
    with socket.create_connection(("127.0.0.1", full.port)) as connection:
        for _ in range(3):
            response, told = asked(connection, path, BODY)
            assert response.status == 503
            problem = ProblemOut.model_validate(json.loads(told), strict=True)
            assert problem.type == "urn:wikiclip:problem:busy"
            assert int(response.headers["retry-after"]) > 0
            assert (response.headers["x-request-id"], response.headers["connection"]) == ("mine", None)
            assert {name: response.headers[name] for name in ANSWER_HEADERS} == ANSWER_HEADERS


def test_who_wants_the_connection_closed_has_it_closed(full: Service) -> None:
    with socket.create_connection(("127.0.0.1", full.port)) as connection:
        response, _ = asked(connection, "/link", b"", version="1.0")
        assert (response.status, response.headers["connection"]) == (503, "close")
        assert connection.recv(1) == b""


def test_what_takes_no_place_is_answered(full: Service) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/entities/red-disc"):
        assert httpx.get(f"{full.url}{path}").status_code == 200
    assert httpx.get(f"{full.url}/link").status_code == 405


def test_a_refusal_is_counted_and_logged(full: Service, caplog: pytest.LogCaptureFixture) -> None:
    def count() -> float:
        lines = httpx.get(f"{full.url}/metrics").text.splitlines()
        found = [line for line in lines if line.startswith('wikiclip_requests_total{route="/link",status="503"}')]
        return float(found[0].split()[-1]) if found else 0.0

    before = count()
    with caplog.at_level(logging.INFO, "service.request"):
        httpx.post(f"{full.url}/link", content=BODY, headers={"X-Request-Id": "mine"})
    assert count() == before + 1
    (told,) = [record.msg for record in caplog.records if "/link" in str(record.msg)]
    assert (told["request_id"], told["status"], told["method"]) == ("mine", 503, "POST")


def test_who_was_let_in_counts_until_the_body_is_there_or_late(own: Service) -> None:
    head = "POST /link HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    with ExitStack() as stack:
        coming = [stack.enter_context(socket.create_connection(("127.0.0.1", own.port))) for _ in range(3)]
        for connection in coming:
            connection.sendall(head.encode())
        time.sleep(COMING_S / 5)
        one_more = stack.enter_context(socket.create_connection(("127.0.0.1", own.port)))
        assert asked(one_more, "/link", b"{}")[0].status == 503
        time.sleep(COMING_S)
        assert asked(one_more, "/link", b"{}")[0].status == 415  # it came in, and was refused for what it sent
        coming[0].sendall(b'{"x": 12}')
        assert coming[0].recv(65536).startswith(b"HTTP/1.1 422")


def test_who_was_refused_inside_counts_no_more(own: Service) -> None:
    with socket.create_connection(("127.0.0.1", own.port)) as connection:
        assert [asked(connection, "/link", b"{}")[0].status for _ in range(20)] == [415] * 20


def test_many_that_come_at_once_all_get_an_answer(full: Service) -> None:
    def ask(_: int) -> int:
        with socket.create_connection(("127.0.0.1", full.port)) as connection:
            return asked(connection, "/link", BODY)[0].status

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(200))) == {503}
