"""The server: the application behind the connection's protocol and its door, on a socket."""

from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from service.app import Parts, alone, create_app
from service.http.door import Door
from service.http.listening import GRACE_S
from service.http.listening import listen as listen
from service.http.protocol import with_deadlines
from service.routes import operations
from service.routes.linking import PLACED
from service.settings import Settings


def make_server(
    settings: Settings, *, announce: Callable[[], None] | None = None, parts: Parts | None = None
) -> tuple[uvicorn.Server, FastAPI]:
    """A server that `run(sockets=[listen(host, port)])` starts, and its application.

    Args:
        announce: called once loading has ended, well or badly.
        parts: those of a process that is alone if absent.

    Raises:
        WikiClipError: the keys cannot be read, or the rate is none.
    """
    parts = parts or alone(settings)
    app, runtime = create_app(settings, announce=announce, parts=parts), parts.runtime
    door = Door(
        app,
        PLACED,
        is_ready=lambda: runtime.is_ready,
        has_room=lambda coming: runtime.pipeline.has_room(coming),
        metrics=parts.metrics,
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
            opened=parts.opened,
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
