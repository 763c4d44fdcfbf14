"""What may go wrong around a service, made to happen to one that others ask meanwhile.

Each mishap says in a few words what became of it, or of who caused it.
"""

import json
import os
import shutil
import signal
import socket
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serve.bare import BareCaller
from benchmarks.serve.flood import Answered
from benchmarks.serve.pictures import requests
from benchmarks.serve.raising import AT_TOP_K
from benchmarks.serve.servers import RAISING, Server, server

SLOW_CALLERS = 16
PATIENCE_S = 3.0  # the service's deadlines for heads, bodies and unread answers, where a mishap meets them
LARGE = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"  # an answer of 1.6 MB
ANSWERS = 6  # of these, more than sockets hold
TRICKLE = b"POST /link HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"


@dataclass(frozen=True)
class Scene:
    """A service on a copy of an index, and the callers who ask it until `asked` is done."""

    running: Server
    home: Path
    asked: "Future[Answered]"


@dataclass(frozen=True, kw_only=True)
class Mishap:
    """What happens, and to which service.

    Attributes:
        happen: makes it happen, and may take until the callers are done.
        full_disk: the service's log goes to a disk without room.
    """

    name: str
    happen: Callable[[Scene], str]
    system: str = "service"
    options: tuple[str, ...] = ()
    full_disk: bool = False
    settings: dict[str, str] = field(default_factory=dict)


def _killed(scene: Scene) -> str:
    start = time.perf_counter()
    os.kill(scene.running.pid, signal.SIGKILL)
    with server("service", scene.home, port=scene.running.port):
        back_s = time.perf_counter() - start
        wait([scene.asked])
    return f"it answers again after {back_s:.1f} s"


def _index_removed(scene: Scene) -> str:
    shutil.rmtree(scene.home)
    wait([scene.asked])
    return _readiness(scene.running.port)


def _log_lost(scene: Scene) -> str:
    wait([scene.asked])
    return _readiness(scene.running.port)


def _readiness(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
        refuses = json.load(answer).get("refused") is not None
    return "it is ready, and tells that what it follows is refused" if refuses else "it is ready"


def _worker_raises(scene: Scene) -> str:
    body = json.dumps({**json.loads(next(requests(9))), "top_k": AT_TOP_K}).encode()
    told: Counter[str] = Counter()
    with closing(BareCaller(scene.running.port)) as caller:
        while not scene.asked.done():
            told[caller.ask("/link", body)] += 1
            time.sleep(0.2)
    return f"its own callers got {_counted(told)}"


def _bodies_trickle(scene: Scene) -> str:
    return _trickled(scene, TRICKLE)


def _heads_trickle(scene: Scene) -> str:
    return _trickled(scene, b"POST /link HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")


def _answers_unread(scene: Scene) -> str:
    start, port = time.perf_counter(), scene.running.port
    with ExitStack() as held:
        connections = list(_connections(port, held, receive_bytes=4096))
        peers = {connection.getsockname()[1] for connection in connections}
        for _ in range(ANSWERS):
            for connection in connections:
                with suppress(OSError):  # it was cut off already
                    connection.sendall(LARGE)
            time.sleep(0.2)
        while (left := _held(port, peers)) and not scene.asked.done():
            time.sleep(0.1)
        took_s = time.perf_counter() - start
    return f"{len(peers) - left} of {len(peers)} were cut off, within {took_s:.1f} s"


def _held(port: int, peers: set[int]) -> int:
    """How many of the connections with these ports the other side's process still holds.

    The kernel is asked: it goes on offering what the process has let go of, and who reads nothing never learns.
    """
    held = 0
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, local, remote, *rest = line.split()
        ours = int(local.split(":")[1], 16) == port and int(remote.split(":")[1], 16) in peers
        held += ours and rest[6] != "0"  # the inode of whoever holds it
    return held


def _trickled(scene: Scene, begun: bytes) -> str:
    """Sends the beginning of a request on several connections, then a byte a second on each of them."""
    told: Counter[str] = Counter()
    with ExitStack() as held:
        waiting = list(_connections(scene.running.port, held))
        for connection in waiting:
            connection.sendall(begun)
            connection.setblocking(False)
        while waiting and not scene.asked.done():
            time.sleep(1)
            for connection in list(waiting):
                if (end := _next_byte(connection)) is not None:
                    told[end] += 1
                    waiting.remove(connection)
        told["still waiting"] += len(waiting)
    return f"they got {_counted(told)}"


def _next_byte(connection: socket.socket) -> str | None:
    """Sends it; the status or "closed" where the other side has had enough."""
    try:
        with suppress(BlockingIOError):
            got = connection.recv(2**16)
            return got.split()[1].decode() if got else "closed"
        connection.send(b"x")
    except OSError:
        return "closed"
    return None


def _connections(port: int, held: ExitStack, *, receive_bytes: int | None = None) -> Iterator[socket.socket]:
    for _ in range(SLOW_CALLERS):
        connection = held.enter_context(socket.socket())
        if receive_bytes is not None:  # before it connects, which is when the other side learns of it
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", port))
        yield connection


def _counted(told: Mapping[str, int]) -> str:
    return ", ".join(f"{status} {number} times" for status, number in told.items() if number)


IMPATIENT = {"WIKICLIP_HEAD_S": f"{PATIENCE_S:g}", "WIKICLIP_BODY_S": f"{PATIENCE_S:g}"}
MISHAPS = (
    Mishap(name="kill -9, and started again", happen=_killed),
    Mishap(name="the index is removed", happen=_index_removed),
    Mishap(name="the log's disk is full", happen=_log_lost, options=("--log-level", "info"), full_disk=True),
    Mishap(name="a worker raises", happen=_worker_raises, system=RAISING),
    Mishap(name=f"{SLOW_CALLERS} bodies of a byte a second", happen=_bodies_trickle, settings=IMPATIENT),
    Mishap(name=f"{SLOW_CALLERS} heads of a byte a second", happen=_heads_trickle, settings=IMPATIENT),
    Mishap(name=f"{SLOW_CALLERS} who never read an answer", happen=_answers_unread, settings=IMPATIENT),
)
