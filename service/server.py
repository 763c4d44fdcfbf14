"""The server: the application behind the connection's protocol and its door, on a socket."""

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from service.app import create_app
from service.engine.runtime import Runtime
from service.http.door import Door
from service.http.protocol import with_deadlines
from service.routes import operations
from service.routes.linking import PLACED
from service.settings import Settings
from wikiclip.base.errors import WikiClipError

GRACE_S = 10  # for what was accepted, once the server shall stop


def make_server(
    settings: Settings, *, announce: Callable[[Runtime], None] | None = None
) -> tuple[uvicorn.Server, FastAPI]:
    """A server that `run(sockets=[listen(host, port)])` starts, and its application.

    Args:
        announce: called once loading has ended, well or badly.

    Raises:
        WikiClipError: the keys cannot be read, or the rate is none.
    """
    app = create_app(settings, announce=announce)
    runtime: Runtime = app.state.runtime
    door = Door(
        app,
        PLACED,
        is_ready=lambda: runtime.is_ready,
        has_room=lambda coming: runtime.pipeline.has_room(coming),
        metrics=runtime.metrics,
    )
    config = uvicorn.Config(
        door,
        loop="uvloop",
        http=with_deadlines(
            settings.head_s,
            most_connections=settings.max_connections,
            most_of_an_address=settings.max_connections_per_address or None,
            unbounded=settings.proxies,
            always_answered=operations.OPEN,
        ),
        # Who calls is told by the connection, unless a proxy that is named says for whom it asks.
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
        ws="none",
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=GRACE_S,
        log_config=None,
        access_log=False,  # `request_log` writes a line for each request, with its id
        server_header=False,
    )
    return uvicorn.Server(config), app


def listen(host: str, port: int) -> socket.socket:
    """A socket at the address. Raises WikiClipError where it cannot be had."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise WikiClipError(
            f"{host}:{port} cannot be listened on: {error.strerror}. Choose another with --port (make demo PORT=8123)."
        ) from error
    # asyncio sets this itself, but not on a socket bound beforehand; without it each answer waits 40 ms for an ACK.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
