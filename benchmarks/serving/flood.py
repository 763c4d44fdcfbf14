"""Requests that come at a rate, whether those before them are answered or not: `python -m ...flood TASK`."""

import json
import queue
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import asdict, dataclass

from benchmarks.serving.bare import BareCaller
from benchmarks.serving.callers import ROOT
from benchmarks.serving.pictures import many_requests

DISTINCT = 200


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
    command = [sys.executable, "-m", "benchmarks.serving.flood", json.dumps(asdict(task))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return Answered(**json.loads(done.stdout.splitlines()[-1]))


def run(task: Flood) -> Answered:
    """The sender itself."""
    waiting: queue.Queue[bytes | None] = queue.Queue()
    lock, idle = threading.Lock(), threading.Semaphore(task.connections)
    found: list[tuple[float, str, float]] = []
    bodies = many_requests(task.seed, distinct=DISTINCT)
    next(bodies)  # makes the pictures
    start = time.perf_counter()

    def call() -> None:
        with closing(BareCaller(task.port)) as caller:
            while (body := waiting.get()) is not None:
                begun = time.perf_counter()
                status = caller.ask("/link", body)
                with lock:
                    found.append((begun - start, status, 1000 * (time.perf_counter() - begun)))
                idle.release()

    threads = [threading.Thread(target=call) for _ in range(task.connections)]
    for thread in threads:
        thread.start()
    unsent = 0
    for number in range(int(task.rate * task.seconds)):
        due = start + number / task.rate
        if (early := due - time.perf_counter()) > 0:
            time.sleep(early)
        if idle.acquire(blocking=False):
            waiting.put(next(bodies))
        else:
            unsent += 1
    for _ in threads:
        waiting.put(None)
    for thread in threads:
        thread.join()
    sent_s, statuses, milliseconds = (list(column) for column in zip(*found, strict=True))
    return Answered(sent_s=sent_s, statuses=statuses, milliseconds=milliseconds, unsent=unsent)


if __name__ == "__main__":
    print(json.dumps(asdict(run(Flood(**json.loads(sys.argv[1]))))))
