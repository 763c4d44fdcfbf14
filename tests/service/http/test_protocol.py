"""Callers who dawdle, and what is no HTTP, on sockets of a real server with short deadlines."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPResponse

import pytest

from service.schemas import ProblemOut
from tests.service.http.raw_server import (
    LARGE,
    SECONDS,
    answer,
    connect,
    ended,
    read_until,
    seconds_until_closed,
    serving,
    unsendable,
)

LATE = 16  # deadlines, until what a busy machine cuts counts as not cut: less than any other that a server has


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as port:
        yield port


@pytest.mark.parametrize("begun", [b"", b"P", b"GET /echo HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_never_ends_is_cut(port: int, begun: bytes) -> None:
    with connect(port) as connection:
        connection.sendall(begun)
        assert SECONDS / 2 < seconds_until_closed(connection) < LATE * SECONDS


def test_a_head_that_trickles_is_cut(port: int) -> None:
    def trickle(connection: socket.socket) -> None:
        for byte in b"GET /echo HTTP/1.1\r\nHost: " + b"x" * 500:
            connection.sendall(bytes([byte]))
            time.sleep(SECONDS / 10)

    with connect(port) as connection:
        start = time.monotonic()
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            trickle(connection)
        assert time.monotonic() - start < LATE * SECONDS


def test_a_second_head_on_a_connection_has_the_same_deadline(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
        read_until(connection, b"\r\n\r\n")
        connection.sendall(b"GET /echo HT")
        assert SECONDS / 2 < seconds_until_closed(connection) < LATE * SECONDS


def test_bodies_and_slow_work_are_not_cut(port: int) -> None:
    with connect(port) as connection:
        for _ in range(2):
            connection.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
            for byte in b"body":
                time.sleep(SECONDS / 2)
                connection.sendall(bytes([byte]))
            assert read_until(connection, b"body").startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_until(connection, b"late").startswith(b"HTTP/1.1 200")


def test_an_answer_that_nobody_reads_is_given_up(port: int) -> None:
    ended.clear()
    with connect(port) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert ended.wait(20)
    with connect(port) as connection:  # and one that is read slowly but steadily is not
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = 0
        while chunk := connection.recv(1024 * 1024):
            received += len(chunk)
            time.sleep(0.005)
        assert received > LARGE


@pytest.mark.parametrize(
    "request_",
    [
        b"hunter2",
        b"GET / HTTP/1.1\r\nHost: x\r\n: hunter2\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: hunter2\r\n\r\n",
        b"GET /echo HTTP/1.1\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        b"GET /echo HTTP/1.1\nHost: x\n\n",
        b"GET /echo HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\nX: a\r\n hunter2\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\nX: a\0hunter2\r\n\r\n",
        b"GET /echo\r\n\r\n",
        b"GET /echo HTTP/0.9\r\nHost: x\r\n\r\n",
        b"GET /echo HTTP/2.0\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://hunter2/echo HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /echo#hunter2 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20_000,
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\nx",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\nx",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\nx\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 300_000,
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 300_000,
    ],
    ids=lambda request_: repr(request_[:80]),
)
def test_what_is_no_http_is_told_so_in_a_problem_document(port: int, request_: bytes) -> None:
    with connect(port) as connection:
        connection.sendall(request_ + b"\r\n\r\n")
        status, problem = answer(connection)
    assert (status, problem["type"]) == (400, "urn:wikiclip:problem:malformed-http")
    ProblemOut.model_validate(problem, strict=True)
    assert "hunter2" not in str(problem)


def test_a_body_that_breaks_while_it_is_read_gets_one_answer(port: int) -> None:
    """That of the protocol: what the application says after it could not be sent."""
    ended.clear()
    unsendable.clear()
    with connect(port) as connection:
        connection.sendall(
            b"POST /patient HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nhunter2\r\n"
        )
        status, problem = answer(connection)
    assert (status, problem["type"]) == (400, "urn:wikiclip:problem:malformed-http")
    assert ended.wait(20)
    assert unsendable == []


def in_chunks(size: int, number: int) -> bytes:
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + (b"%x\r\n" % size + b"x" * size + b"\r\n") * number + b"0\r\n\r\n"


@pytest.mark.parametrize(("size", "number"), [(1, 4000), (300, 9000), (1448, 2000)])
def test_chunks_of_a_usual_size_or_few_small_ones_are_read(port: int, size: int, number: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(in_chunks(size, number))
        response = HTTPResponse(connection)
        response.begin()
        assert response.read() == b"x" * size * number


@pytest.mark.parametrize("path", [b"/echo", b"/unread"])
def test_a_body_in_crumbs_is_refused(port: int, path: bytes) -> None:
    """And the connection ends, whether or not anybody reads it: each crumb takes a microsecond of everybody's."""
    request = in_chunks(1, 200_000).replace(b"/echo", path, 1)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        with suppress(ConnectionError):
            connection.sendall(request)
        told = b""
        with suppress(ConnectionError):
            while piece := connection.recv(65_536):
                told += piece
    assert path == b"/unread" or told.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\nbody\r\n0\r\nHost: y\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nbody",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\nbody",
        b"POST http://x/echo HTTP/1.1\r\nHost: x \t\r\nContent-Length: 4 \r\n\r\nbody",
        b"\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody\r\n",
    ],
)
def test_unusual_requests_are_read_whole_and_the_connection_goes_on(port: int, request_: bytes) -> None:
    with connect(port) as connection:
        for _ in range(2):
            connection.sendall(request_)
            assert read_until(connection, b"body").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("second", [b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", b"hunter2\r\n\r\n", b"\0\r\n\r\n"])
def test_who_does_not_wait_for_an_answer_gets_it_and_no_other(port: int, second: bytes) -> None:
    with connect(port) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + second)
        time.sleep(SECONDS / 10)
        connection.sendall(second)
        told = b"".join(iter(lambda: connection.recv(65536), b""))
    assert told.startswith(b"HTTP/1.1 200")
    assert told.endswith(b"late")


def test_the_rest_of_a_body_that_nobody_reads_has_a_deadline(port: int) -> None:
    def trickle(connection: socket.socket) -> None:
        for _ in range(100):
            connection.sendall(b"x")
            time.sleep(SECONDS / 10)

    with connect(port) as connection:
        connection.sendall(b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        assert read_until(connection, b"refused").startswith(b"HTTP/1.1 200")
        start = time.monotonic()
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            trickle(connection)
        assert time.monotonic() - start < LATE * SECONDS


def test_a_body_that_nobody_read_does_not_end_the_connection(port: int) -> None:
    with connect(port) as connection:
        for _ in range(2):
            connection.sendall(b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + bytes(300_000))
            assert read_until(connection, b"refused").startswith(b"HTTP/1.1 200")


def test_head_and_body_leave_in_one_piece(port: int) -> None:
    with connect(port) as connection:
        for _ in range(20):
            connection.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody")
            assert connection.recv(65536).endswith(b"\r\n\r\nbody")


@pytest.mark.parametrize(
    ("request_", "end"),
    [
        (b"HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n\r\n"),
        (b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n\r\n"),
        (b"GET /in-parts HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"),
    ],
)
def test_a_head_does_not_wait_for_a_body_that_is_empty_or_has_parts(port: int, request_: bytes, end: bytes) -> None:
    with connect(port) as connection:
        for _ in range(2):
            connection.sendall(request_)
            assert read_until(connection, end).startswith(b"HTTP/1.1 200 OK\r\n")


def test_who_asks_whether_to_go_on_is_told_before_the_answer(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"body")
        assert read_until(connection, b"body").startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_head_is_sent_whose_body_never_comes(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(b"GET /begun HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
        assert connection.recv(1) == b""
