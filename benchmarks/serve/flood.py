"""Requests that come at a rate, whether those before them are answered or not: `python -m ...flood TASK`.

One thread for all connections: the sender is on the cores of the service, and hundreds of threads that wake one another
took a tenth of them.
"""

import json
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass

from benchmarks.serve.bare import Head, read_head, request_head
from benchmarks.serve.callers import ROOT
from benchmarks.serve.pictures import many_requests

DISTINCT = 200
GIVEN_UP_S = 120.0  # after the last request was sent, what has no answer


@dataclass(frozen=True, kw_only=True)
class Flood:
    """What comes.

    Attributes:
        rate: requests a second, at even distances.
        connections: how many at once at most; a request for which none is left is not sent, and counted.
    """

    port: int
    rate: float
    seconds: float
    connections: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What came back: for each request when it was sent, in seconds, its status, and the milliseconds that it took."""

    sent_s: list[float]
    statuses: list[str]
    milliseconds: list[float]
    unsent: int


def flood(task: Flood) -> Answered:
    """Sends it all from another process, and returns what came back."""
    command = [sys.executable, "-m", "benchmarks.serve.flood", json.dumps(asdict(task))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return Answered(**json.loads(done.stdout.splitlines()[-1]))


class Line:
    """A connection that never blocks, on which one request after the other is under way."""

    def __init__(self, port: int, selector: selectors.BaseSelector) -> None:
        self._port = port
        self._selector = selector
        self._socket: socket.socket | None = None
        self._events = 0
        self._unsent: list[memoryview] = []
        self._answer = b""
        self._head: Head | None = None
        self._is_asking = False
        self.begun = 0.0

    def ask(self, body: bytes) -> str | None:
        """Begins a request; the name of the error where that fails."""
        self.begun, self._answer, self._head, self._is_asking = time.perf_counter(), b"", None, True
        try:
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self._port))
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._socket.setblocking(False)
                self._events = selectors.EVENT_READ
                self._selector.register(self._socket, self._events, self)
            self._unsent = [memoryview(request_head("/link", len(body))), memoryview(body)]
            self._send(self._socket)
        except OSError as error:
            return self._failed(error)
        return None

    def go_on(self, events: int) -> str | None:
        """Sends and receives what it can: the status once the answer is whole, the name of an error, or None."""
        assert self._socket is not None
        if not self._is_asking:  # the other side lets go of a connection that was idle for long
            self.close()
            return None
        try:
            if events & selectors.EVENT_WRITE:
                self._send(self._socket)
            if events & selectors.EVENT_READ:
                got = self._socket.recv(2**16)
                if not got:
                    raise ConnectionError("the connection was closed before the answer had ended")
                self._answer += got
                self._head = self._head or read_head(self._answer)
        except (OSError, ValueError) as error:
            return self._failed(error)
        # An answer may come before the request is sent, whose rest is then still to be read by the other side.
        if self._head is None or len(self._answer) < self._head.length or self._unsent:
            return None
        if self._head.is_last:
            self.close()
        self._is_asking = False
        return self._head.status

    def close(self) -> None:
        """The next request opens another connection."""
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None

    def _send(self, connection: socket.socket) -> None:
        with suppress(BlockingIOError):
            sent = connection.sendmsg(self._unsent)
            while self._unsent and sent >= len(self._unsent[0]):
                sent -= len(self._unsent.pop(0))
            if self._unsent:
                self._unsent[0] = self._unsent[0][sent:]
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
        if self._events != events:
            self._events = events
            self._selector.modify(connection, events, self)

    def _failed(self, error: Exception) -> str:
        self._is_asking = False
        self.close()
        return type(error).__name__


def run(task: Flood) -> Answered:
    """The sender itself."""
    selector = selectors.DefaultSelector()
    lines = [Line(task.port, selector) for _ in range(task.connections)]
    idle = lines.copy()
    bodies = many_requests(task.seed, distinct=DISTINCT)
    next(bodies)  # makes the pictures
    found: list[tuple[float, str, float]] = []
    unsent, start = 0, time.perf_counter()

    def note(line: Line, status: str | None) -> None:
        if status is not None:
            found.append((line.begun - start, status, 1000 * (time.perf_counter() - line.begun)))
            idle.append(line)

    def listen(until: float) -> None:
        """What comes back by then; at least what is there already."""
        while True:
            for key, events in selector.select(max(0.0, until - time.perf_counter())):
                note(key.data, key.data.go_on(events))
            if time.perf_counter() >= until:
                return

    for due in _times(task, start):
        listen(due)
        if idle:
            line = idle.pop()
            note(line, line.ask(next(bodies)))
        else:
            unsent += 1
    given_up = time.perf_counter() + GIVEN_UP_S
    while len(idle) < task.connections and time.perf_counter() < given_up:
        listen(time.perf_counter() + 0.01)
    for line in set(lines).difference(idle):
        note(line, TimeoutError.__name__)
    sent_s, statuses, milliseconds = (list(column) for column in zip(*found, strict=True))
    return Answered(sent_s=sent_s, statuses=statuses, milliseconds=milliseconds, unsent=unsent)


def _times(task: Flood, start: float) -> Iterator[float]:
    return (start + number / task.rate for number in range(int(task.rate * task.seconds)))


if __name__ == "__main__":
    print(json.dumps(asdict(run(Flood(**json.loads(sys.argv[1]))))))
