"""HTTP/1.1 as uvicorn speaks it with llhttp, with what it lacks: deadlines, and the last of RFC 9112's refusals.

There are deadlines for a request's head, for the rest of a body that nobody reads any more, and for an answer to be
read. `bodies` keeps a body's own, and uvicorn that of a connection on which nothing is asked. What uvicorn
would refuse in plain text is refused with a problem document.
"""

import asyncio
from collections import Counter
from collections.abc import Collection
from itertools import count
from typing import Any, Literal, cast

import httptools
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from service.errors import Cause, Problem
from service.http.one_piece import OnePiece
from service.http.problems import problem_response
from service.tally import OwnTally, Tally

MOST_BYTES = 2**14  # of a head, and of what stands between two pieces of a body
CLOSE = (b"connection", b"close")
# Each chunk of a body takes the event loop's time, however little it holds: so many may be small, and beyond them each
# holds so many bytes on average. Proxies that pass on what they get send a thousand at a time, and most callers more.
MOST_SMALL_CHUNKS, USUAL_CHUNK_BYTES = 4096, 256


class Malformed(Exception):
    """llhttp reads it, and RFC 9112 does not have it so."""


def with_deadlines(
    seconds: float,
    *,
    most_connections: int,
    most_of_an_address: int | None = None,
    unbounded: Collection[str] = (),
    always_answered: Collection[str] = (),
    opened: Tally | None = None,
) -> type[HttpToolsProtocol]:
    """The protocol, which closes a connection whose caller dawdles.

    Args:
        seconds: how long a request's head may take, and how long an answer may find nobody who reads it.
        most_connections: that are open at once. A further one takes the place of the one that has idled longest, and
            where none idles, whatever is asked on it is told to come back.
        most_of_an_address: that are open at once from one address; None for any number.
        unbounded: addresses that this does not hold for, such as a proxy's.
        opened: counts the connections that are open.
        always_answered: paths that are answered on any connection, so that a crowd does not look like a dead service.
    """

    open_of = Counter[str]()  # addresses
    open_now = opened or OwnTally()
    turns = count()  # in which connections fell idle: the loop's clock is the same for many of them

    def crowded(app: Any) -> ASGIApp:
        refusal = problem_response(
            Problem(
                Cause.BUSY,
                "Too many connections are open; try again.",
                headers={"Retry-After": "1", "Connection": "close"},
            )
        )

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await (app if scope["path"] in always_answered else refusal)(scope, receive, send)

        return answer

    class Protocol(HttpToolsProtocol):
        _idle_turn: int | None = None  # None while something is asked or answered, and once it was let go
        _head: asyncio.TimerHandle | None = None
        _reader: asyncio.TimerHandle | None = None
        _in_head = True
        _in_body = False
        _idle_bytes = 0  # since something of a request was whole
        _allowance: int | None = None  # bytes that chunks may be short of the usual; None for a body without chunks

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            open_now.add(1)
            self._idle_turn = next(turns)
            self._address = None if self.client is None or self.client[0] in unbounded else self.client[0]
            if self._address is not None:
                open_of[self._address] += 1
            if self._is_one_too_many():
                self.app = cast(Any, crowded(self.app))
            self._head = self._soon()

        def data_received(self, data: bytes) -> None:
            if self._is_last():  # what comes behind is read and forgotten: unread, it would reset the answer
                return
            self._unset_keepalive_if_required()
            self._idle_bytes += len(data)
            try:
                self._feed(data)
            except (httptools.HttpParserError, Malformed):
                if not self._is_answering() or self._in_body:
                    self.send_400_response("")
                    return
                self.cycle.keep_alive = False  # its answer is not spoilt by what comes behind it
            if self._is_answering():
                self._end("_head")
            elif self._in_head or self._in_body:
                self._head = self._head or self._soon()
            else:
                self._end("_head")
                if self.timeout_keep_alive_task is None:
                    self.timeout_keep_alive_task = self.loop.call_later(
                        self.timeout_keep_alive, self.timeout_keep_alive_handler
                    )

        def on_message_begin(self) -> None:
            if self._is_answering():  # callers that do not wait for an answer ask again on another connection
                raise Malformed
            super().on_message_begin()
            self._in_head = True

        def on_response_complete(self) -> None:
            self._idle_turn = next(turns)
            super().on_response_complete()

        def on_header(self, name: bytes, value: bytes) -> None:
            if self._in_head:  # otherwise it is a body's trailer, which nobody asks for
                super().on_header(name, value.rstrip(b" \t"))

        def on_headers_complete(self) -> None:
            if self.parser.should_upgrade():
                return
            self._check()
            self._in_head, self._in_body, self._idle_bytes = False, True, 0
            in_chunks = any(name == b"transfer-encoding" for name, _ in self.headers)
            self._allowance = MOST_SMALL_CHUNKS * USUAL_CHUNK_BYTES if in_chunks else None
            self._idle_turn = None
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._idle_bytes = 0
            if self._allowance is not None:
                self._allowance += len(body) - USUAL_CHUNK_BYTES
                if self._allowance < 0:
                    raise Malformed
            super().on_body(body)

        def on_message_complete(self) -> None:
            if self._in_body:
                self._in_body = False
                super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            is_told = self._in_body and self.cycle.response_started
            if self._is_answering():
                # Its body turned out to be broken. Whoever reads it learns that nobody waits, and does not answer, too.
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            if not is_told:
                malformed = Problem(Cause.MALFORMED_HTTP, "The connection is closed.")
                self._write(problem_response(malformed), close=True)
            self.transport.close()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reader = self._soon()

        def resume_writing(self) -> None:
            self._end("_reader")
            super().resume_writing()

        def timeout_keep_alive_handler(self) -> None:
            super().timeout_keep_alive_handler()  # which waits until all is read that was written
            self._reader = self._soon()

        def connection_lost(self, exc: Exception | None) -> None:
            open_now.add(-1)
            self._end("_head")
            self._end("_reader")
            self._idle_turn = None
            if self._address is not None:
                open_of[self._address] -= 1
                if not open_of[self._address]:
                    del open_of[self._address]
            super().connection_lost(exc)

        def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
            if self.scope["method"] != "HEAD":  # whose answer has nothing behind the head
                cycle.transport = cast(asyncio.Transport, OnePiece(self.transport))
            super()._start_asgi_task(cycle, app)

        def _feed(self, data: bytes) -> None:
            """Raises HttpParserError and Malformed."""
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                self._decline(data[upgrade.args[0] :])
            if self._idle_bytes > MOST_BYTES and (self._in_head or self._in_body):
                raise Malformed

        def _decline(self, rest: bytes) -> None:
            """Reads a request again without its wish for another protocol, at which llhttp stops."""
            method = self.parser.get_method()
            if method == b"CONNECT":
                raise Malformed
            lines = [b"%s: %s\r\n" % header for header in self.headers if header[0] != b"upgrade"]
            head = b"%s %s HTTP/%s\r\n" % (method, self.url, self.parser.get_http_version().encode())
            self.parser = httptools.HttpRequestParser(self)
            self._feed(b"".join([head, *lines, b"\r\n", rest]))

        def _check(self) -> None:
            """What h11 has of RFC 9112 and llhttp has not. Raises Malformed."""
            version = self.parser.get_http_version()
            hosts = [value for name, value in self.headers if name == b"host"]
            codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
            if version not in ("1.0", "1.1") or len(hosts) > 1 or (version == "1.1" and not hosts):
                raise Malformed
            if codings and (codings != [b"chunked"] or version == "1.0"):
                raise Malformed
            if b"#" in self.url or (not self.url.startswith(b"/") and self.url.split(b"/", 3)[2:3] != hosts):
                raise Malformed
            if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MOST_BYTES:
                raise Malformed

        def _is_one_too_many(self) -> bool:
            if (
                self._address is not None
                and most_of_an_address is not None
                and open_of[self._address] > most_of_an_address
            ):
                return True
            return open_now.total > most_connections and not self._longest_idle_goes()

        def _longest_idle_goes(self) -> bool:
            """Closes the connection on which nothing was asked for longest; False where there is none."""
            others = (other for other in self.connections if isinstance(other, Protocol) and other is not self)
            idle = {other._idle_turn: other for other in others if other._idle_turn is not None}
            if not idle:
                return False
            longest = idle[min(idle)]
            longest._idle_turn = None
            longest.transport.close()
            return True

        def _is_answering(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _is_last(self) -> bool:
            return self._is_answering() and not self._in_body and not self.cycle.keep_alive

        def _write(self, response: Response, *, close: bool) -> None:
            headers = [*self.server_state.default_headers, *response.raw_headers, *([CLOSE] if close else [])]
            lines = [b"%s: %s\r\n" % header for header in headers]
            self.transport.write(b"".join([STATUS_LINE[response.status_code], *lines, b"\r\n", response.body]))

        def _soon(self) -> asyncio.TimerHandle:
            return self.loop.call_later(seconds, self.transport.abort)

        def _end(self, name: Literal["_head", "_reader"]) -> None:
            timer: asyncio.TimerHandle | None = getattr(self, name)
            if timer is not None:
                timer.cancel()
                setattr(self, name, None)

    return Protocol
