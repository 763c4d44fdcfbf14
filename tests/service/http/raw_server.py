"""A server with short deadlines, and sockets that speak to it byte by byte."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from service.http.protocol import with_deadlines

SECONDS = 0.5
PATIENT_S = 30.0  # where no deadline is what is tested
LARGE = 32 * 1024 * 1024  # more than the buffers of both ends hold
MOST_CONNECTIONS = 16
ended = threading.Event()
unsendable: list[BaseException] = []


async def echo(request: Request) -> Response:
    return Response(await request.body())


async def large(_: Request) -> Response:
    class Noted(Response):
        async def __call__(self, scope, receive, send):
            try:
                await super().__call__(scope, receive, send)
            finally:
                ended.set()

    return Noted(bytes(LARGE))


async def patient(request: Request) -> Response:
    """Answers also who broke off."""

    class Noted(Response):
        async def __call__(self, scope, receive, send):
            try:
                await super().__call__(scope, receive, send)
            except BaseException as error:
                unsendable.append(error)
                raise
            finally:
                ended.set()

    try:
        await request.body()
    except ClientDisconnect:
        return Noted(b"gone")
    return Noted(b"whole")


async def unread(_: Request) -> Response:
    return Response(b"refused")


async def slow(_: Request) -> Response:
    await asyncio.sleep(3 * SECONDS)
    return Response(b"late")


async def begun(request: Request) -> Response:
    """Fails after its head."""

    class Failing(Response):
        async def __call__(self, scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
            raise ZeroDivisionError

    return Failing()


async def in_parts(_: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.sleep(SECONDS / 5)
        yield b"two"

    return StreamingResponse(parts())


@contextmanager
def serving(seconds: float = SECONDS, **bounds: Any) -> Iterator[int]:
    app = Starlette(
        routes=[
            Route("/begun", begun),
            Route("/in-parts", in_parts),
            Route("/echo", echo, methods=["POST", "GET"]),
            Route("/patient", patient, methods=["POST"]),
            Route("/large", large),
            Route("/slow", slow),
            Route("/alive", echo),
            Route("/unread", unread, methods=["POST"]),
        ]
    )
    config = uvicorn.Config(
        app,
        port=0,
        http=with_deadlines(SECONDS, most_connections=MOST_CONNECTIONS, always_answered=("/alive",), **bounds),
        timeout_keep_alive=2 * seconds,
        log_level="critical",
    )
    listening = config.bind_socket()
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.settimeout(20)
    return connection


def seconds_until_closed(connection: socket.socket) -> float:
    start = time.monotonic()
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - start


def read_until(connection: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        received += connection.recv(65536)
    return received


def get(connection: socket.socket, path: str) -> HTTPResponse:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    response = HTTPResponse(connection)
    response.begin()
    return response


def answer(connection: socket.socket) -> tuple[int, dict[str, object]]:
    response = HTTPResponse(connection)
    response.begin()
    assert response.headers["content-type"] == "application/problem+json"
    return response.status, json.loads(response.read())
