"""HTTP/1.1 as uvicorn speaks it, with deadlines that it lacks: for a request's head, and for an answer to be read.

A body's own deadline is kept in `bodies`, and that of a connection on which nothing is asked in uvicorn. What uvicorn
would refuse in plain text is refused with a problem document.
"""

import asyncio
from typing import Any, Literal

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.errors import Cause, Problem

CLOSE = (b"connection", b"close")


def with_deadlines(seconds: float, *, most_connections: int) -> type[H11Protocol]:
    """The protocol, which closes a connection whose caller dawdles.

    Args:
        seconds: how long a request's head may take, and how long an answer may find nobody who reads it.
        most_connections: that are open at once; on further ones whatever is asked is told to come back.
    """

    class Protocol(H11Protocol):
        _head: asyncio.TimerHandle | None = None
        _reader: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > most_connections:
                headers = {"Retry-After": "1", "Connection": "close"}
                self.app = Problem(Cause.BUSY, "Too many connections are open; try again.", headers=headers).response()
            self._head = self._soon()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._end("_head")
            elif self._head is None:  # the connection's next request has begun
                self._head = self._soon()

        def send_400_response(self, msg: str) -> None:
            if self.cycle is not None and not self.cycle.response_complete:
                # Its body turned out to be broken. Whoever reads it learns that nobody waits, and does not answer, too.
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                told = Problem(Cause.MALFORMED_HTTP, "The connection is closed.").response()
                head = h11.Response(status_code=told.status_code, headers=[*told.raw_headers, CLOSE])
                for event in (head, h11.Data(data=bytes(told.body)), h11.EndOfMessage()):
                    self.transport.write(self.conn.send(event))
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
            self._end("_head")
            self._end("_reader")
            super().connection_lost(exc)

        def _soon(self) -> asyncio.TimerHandle:
            return self.loop.call_later(seconds, self.transport.abort)

        def _end(self, name: Literal["_head", "_reader"]) -> None:
            timer: asyncio.TimerHandle | None = getattr(self, name)
            if timer is not None:
                timer.cancel()
                setattr(self, name, None)

    return Protocol
