"""An answer's head and body in one call into the kernel, one packet, one reader who is woken."""

import asyncio
from typing import Any

CONTINUE = b"HTTP/1.1 100 "


class OnePiece:
    """A connection's transport for one answer, whose head leaves together with the beginning of its body.

    uvicorn writes the two one after the other.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None
        self._is_begun = False

    def write(self, data: bytes) -> None:
        """Keeps a head until what follows it, which may be empty."""
        if not self._is_begun and not data.startswith(CONTINUE):
            self._is_begun, self._head = True, data
            return
        if self._head is not None:
            data, self._head = self._head + data, None
        self._transport.write(data)

    def close(self) -> None:
        """Writes a head that nothing followed, since an application failed."""
        if self._head is not None:
            self.write(b"")
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
