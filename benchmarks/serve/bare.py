"""A caller that costs next to nothing: HTTP/1.1 by a socket. `http.client` takes 0.4 ms a request for itself.

Callers and service are on the same cores, so what a caller costs counts against the service.
"""

import socket
from dataclasses import dataclass

END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Head:
    """What an answer's head says.

    Attributes:
        length: of the whole answer, in bytes.
        is_last: whether the other side closes the connection.
    """

    status: str
    length: int
    is_last: bool


def request_head(path: str, length: int) -> bytes:
    """Of a request that posts so many bytes of JSON."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
    return head.encode()


def read_head(answer: bytes) -> Head | None:
    """The head of an answer; None where it is not all there. Raises ValueError where it does not say its length."""
    end = answer.find(END)
    if end < 0:
        return None
    start, *lines = answer[:end].lower().split(b"\r\n")
    headers = dict(line.split(b": ", 1) for line in lines)
    length = end + len(END) + int(headers.get(b"content-length", b""))
    return Head(start.split()[1].decode(), length, headers.get(b"connection") == b"close")


class BareCaller:
    """Posts JSON, one request after the other, on a connection that is kept as long as the other side keeps it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, path: str, body: bytes) -> str:
        """The answer's status, or the name of the error where there was none."""
        try:
            return self._asked(path, body)
        except (OSError, ValueError) as error:
            self.close()
            return type(error).__name__

    def close(self) -> None:
        """The next request opens another connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _asked(self, path: str, body: bytes) -> str:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=120)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request_head(path, len(body)) + body)
        answer = b""
        while (head := read_head(answer)) is None:
            answer += _received(self._socket)
        while len(answer) < head.length:
            answer += _received(self._socket)
        if head.is_last:
            self.close()
        return head.status


def _received(connection: socket.socket) -> bytes:
    got = connection.recv(2**16)
    if not got:
        raise ConnectionError("the connection was closed before the answer had ended")
    return got
