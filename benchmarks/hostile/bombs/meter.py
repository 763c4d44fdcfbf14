"""What a bomb takes of a server's process, by what the kernel counts and by how late others are answered."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.hostile.asking import Caller
from benchmarks.hostile.bombs.bomb import MEGABYTE, Throw
from benchmarks.hostile.bombs.crowds import HEALTH
from benchmarks.serve.servers import Server

MOST_S = 30.0  # of a core, after which the server is ended
ENOUGH_S = 4.0  # of a core, which other programs hardly add to
QUIET_S = 0.5  # in which a server that is done takes next to nothing
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PROBE_EVERY_S = 0.002


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one bomb took.

    Attributes:
        cpu_s: of a core, by all threads of the process, also after the answer; `MOST_S` where it was ended for it.
        loop_ms: of them, by the thread of the event loop.
        held_ms: the longest that another caller waited for `/healthz`, less the time for which the kernel had no core
            for the event loop; None where nobody asked.
        told: what was answered.
        sent_mb, answered_mb: megabytes.
    """

    cpu_s: float
    loop_ms: float
    held_ms: float | None
    told: str
    sent_mb: float
    answered_mb: float


class Ended(Exception):
    """The server took more than `MOST_S` of a core, and was ended."""


def cost(running: Server, throw: Throw, *, times: int) -> Cost:
    """Throws it at the server, and takes the least of each figure, since others only ever add to it.

    It is thrown to count, and again to see how late others are answered, which takes processor time itself; for what
    takes long that is left out.

    Raises:
        Ended: the server is no more.
    """
    first = _once(running, throw, probing=False)
    if first.cpu_s > ENOUGH_S:
        return first
    costs = [first, *(_once(running, throw, probing=False) for _ in range(times - 1))]
    probed = [_once(running, throw, probing=True) for _ in range(times)]
    return replace(
        first,
        cpu_s=min(one.cpu_s for one in costs),
        loop_ms=min(one.loop_ms for one in costs),
        held_ms=min(one.held_ms for one in probed if one.held_ms is not None),
    )


def _once(running: Server, throw: Throw, *, probing: bool) -> Cost:
    process, done, ended = Process(running.pid), threading.Event(), threading.Event()
    process.settle()
    begin, (loop_begin, _) = process.cpu_s(), process.loop_s()
    watch = threading.Thread(target=_end_past, args=(process, begin + MOST_S, done, ended))
    watch.start()
    try:
        with _probing(running) if probing else nullcontext([None]) as held_ms:
            thrown = throw(running.port)
        if not ended.is_set():
            process.settle()
    except OSError:
        if not ended.is_set():
            raise
    finally:
        done.set()
        watch.join()
    if ended.is_set():
        raise Ended
    return Cost(
        cpu_s=process.cpu_s() - begin,
        loop_ms=1000 * (process.loop_s()[0] - loop_begin),
        held_ms=held_ms[0],
        told=thrown.told,
        sent_mb=thrown.sent / MEGABYTE,
        answered_mb=thrown.answered / MEGABYTE,
    )


@dataclass(frozen=True)
class Process:
    """A server's process, seen from outside."""

    pid: int

    def cpu_s(self) -> float:
        """Seconds of a core that all its threads have taken."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def loop_s(self) -> tuple[float, float]:
        """Seconds for which the first thread, the event loop's, has run, and for which it waited for a core."""
        ran, waited, _ = Path(f"/proc/{self.pid}/task/{self.pid}/schedstat").read_text(encoding="ascii").split()
        return int(ran) / 1e9, int(waited) / 1e9

    def settle(self) -> None:
        """Waits until it does nothing any more."""
        before = self.cpu_s()
        while True:
            time.sleep(QUIET_S)
            now = self.cpu_s()
            if now - before <= 2 * TICK_S:
                return
            before = now


def _end_past(process: Process, most_s: float, done: threading.Event, ended: threading.Event) -> None:
    """Ends the process once it has taken so much."""
    while not done.wait(QUIET_S):
        if process.cpu_s() > most_s:
            ended.set()
            os.kill(process.pid, signal.SIGKILL)
            return


@contextmanager
def _probing(running: Server) -> Iterator[list[float | None]]:
    """Another process asks for `/healthz` all the time; the list has the longest wait in ms once the block is left."""
    ours, theirs = multiprocessing.Pipe()
    prober = multiprocessing.get_context("fork").Process(target=_probe, args=(running, theirs))
    prober.start()
    theirs.close()
    held_ms: list[float | None] = [None]
    try:
        ours.recv()  # it has been answered once
        yield held_ms
    finally:
        with suppress(OSError):
            ours.send("enough")
        with suppress(OSError, EOFError):
            held_ms[0] = ours.recv()
        prober.join()


def _probe(running: Server, told: Connection) -> None:
    with suppress(PermissionError):  # where it may, it does not wait for a core itself
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    process, most_s = Process(running.pid), 0.0
    with Caller(running.port, patience_s=60) as caller:
        caller.ask(HEALTH)
        told.send("ready")
        while not told.poll(PROBE_EVERY_S):
            with suppress(OSError):  # of a process that has been ended
                _, waited = process.loop_s()
                begin = time.perf_counter()
                answer = caller.ask(HEALTH)
                late_s = time.perf_counter() - begin - (process.loop_s()[1] - waited)
                most_s = max(most_s, late_s if answer.status else 0.0)
    told.send(1000 * most_s)
