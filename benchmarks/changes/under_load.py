"""Changes at an even pace while callers link."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

from benchmarks.changes.checking import faults
from benchmarks.changes.running import Running
from benchmarks.changes.sending import TIMEOUT_S, Book, Sender, asking, wait_until_done
from service import examples

DRAIN_S = 1800.0  # that changes may wait once the callers are gone


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What was seen.

    Attributes:
        changes, versions: how many changes were answered for, and in how many versions they came.
        links, failed: answers to callers, and those other than 200.
        drained_s: seconds from the last change until all were done.
        faults: what did not hold.
    """

    changes: int
    versions: int
    links: int
    failed: int
    p50_ms: float
    p99_ms: float
    accept_p99_ms: float
    drained_s: float
    faults: list[str]


def load(running: Running, home: Path, *, changes: int, seconds: float, callers: int, build: set[str]) -> Loaded:
    """Sends so many changes in so many seconds, beside so many callers of /link."""
    over, lock = threading.Event(), threading.Lock()
    milliseconds, failures = list[float](), list[str]()

    def call(number: int) -> None:
        draw = np.random.default_rng(number)
        with asking(running.url) as http:
            while not over.is_set():
                start = time.perf_counter()
                why = _linked(http, draw)
                with lock:
                    milliseconds.append(1000 * (time.perf_counter() - start))
                    if why is not None:
                        failures.append(why)

    threads = [threading.Thread(target=call, args=[number]) for number in range(callers)]
    for thread in threads:
        thread.start()
    sender, accepted = Sender(Book(), seed=0), list[float]()
    begin = time.monotonic()
    try:
        with asking(running.url) as http:
            for number in range(changes):
                time.sleep(max(0.0, begin + number * seconds / changes - time.monotonic()))
                start = time.perf_counter()
                sender.send(http)
                accepted.append(1000 * (time.perf_counter() - start))
        time.sleep(max(0.0, begin + seconds - time.monotonic()))
    finally:
        over.set()
        for thread in threads:
            thread.join()
    end = time.monotonic()
    jobs = wait_until_done(running.url, sender.book.jobs, seconds=DRAIN_S)
    drained_s = time.monotonic() - end
    with asking(running.url) as http:
        found = faults(sender.book, jobs, home, http, build=build)
    if failures:
        found.append(f"{len(failures)} requests of callers failed: {failures[0]}")
    return Loaded(
        changes=len(sender.book.jobs),
        versions=len({job["index_version"] for job in jobs}),
        links=len(milliseconds),
        failed=len(failures),
        p50_ms=round(float(np.percentile(milliseconds, 50)), 1),
        p99_ms=round(float(np.percentile(milliseconds, 99)), 1),
        accept_p99_ms=round(float(np.percentile(accepted, 99)), 1),
        drained_s=round(drained_s, 1),
        faults=found,
    )


def _linked(http: httpx.Client, draw: np.random.Generator) -> str | None:
    """Asks with a picture that differs from all others in what stands behind its end; returns what went wrong."""
    picture = examples.picture() + draw.bytes(16)
    try:
        answer = http.post("/link", files={"image": ("p.png", picture)}, timeout=TIMEOUT_S)
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    return None if answer.status_code == 200 else f"{answer.status_code}: {answer.text[:200]}"
