"""A stage of the service: a bounded queue whose jobs are done in batches of whatever waits, so callers share them."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from service.telemetry.metrics import StageWatch

In = TypeVar("In")
Out = TypeVar("Out")


class Workers(Protocol):
    """Who does a stage's batches."""

    lock: threading.RLock

    def expect_open(self) -> None:
        """Raises Full where nothing more is taken on; called with the lock held."""

    def call(self) -> None:
        """Something was submitted; called with the lock held."""


class Full(Exception):
    """The stage has as much waiting as it accepts."""


@dataclass(frozen=True, slots=True)
class Job(Generic[In, Out]):
    """What was submitted, and who waits for it."""

    item: In
    weight: int
    future: "Future[Out]"


class Stage(Generic[In, Out]):
    """Does `work` on batches of what was submitted; which worker does it, and when, is for `Crew` to say.

    A job that was cancelled before its batch began is skipped. Where a batch fails, each of its jobs is tried alone, so
    that only those fail that would have failed alone.

    Args:
        work: turns a batch into its results, one each, in order. What it raises for a job alone is the caller's.
        workers: who does it.
        capacity: jobs that may wait.
        max_weight: the most a batch weighs, unless a single job weighs more.
        at_once: how many batches are worked on at once.
        patient: whether a batch that is not full waits until nothing else is to be done.
        watch: called after each batch, on the worker's thread.
    """

    def __init__(
        self,
        work: Callable[[Sequence[In]], Sequence[Out]],
        workers: Workers,
        *,
        capacity: int,
        max_weight: int = 1,
        at_once: int = 1,
        patient: bool = False,
        watch: StageWatch | None = None,
    ) -> None:
        self._work = work
        self._workers = workers
        self._lock = workers.lock
        self._capacity = capacity
        self._max_weight = max_weight
        self._at_once = at_once
        self._patient = patient
        self._watch = watch
        self._waiting: deque[Job[In, Out]] = deque()
        self._at_work = 0

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    def submit(self, item: In, *, weight: int = 1) -> "Future[Out]":
        """Queues `item`. Raises Full at once where no place is left, also once the workers are about to leave."""
        future: Future[Out] = Future()
        with self._lock:
            self._workers.expect_open()
            if len(self._waiting) >= self._capacity:
                raise Full
            self._waiting.append(Job(item, weight, future))
            self._workers.call()
        # At once and not when its turn comes: what it holds may be large, and nobody counts it any more.
        future.add_done_callback(self._forget_cancelled)
        return future

    def is_due(self, *, nothing_else: bool) -> bool:
        """Whether a batch may start now; called with the lock held.

        Args:
            nothing_else: no other stage has a batch that may start.
        """
        if not self._waiting or self._at_work >= self._at_once:
            return False
        return nothing_else or not self._patient or sum(job.weight for job in self._waiting) >= self._max_weight

    def take(self) -> list[Job[In, Out]]:
        """The jobs at the head that fit in a batch, to be handed to `do`; called with the lock held."""
        batch: list[Job[In, Out]] = []
        weight = 0
        while self._waiting and (not batch or weight + self._waiting[0].weight <= self._max_weight):
            job = self._waiting.popleft()
            if job.future.set_running_or_notify_cancel():
                batch.append(job)
                weight += job.weight
        self._at_work += 1
        return batch

    def do(self, batch: list[Job[In, Out]]) -> None:
        """Does a batch and hands its results over."""
        try:
            if batch:
                self._do(batch)
        finally:
            with self._lock:
                self._at_work -= 1

    def _forget_cancelled(self, future: "Future[Out]") -> None:
        if future.cancelled():
            with self._lock:
                self._waiting = deque(job for job in self._waiting if job.future is not future)

    def _do(self, batch: list[Job[In, Out]]) -> None:
        start = time.perf_counter()
        try:
            done = list(zip(batch, self._work([job.item for job in batch]), strict=True))
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the callers, and the worker lives on
            if len(batch) == 1:
                batch[0].future.set_exception(error)
                return
            for job in batch:
                self._do([job])
            return
        if self._watch is not None:
            self._watch(weight=sum(job.weight for job in batch), seconds=time.perf_counter() - start)
        for job, result in done:
            job.future.set_result(result)
