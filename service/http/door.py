"""Refuses requests by their heads, before anything is made of them, while no place is free.

What comes while the service is full comes in numbers, on the cores that the encoder needs: the application and its
middleware would cost several times as much as these few lines.
"""

import asyncio
from collections.abc import Callable, Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import busy
from service.http.answer_headers import ANSWER_HEADERS
from service.http.problems import problem_response
from service.http.request_log import HEADER, RequestNote
from service.telemetry.metrics import Metrics

ENTRY = "entry"  # under which a request's state has its own
COMING_S = 0.25  # for which a place is kept for a body: one that is slow may find it taken


class Entry:
    """A request that was let in, and whose body is not there yet: it counts, since many come before one is inside."""

    def __init__(self, door: "Door") -> None:
        self._door: Door | None = door
        self._timer = asyncio.get_running_loop().call_later(COMING_S, self.end)
        door.coming += 1

    def end(self) -> None:
        """It counts no more; a second time does nothing."""
        if self._door is not None:
            self._door.coming -= 1
            self._door = None
            self._timer.cancel()


class Door:
    """The outermost application: looks at a request before any other part of the application does.

    It says so before it asks who calls: who has no key learns that the service is busy.

    Args:
        paths: to which a POST takes a place.
        is_ready: whether there are places at all; before, the route says what is missing.
        has_room: whether one more is free, beside those for so many requests that are coming.

    Attributes:
        coming: how many were let in and are not inside.
    """

    def __init__(
        self,
        app: ASGIApp,
        paths: Collection[str],
        *,
        is_ready: Callable[[], bool],
        has_room: Callable[[int], bool],
        metrics: Metrics,
    ) -> None:
        self._app = app
        self._paths = frozenset(paths)
        self._is_ready = is_ready
        self._has_room = has_room
        self._metrics = metrics
        self._answer = problem_response(busy())
        self._answer.headers.update(ANSWER_HEADERS | {HEADER: ""})  # the last is another each time
        self.coming = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["path"] not in self._paths
            or scope["method"] != "POST"
            or not self._is_ready()
        ):
            await self._app(scope, receive, send)
        elif self._has_room(self.coming):
            scope["state"][ENTRY] = Entry(self)
            try:
                await self._app(scope, receive, send)
            finally:
                end_entry(scope)
        else:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        note = RequestNote(scope, self._metrics)
        name, _ = self._answer.raw_headers[-1]
        self._answer.raw_headers[-1] = name, note.request_id.encode()
        await self._answer(scope, receive, send)
        note.tell(scope["path"], status=self._answer.status_code, sent=len(self._answer.body))


def end_entry(scope: Scope) -> None:
    """Its body is there, or it was refused. Does nothing where no door was passed."""
    entry = scope.get("state", {}).get(ENTRY)
    if entry is not None:
        entry.end()
