"""A hostile request, as the bytes that go over a connection."""

from collections.abc import Iterable
from dataclasses import dataclass

MARK = "hunter2"  # stands in requests wherever an answer might repeat it
Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Case:
    """A request.

    Attributes:
        kind: which strategy made it, for the table.
        request: head and body.
        framed: whether it is one whole request by HTTP's rules, so that an answer is owed and the connection goes on.
    """

    kind: str
    method: str
    target: str
    request: bytes
    framed: bool = True


def case(
    kind: str,
    body: bytes,
    content_type: bytes,
    *,
    method: str = "POST",
    target: str = "/link",
    headers: Iterable[Header] = (),
) -> Case:
    """A well-framed request."""
    lines = [(b"Host", b"localhost"), (b"Content-Type", content_type), (b"Content-Length", b"%d" % len(body)), *headers]
    return Case(kind, method, target, head(method, target, lines) + body)


def head(method: str, target: str, lines: Iterable[Header], *, version: bytes = b"HTTP/1.1") -> bytes:
    """A request's head as it is given, right or wrong."""
    first = b"%s %s %s\r\n" % (method.encode("latin-1"), target.encode("latin-1"), version)
    return first + b"".join(b"%s: %s\r\n" % line for line in lines) + b"\r\n"
