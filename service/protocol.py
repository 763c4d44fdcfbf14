"""HTTP/1.1 as uvicorn speaks it, with deadlines that it lacks: for a request's head, and for an answer to be read.

A body's own deadline is kept in `bodies`, and that of a connection on which nothing is asked in uvicorn.
"""

import asyncio
from typing import Any, Literal

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def with_deadlines(seconds: float) -> type[H11Protocol]:
    """The protocol, which closes a connection whose caller dawdles.

    Args:
        seconds: how long a request's head may take, and how long an answer may find nobody who reads it.
    """

    class Protocol(H11Protocol):
        _head: asyncio.TimerHandle | None = None
        _reader: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._head = self._soon()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._end("_head")
            elif self._head is None:  # the connection's next request has begun
                self._head = self._soon()

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
