"""Changes while the service is killed, again and again, at moments that are drawn."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.changes.checking import faults
from benchmarks.changes.running import Running
from benchmarks.changes.sending import Book, Sender, asking, wait_until_done
from service.changes.journal import Journal

DRAIN_S = 900.0
PAUSE_S = 0.2  # between changes


@dataclass(frozen=True, kw_only=True)
class Killed:
    """What was seen.

    Attributes:
        changes: answered for.
        unanswered: requests that the kills left without an answer.
        waiting: how many changes waited at the kills, in all.
        moments: what was being done at each kill.
        faults: what did not hold.
    """

    kills: int
    changes: int
    unanswered: int
    waiting: int
    moments: dict[str, int]
    faults: list[str]


def kill(
    start: Callable[[], AbstractContextManager[Running]],
    home: Path,
    *,
    kills: int,
    within_s: float,
    seed: int,
    build: set[str],
    note: Callable[[], object] = lambda: None,
) -> Killed:
    """Kills so many services, each within so many seconds of its being ready; then lets the last one finish.

    Args:
        note: called after each kill.
    """
    sender, draw, journal = Sender(Book(), seed=seed), random.Random(seed), Journal(home)
    waiting, moments = 0, Counter[str]()
    for _ in range(kills):
        with start() as service:
            stop = threading.Event()
            sending = threading.Thread(target=_send_on, args=[sender, service.url, stop])
            sending.start()
            time.sleep(draw.uniform(0.2, within_s))
            service.kill()
            stop.set()
            sending.join()
            waiting += len(journal.waiting())
            moments[_moment(home)] += 1
            note()
    with start() as service:
        jobs = wait_until_done(service.url, sender.book.jobs, seconds=DRAIN_S)
        with asking(service.url) as http:
            found = faults(sender.book, jobs, home, http, build=build)
    return Killed(
        kills=kills,
        changes=len(sender.book.jobs),
        unanswered=sender.book.unanswered,
        waiting=waiting,
        moments=dict(moments),
        faults=found,
    )


def _send_on(sender: Sender, url: str, stop: threading.Event) -> None:
    with asking(url) as http:
        while not stop.is_set() and sender.send(http):
            time.sleep(PAUSE_S)


def _moment(home: Path) -> str:
    """What was on the way, by what it left."""
    work = home / "changes" / "work"
    if not work.exists():
        return "nothing applied"
    if any(work.glob("building/*/updated/*")) or any(work.glob("deletions/updated/*")):
        return "a version being made"
    if any(work.glob("building/*/chunks/*")):
        return "embedded"
    return "embedding" if any(work.iterdir()) else "published"
