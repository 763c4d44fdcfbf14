"""The body of a POST, from its head to its last byte; every limit holds before anything is made of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

from service.errors import Cause, Problem
from service.tally import OwnTally, Tally
from service.telemetry.metrics import Metrics

JSON, MULTIPART = "application/json", "multipart/form-data"
JSON_LINES = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class ContentType:
    """What a body's head says it is.

    Attributes:
        media_type: one of those that are taken.
        boundary: between the parts of a multipart body; None where the head names none.
    """

    media_type: str
    boundary: bytes | None


def content_type(headers: Headers, taken: Sequence[str] = (JSON, MULTIPART)) -> ContentType:
    """Raises Problem for a body of another type than those that are taken, and for a compressed one."""
    given = headers.get("content-type", "")
    media_type = given.partition(";")[0].strip().lower()
    if media_type not in taken:
        raise Problem(
            Cause.UNSUPPORTED_MEDIA_TYPE,
            f"Send {' or '.join(taken)}.",
            headers={"Accept-Post": ", ".join(taken)},
        )
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Problem(
            Cause.UNSUPPORTED_MEDIA_TYPE,
            "Send the body without a content coding.",
            headers={"Accept-Encoding": "identity"},
        )
    return ContentType(media_type, parse_options_header(given)[1].get(b"boundary"))


class Bodies:
    """Takes bodies in, and counts the bytes that all of them hold. For one event loop.

    Args:
        max_bytes: of one body.
        max_held_bytes: of all bodies together, while they come in, wait and are read.
        seconds: how long one may take to come.
        held: counts the bytes that are held.
    """

    def __init__(
        self, *, max_bytes: int, max_held_bytes: int, seconds: float, metrics: Metrics, held: Tally | None = None
    ) -> None:
        self._max_bytes = max_bytes
        self._max_held_bytes = max_held_bytes
        self._seconds = seconds
        self._metrics = metrics
        self._held = held or OwnTally()
        self._own = 0

    @asynccontextmanager
    async def received(self, request: Request) -> AsyncIterator[bytes]:
        """The body, counted while it streams in, and no more once the block is left.

        Raises:
            Problem: it is too large, too slow, or breaks off; or there is no room.
        """
        own = 0

        def count(more: int) -> None:
            nonlocal own
            self._take(more)
            own += more

        try:
            try:
                async with asyncio.timeout(self._seconds):
                    body = await self._receive(request, count)
            except TimeoutError:
                raise Problem(
                    Cause.BODY_TOO_SLOW,
                    f"A body may take {self._seconds:g} s to come.",
                    headers={"Connection": "close"},
                ) from None
            yield body
        finally:
            self._take(-own)

    async def _receive(self, request: Request, count: Callable[[int], None]) -> bytes:
        too_large = Problem(Cause.BODY_TOO_LARGE, f"A request may have {self._max_bytes:,} bytes.")
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._max_bytes:
            raise too_large
        body = bytearray()
        try:
            async for chunk in request.stream():
                count(len(chunk))
                body += chunk
                if len(body) > self._max_bytes:
                    raise too_large
        except ClientDisconnect:
            raise Problem(Cause.CONNECTION_CLOSED, "The body had not ended.") from None
        return bytes(body)

    def _take(self, more: int) -> None:
        """Raises Problem where so many more bytes do not fit; fewer than none are given back."""
        if more > 0 and self._held.total + more > self._max_held_bytes:
            raise Problem(
                Cause.BUSY, "Too many bytes of other requests are held; try again.", headers={"Retry-After": "1"}
            )
        self._held.add(more)
        self._own += more
        self._metrics.bodies(self._own)
