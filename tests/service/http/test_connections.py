"""How many connections there may be, and who goes where there are too many."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.service.http.raw_server import MOST_CONNECTIONS, PATIENT_S, SECONDS, connect, get, serving


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as port:
        yield port


def test_a_connection_too_many_is_told_to_come_back_and_whether_the_service_lives(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS):
            stack.enter_context(connect(port)).sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(SECONDS / 4)
        response = get(stack.enter_context(connect(port)), "/echo")
        assert (response.status, response.headers["retry-after"]) == (503, "1")
        assert json.loads(response.read())["type"] == "urn:wikiclip:problem:busy"
        assert get(stack.enter_context(connect(port)), "/alive").status == 200


def test_where_no_place_is_left_the_longest_idle_is_let_go() -> None:
    with serving(PATIENT_S) as port, ExitStack() as stack:
        connections = [stack.enter_context(connect(port)) for _ in range(MOST_CONNECTIONS)]
        for connection in (*connections, connections[0]):  # so that the second has idled longest
            assert get(connection, "/echo").read() == b""
        for _ in range(2):
            assert get(stack.enter_context(connect(port)), "/echo").status == 200
        assert [connection.recv(1) for connection in connections[1:3]] == [b"", b""]
        for connection in (connections[0], *connections[3:]):
            assert get(connection, "/echo").status == 200


def test_an_address_may_have_so_many_and_no_more() -> None:
    with serving(PATIENT_S, most_of_an_address=2) as port, ExitStack() as stack:
        first, second, third = (stack.enter_context(connect(port)) for _ in range(3))
        assert [get(each, "/echo").status for each in (first, second, third)] == [200, 200, 503]
        second.close()
        deadline = time.monotonic() + PATIENT_S
        while get(stack.enter_context(connect(port)), "/echo").status != 200:  # until the server has noticed
            assert time.monotonic() < deadline
    with serving(PATIENT_S, most_of_an_address=2, unbounded=("127.0.0.1",)) as port, ExitStack() as stack:
        assert [get(stack.enter_context(connect(port)), "/echo").status for _ in range(3)] == [200] * 3
