"""A bomb: something that is done to a server, and what came back."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.hostile.asking import Answer, Caller
from benchmarks.hostile.bodies import JSON_TYPE, multipart, part
from benchmarks.hostile.case import Case, case

MEGABYTE = 2**20
PATIENCE_S = 600  # a machine that is shared may take long over a minute of a core
BOUNDARY = b"edge"


@dataclass(frozen=True, kw_only=True)
class Thrown:
    """What became of a bomb.

    Attributes:
        told: the status with the cause of a refusal, or what a crowd saw.
        sent, answered: bytes.
    """

    told: str
    sent: int
    answered: int


Throw = Callable[[int], Thrown]  # takes the server's port


def asking(make: Callable[[], Case]) -> Throw:
    """One request, made when it is sent."""

    def throw(port: int) -> Thrown:
        one = make()
        with Caller(port, patience_s=PATIENCE_S) as caller:
            answer = caller.ask(one)
        return Thrown(told=told(answer), sent=len(one.request), answered=len(answer.body))

    return throw


def told(answer: Answer) -> str:
    """An answer in a word or two."""
    if answer.status is None:
        return answer.error
    if not answer.content_type.startswith("application/problem"):
        return str(answer.status)
    cause = json.loads(answer.body)["type"].rpartition(":")[2]
    return f"{answer.status} {cause}"


def of_json(fields: Any, *, target: str = "/link") -> Case:
    """A request whose body is JSON."""
    return case("bomb", json.dumps(fields, separators=(",", ":")).encode(), JSON_TYPE, target=target)


def of_picture(file: bytes, *, target: str = "/link", **fields: Any) -> Case:
    """A picture's file with what is asked about it, as multipart; a field of bytes is a file, too."""
    parts = [part(b'name="image"; filename="a"', file)]
    for name, value in fields.items():
        content = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
        parts.append(part(b'name="' + name.encode() + b'"', content))
    body = multipart(parts, BOUNDARY)
    return case("bomb", body, b"multipart/form-data; boundary=" + BOUNDARY, target=target)
