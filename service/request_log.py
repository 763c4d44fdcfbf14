"""An id for every request, which its answer carries, and a line in the log and a count for each."""

import re
import time
import uuid

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import Cause, Problem
from service.logs import logger_of
from service.metrics import Metrics

HEADER = "X-Request-Id"
USABLE = re.compile(r"[A-Za-z0-9._-]{1,64}")
log = logger_of("service.request")
QUIET = ("/healthz", "/readyz", "/metrics")  # asked every few seconds


class RequestLog:
    """Middleware around all others that may refuse. A caller's own id is kept where it is short and plain."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        wanted = Headers(scope=scope).get(HEADER, "")
        request_id = wanted if USABLE.fullmatch(wanted) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status: int | None = None
        sent = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            else:
                sent += len(message.get("body", b""))
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception:
                log.exception("a request failed")
                if status is None:
                    problem = Problem(Cause.INTERNAL_ERROR, "The log has the details; trying again may help.")
                    await problem.response()(scope, receive, send_with_id)
            finally:
                seconds = time.perf_counter() - start
                # The pattern of the path, which the router notes: an id in a path makes no metric of its own.
                route = getattr(scope.get("route"), "path", "none")
                self._metrics.request(route, status or 0, seconds)
                tell = log.debug if scope["path"] in QUIET and status == 200 else log.info
                tell(
                    "request",
                    method=scope["method"],
                    route=route,
                    status=status,
                    ms=round(1000 * seconds, 1),
                    bytes=sent,
                    caller=scope["state"].get("caller"),
                )
