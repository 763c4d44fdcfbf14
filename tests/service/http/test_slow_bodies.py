"""Bodies that trickle, and more of them than there is room for."""

import socket
import time
from collections.abc import Callable

import httpx
import pytest

from service.settings import Settings
from tests.service.conftest import Service, ready

HEAD = "POST /link HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"


@pytest.fixture(scope="module")
def narrow(start_for_module: Callable[[Settings], Service], settings: Settings) -> Service:
    return ready(start_for_module(settings.model_copy(update={"body_s": 1.0, "max_held_bytes": 300_000})))


def sent(service: Service, length: int, begun: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", service.port))
    connection.settimeout(20)
    connection.sendall(HEAD.format(length).encode() + begun)
    return connection


def answer(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received or b"}" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            break
        received += chunk
    return received


def test_a_body_that_trickles_is_told_so_and_gives_its_bytes_back(narrow: Service) -> None:
    with sent(narrow, 1000, b"{") as connection:
        start = time.monotonic()
        told = answer(connection)
        assert 0.5 < time.monotonic() - start < 60
        assert told.startswith(b"HTTP/1.1 408")
        assert b"urn:wikiclip:problem:body-too-slow" in told
        assert connection.recv(1) == b""
    assert "wikiclip_body_bytes 0.0" in httpx.get(f"{narrow.url}/metrics").text


def test_bodies_that_are_too_many_together_are_told_to_come_back(narrow: Service) -> None:
    first = sent(narrow, 250_001, b"x" * 250_000)
    deadline = time.monotonic() + 1
    while "wikiclip_body_bytes 250000.0" not in httpx.get(f"{narrow.url}/metrics").text:
        assert time.monotonic() < deadline
    with sent(narrow, 100_000, b"x" * 100_000) as second:
        told = answer(second)
        assert told.startswith(b"HTTP/1.1 503")
        assert b"retry-after" in told.lower()
    first.close()
    deadline = time.monotonic() + 300
    while "wikiclip_body_bytes 0.0" not in httpx.get(f"{narrow.url}/metrics").text:
        assert time.monotonic() < deadline
