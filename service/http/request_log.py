"""An id for every request, which its answer carries, and a line in the log and a count for each."""

import logging
import random
import re
import time

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import Cause, Problem
from service.http.problems import problem_response
from service.telemetry.logs import logger_of
from service.telemetry.metrics import Metrics

HEADER = "X-Request-Id"
USABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")
log = logger_of("service.request")
QUIET = ("/healthz", "/readyz", "/metrics")  # asked every few seconds


class RequestNote:
    """What is noted of one request, from when it is made: its id, and once it is answered a line and a count."""

    def __init__(self, scope: Scope, metrics: Metrics) -> None:
        self._start = time.perf_counter()
        self._scope = scope
        self._metrics = metrics
        wanted = dict(scope["headers"]).get(HEADER.lower().encode(), b"").decode("latin-1")
        self.request_id = wanted if USABLE.fullmatch(wanted) else _new_id()

    def tell(self, route: str, *, status: int | None, sent: int) -> None:
        """Counts the answer and logs it; `sent` is the bytes of its body."""
        seconds = time.perf_counter() - self._start
        self._metrics.request(route, status or 0, seconds)
        level = logging.DEBUG if self._scope["path"] in QUIET and status == 200 else logging.INFO
        if not log.isEnabledFor(level):
            return
        log.log(
            level,
            "request",
            method=self._scope["method"],
            route=route,
            status=status,
            ms=round(1000 * seconds, 1),
            bytes=sent,
            caller=self._scope.get("state", {}).get("caller"),
            request_id=self.request_id,
        )


def _new_id() -> str:
    """32 hexadecimal digits. No secret, so the kernel need not be asked: a call that lets go of the interpreter's lock
    waits until those who compute give it back."""
    return f"{random.getrandbits(128):032x}"


class RequestLog:
    """Middleware around all others that may refuse. A caller's own id is kept where it is short and plain."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        note = RequestNote(scope, self._metrics)
        scope.setdefault("state", {})["request_id"] = note.request_id
        status: int | None = None
        sent = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = note.request_id
            else:
                sent += len(message.get("body", b""))
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=note.request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception:
                log.exception("a request failed")
                if status is None:
                    problem = Problem(Cause.INTERNAL_ERROR, "The log has the details; trying again may help.")
                    await problem_response(problem)(scope, receive, send_with_id)
            finally:
                # The pattern of the path, which the router notes: an id in a path makes no metric of its own.
                note.tell(getattr(scope.get("route"), "path", "none"), status=status, sent=sent)
