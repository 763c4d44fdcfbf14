"""HEAD wherever GET is answered, with the same status and headers and nothing behind them."""

import socket

import httpx
import pytest

from tests.service.conftest import Service


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/page/main.js",
        "/docs",
        "/openapi.json",
        "/healthz",
        "/readyz",
        "/scenes",
        "/entities",
        "/entities/red-disc",
        "/entities/red-disc/image",
        "/entities/red-disc/neighbours",
        "/entities/none",
        "/link",
    ],
)
def test_head_tells_what_get_would(client: httpx.Client, path: str) -> None:
    whole, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    for name in ("content-type", "etag", "allow"):
        assert head.headers.get(name) == whole.headers.get(name)


def test_nothing_follows_the_head_and_the_connection_goes_on(service: Service) -> None:
    ask = b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        for _ in range(2):
            connection.sendall(ask)
            told = connection.recv(65536)
            assert told.startswith(b"HTTP/1.1 200")
            assert told.endswith(b"\r\n\r\n")
            assert told.count(b"\r\n\r\n") == 1


def test_the_count_has_the_route(client: httpx.Client) -> None:
    client.head("/entities/red-disc")
    assert 'route="none",status="200"' not in client.get("/metrics").text
