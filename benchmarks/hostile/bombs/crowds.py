"""Many connections at once: some that ask nothing, some that ask very slowly, and some that all ask for the same."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from itertools import count
from statistics import median
from typing import NamedTuple

from benchmarks.hostile.asking import Caller
from benchmarks.hostile.bombs.bomb import Throw, Thrown, told
from benchmarks.hostile.case import Case, head
from benchmarks.hostile.rounds import PROBE

ADDRESSES = 4  # of the loopback network, each with its own connections
SECONDS = 6  # in which a crowd that asks nothing is there
ASKING = 400  # callers of the same document
HOST = (b"Host", b"localhost")
HEALTH = Case("health", "GET", "/healthz", head("GET", "/healthz", [HOST]))


def idling(connections: int, *, addresses: int = ADDRESSES, drip: bytes = b"") -> Throw:
    """Connections that are opened and left, and what others are told meanwhile, and after what time in the median.

    Args:
        drip: what is sent on each of them, a byte a second, again and again.
    """

    def throw(port: int) -> Thrown:
        seen: dict[str, list[tuple[float, str]]] = {"/healthz": [], "/link": []}
        sent, open_at_end = 0, 0
        with ExitStack() as stack:
            crowd = []
            for number in range(connections):
                source = (f"127.0.0.{2 + number % addresses}", 0)
                with suppress(OSError):
                    one = stack.enter_context(
                        socket.create_connection(("127.0.0.1", port), timeout=60, source_address=source)
                    )
                    one.setblocking(False)
                    crowd.append(one)
            ends = time.monotonic() + SECONDS
            for second in count():
                if time.monotonic() > ends:
                    break
                for one in crowd if drip else []:
                    with suppress(OSError):
                        sent += one.send(drip[second % len(drip) :][:1])
                for case in (HEALTH, PROBE):
                    with Caller(port, patience_s=60) as stranger:  # a new connection each time
                        begin = time.perf_counter()
                        answer = stranger.ask(case)
                    seen[case.target].append((1000 * (time.perf_counter() - begin), told(answer)))
                time.sleep(1)
            open_at_end = sum(_is_open(one) for one in crowd)
        latest = "; ".join(
            f"{path} {_counted(one for _, one in asked)}, {median(ms for ms, _ in asked):.0f} ms"
            for path, asked in seen.items()
        )
        return Thrown(told=f"{latest}; {open_at_end:,} stay", sent=sent, answered=0)

    return throw


def _is_open(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


class Got(NamedTuple):
    """An answer's status, or why there was none, and its bytes."""

    status: str
    length: int


def asking_for(target: str, *, method: str = "GET", again: bool = False, callers: int = ASKING) -> Throw:
    """As many callers as that, all at once.

    Args:
        again: they have the document, and name its checksum.
    """

    def throw(port: int) -> Thrown:
        lines = [HOST, (b"Connection", b"close")]
        if again:
            with Caller(port, patience_s=60) as first:
                answer = first.ask(Case("first", "GET", target, head("GET", target, [HOST])))
            tags = [
                line.partition(":")[2].strip() for line in answer.head.splitlines() if line.lower().startswith("etag")
            ]
            lines += [(b"If-None-Match", tag.encode()) for tag in tags]
        request = head(method, target, lines)
        got = asyncio.run(_all_at_once(port, request, callers))
        return Thrown(
            told=_counted(one.status for one in got),
            sent=callers * len(request),
            answered=sum(one.length for one in got),
        )

    return throw


async def _all_at_once(port: int, request: bytes, callers: int) -> list[Got]:
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(callers)]

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Got:
        length, status = 0, "closed"
        try:
            writer.write(request)
            first = await reader.readline()
            status, length = first.split()[1].decode(), len(first)
            while piece := await reader.read(2**18):
                length += len(piece)
        except (OSError, IndexError):
            pass
        finally:
            writer.close()
        return Got(status, length)

    return list(await asyncio.gather(*(ask(*connection) for connection in connections)))


def _counted(words: Iterable[str]) -> str:
    """Each of the words with how often it was said, where that is more than once."""
    return ", ".join(word if times == 1 else f"{times} x {word}" for word, times in Counter(words).most_common())


CROWD_BOMBS: dict[str, Throw] = {
    "1,100 connections that ask nothing": idling(1100),
    "2,000 connections of one address that ask nothing": idling(2000, addresses=1),
    "1,100 connections, a byte of a head a second": idling(1100, drip=b"GET /"),
    "1,100 connections, a line break a second": idling(1100, drip=b"\r\n"),
    "400 ask for /openapi.json": asking_for("/openapi.json"),
    "400 ask for /openapi.json by HEAD": asking_for("/openapi.json", method="HEAD"),
    "400 ask for /openapi.json, which they have": asking_for("/openapi.json", again=True),
    "400 ask for /docs": asking_for("/docs"),
    "400 ask for /docs by HEAD": asking_for("/docs", method="HEAD"),
    "400 ask for the largest script of /docs": asking_for("/docs/swagger-ui-bundle.js"),
    "400 ask for that script, which they have": asking_for("/docs/swagger-ui-bundle.js", again=True),
    "400 ask for /": asking_for("/"),
    "400 ask for /, which they have": asking_for("/", again=True),
    "400 ask for /scenes": asking_for("/scenes"),
    "400 ask for /metrics": asking_for("/metrics"),
    "400 ask for 100 entities": asking_for("/entities?title=s&limit=100"),
}
