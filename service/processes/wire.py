"""A ZeroMQ socket on an event loop: what comes is handed to a callable, without a task or a future for each message."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wikiclip.base.errors import WikiClipError, how_to_install

try:
    import zmq
except ImportError as error:
    raise WikiClipError(
        f"WIKICLIP_PROCESSES takes ZeroMQ, which is not installed: {how_to_install('processes')}."
    ) from error

ROUTER, DEALER = zmq.ROUTER, zmq.DEALER
AT_ONCE = 64  # messages, before other callbacks have their turn


class Wire:
    """For the event loop that runs when it is made.

    Args:
        kind: of the socket: ROUTER, which `bind`s, or DEALER, which `connect`s.
        received: is given the frames of each message; a router's begin with who sent it.
        name: who this is, for routers.
    """

    def __init__(self, kind: int, received: Callable[[list[bytes]], None], *, name: str = "") -> None:
        self._socket: Any = zmq.Context.instance().socket(kind)
        self._socket.setsockopt(zmq.LINGER, 0)
        # No more is under way than the service has places for, so nothing is to be bounded or dropped here.
        self._socket.setsockopt(zmq.SNDHWM, 0)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        if name:
            self._socket.setsockopt(zmq.IDENTITY, name.encode())
        self._received = received
        self._loop = asyncio.get_running_loop()
        self._descriptor: int = self._socket.getsockopt(zmq.FD)
        self._loop.add_reader(self._descriptor, self._drain)

    def bind(self, address: Path) -> None:
        """Listens at a path of the file system."""
        self._socket.bind(f"ipc://{address}")
        self._look_again()

    def connect(self, address: str | Path) -> None:
        """Speaks to who listens there, now or later."""
        self._socket.connect(f"ipc://{address}")
        self._look_again()

    def send(self, frames: Sequence[Any]) -> None:
        """On the event loop's thread. What is meant for a process that is gone is lost."""
        self._socket.send_multipart(frames, zmq.NOBLOCK)
        self._look_again()

    def close(self) -> None:
        """What was not sent yet is lost."""
        if not self._socket.closed:
            self._loop.remove_reader(self._descriptor)
            self._socket.close()

    def _look_again(self) -> None:
        # The descriptor tells of a change once, and a call into the socket may be the one that hears of it.
        if self._socket.getsockopt(zmq.EVENTS) & zmq.POLLIN:
            self._loop.call_soon(self._drain)

    def _drain(self) -> None:
        for _ in range(AT_ONCE):
            # Asked first: an error for each end of what came costs more.
            if self._socket.closed or not self._socket.getsockopt(zmq.EVENTS) & zmq.POLLIN:
                return
            self._received(self._socket.recv_multipart(zmq.NOBLOCK))
        if not self._socket.closed:
            self._loop.call_soon(self._drain)
