"""Sends requests as they are over kept connections, and says what came back."""

import socket
import time
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from types import TracebackType
from typing import Self

from benchmarks.hostile.case import Case


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: None where there was no answer, and `error` says why.
        seconds: from the last byte that was sent.
    """

    status: int | None
    head: str
    content_type: str
    body: bytes
    seconds: float
    error: str = ""


class Caller:
    """One who asks again and again, on one connection for as long as it stays open.

    Args:
        patience_s: how long to wait for an answer.
    """

    def __init__(self, port: int, *, patience_s: float) -> None:
        self._port = port
        self._patience_s = patience_s
        self._kept: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def ask(self, case: Case) -> Answer:
        """Sends it and waits for its answer."""
        if not case.framed:
            self._close()
        was_kept = self._kept is not None
        answer = self._ask_once(case)
        # The service may close an idle connection at any time, also just before a request comes.
        return self._ask_once(case) if answer.status is None and was_kept else answer

    def _ask_once(self, case: Case) -> Answer:
        connection = self._kept = self._kept or self._connect()
        sending = time.perf_counter()
        try:
            try:
                connection.sendall(case.request)
                if not case.framed:
                    connection.shutdown(socket.SHUT_WR)
            except ConnectionError:
                pass  # refused before all was sent; the answer can be there
            sending = time.perf_counter()
            response = HTTPResponse(connection, method=case.method)
            response.begin()
            body = response.read()
        except (OSError, HTTPException) as error:
            self._close()
            return Answer(None, "", "", b"", time.perf_counter() - sending, type(error).__name__)
        seconds = time.perf_counter() - sending
        if response.will_close or not case.framed:
            self._close()
        return Answer(response.status, str(response.headers), response.headers.get("content-type", ""), body, seconds)

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=self._patience_s)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None
