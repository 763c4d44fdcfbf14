"""Callers in a process of their own, each of which asks again once it has its answer: `python -m ...callers TASK`.

Their pictures are made beforehand, so that they take no processor time from the service that is measured.
"""

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.serve.bare import BareCaller
from benchmarks.serve.pictures import DISTINCT, SIZE, Size, many_requests

MOST_A_SECOND = 400  # answers, for which pictures are made beforehand, where nothing else is said
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What the callers do.

    Attributes:
        path: what they post to.
        warm_s, seconds: how long they ask before it counts, and while it does.
        pictures: how many are made beforehand; the callers stop when they run out.
        distinct: how many of them differ in more than a comment.
        seed: which pictures.
        size: of each.
    """

    port: int
    path: str
    callers: int
    warm_s: float
    seconds: float
    pictures: int
    seed: int
    distinct: int = DISTINCT
    size: Size = SIZE


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What came back: milliseconds of the answers that were right, and how many were not."""

    milliseconds: list[float]
    seconds: float
    statuses: dict[str, int]


def ask(task: Task) -> Asked:
    """Runs the callers and returns what they saw."""
    command = [sys.executable, "-m", "benchmarks.serve.callers", json.dumps(asdict(task))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return Asked(**json.loads(done.stdout.splitlines()[-1]))


def capacity_of(port: int, *, seconds: float, seed: int) -> float:
    """Answers a second with sixteen callers who wait for theirs; another seed has other pictures."""
    warm_s = seconds / 4
    pictures = int(MOST_A_SECOND * (warm_s + seconds))
    asked = ask(Task(port=port, path="/link", callers=16, warm_s=warm_s, seconds=seconds, pictures=pictures, seed=seed))
    return len(asked.milliseconds) / asked.seconds


def run(task: Task) -> Asked:
    """The callers themselves."""
    bodies = iter(
        list(itertools.islice(many_requests(task.seed, distinct=task.distinct, size=task.size), task.pictures))
    )
    lock, found, statuses = threading.Lock(), list[tuple[float, float]](), dict[str, int]()
    start = time.perf_counter()
    counted_from, end = start + task.warm_s, start + task.warm_s + task.seconds

    def call() -> None:
        with closing(BareCaller(task.port)) as caller:
            while time.perf_counter() < end and (body := _next(bodies, lock)) is not None:
                begun = time.perf_counter()
                status = caller.ask(task.path, body)
                ended = time.perf_counter()
                if not counted_from <= ended <= end:
                    continue
                with lock:
                    statuses[status] = statuses.get(status, 0) + 1
                    if status == "200":
                        found.append((ended, 1000 * (ended - begun)))

    threads = [threading.Thread(target=call) for _ in range(task.callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if next(bodies, None) is None:
        raise RuntimeError(f"{task.pictures} pictures were too few for {task.seconds} s")
    return Asked(milliseconds=[took for _, took in found], seconds=task.seconds, statuses=statuses)


def _next(bodies: Iterator[bytes], lock: threading.Lock) -> bytes | None:
    with lock:
        return next(bodies, None)


if __name__ == "__main__":
    print(json.dumps(asdict(run(Task(**json.loads(sys.argv[1]))))))
