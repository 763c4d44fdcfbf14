"""A caller that costs next to nothing: HTTP/1.1 by a socket. `http.client` takes 0.4 ms a request for itself.

Callers and service are on the same cores, so what a caller costs counts against the service.
"""

import socket

END = b"\r\n\r\n"


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
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        self._socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = b""
        while END not in answer:
            answer += _received(self._socket)
        start, *lines = answer[: answer.index(END)].lower().split(b"\r\n")
        headers = dict(line.split(b": ", 1) for line in lines)
        length = answer.index(END) + len(END) + int(headers.get(b"content-length", b""))
        while len(answer) < length:
            answer += _received(self._socket)
        if headers.get(b"connection") == b"close":
            self.close()
        return start.split()[1].decode()


def _received(connection: socket.socket) -> bytes:
    got = connection.recv(2**16)
    if not got:
        raise ConnectionError("the connection was closed before the answer had ended")
    return got
