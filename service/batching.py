"""A stage of the service: worker threads behind a bounded queue that take whatever waits, so callers share batches."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, Generic, Protocol, TypeVar

from service.cores import compute_in_peace

In = TypeVar("In")
Out = TypeVar("Out")


class Watcher(Protocol):
    """Is told of every batch that was done."""

    def __call__(self, *, weight: int, seconds: float) -> None: ...


class Full(Exception):
    """The stage has as much waiting as it accepts."""


@dataclass(frozen=True, slots=True)
class _Job(Generic[In, Out]):
    item: In
    weight: int
    future: "Future[Out]"


class Stage(Generic[In, Out]):
    """Does `work` on batches of what was submitted, on threads of its own.

    A batch starts as soon as a worker is idle, with what waits by then; no timer holds it back. So a lone caller never
    waits, and under load batches grow by themselves. Of several idle workers it is always the first that starts, whose
    threads and caches are warm. Beside one that is at work, another waits for a full batch as long as what is on its
    way from the stage before keeps the other cores busy: a few together cost less than one by one.

    A job that was cancelled before its batch began is skipped. Where a batch fails, each of its jobs is tried alone, so
    that only those fail that would have failed alone.

    Args:
        work: turns a batch into its results, one each, in order. What it raises for a job alone is the caller's.
        workers: how many batches run at once.
        capacity: jobs that may wait.
        max_weight: the most a batch weighs, unless a single job weighs more.
        source: the stage before this one; None where a worker is not to wait for more beside another.
        cores: how many batches, of this stage and its source, keep all cores busy.
        watch: called after each batch, on the worker's thread.
    """

    def __init__(
        self,
        work: Callable[[Sequence[In]], Sequence[Out]],
        *,
        name: str,
        workers: int = 1,
        capacity: int,
        max_weight: int = 1,
        source: "Stage[Any, Any] | None" = None,
        cores: int = 1,
        watch: Watcher | None = None,
    ) -> None:
        self._work = work
        self._source = source
        self._cores = cores
        self._capacity = capacity
        self._max_weight = max_weight
        self._watch = watch
        self._waiting: deque[_Job[In, Out]] = deque()
        self._lock = threading.RLock()
        self._calls = [threading.Condition(self._lock) for _ in range(workers)]
        self._idle: list[int] = []  # a heap of workers that wait to be called
        self._at_work = 0  # workers
        self._closed = False
        self._threads = [
            threading.Thread(target=self._run, args=[i], name=f"{name}-{i}", daemon=True) for i in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    @property
    def under_way(self) -> int:
        """How many jobs wait, and how many batches are worked on."""
        return len(self._waiting) + self._at_work

    def submit(self, item: In, *, weight: int = 1) -> "Future[Out]":
        """Queues `item`. Raises Full at once where no place is left, also once the stage is closed."""
        future: Future[Out] = Future()
        with self._lock:
            if self._closed or len(self._waiting) >= self._capacity:
                raise Full
            self._waiting.append(_Job(item, weight, future))
            if self._is_due():
                self._call()
        # At once and not when its turn comes: what it holds may be large, and nobody counts it any more.
        future.add_done_callback(self._forget_cancelled)
        return future

    def close(self) -> None:
        """Finishes what was accepted, then ends the workers."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._call()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        """Wakes the first of the idle workers, if there is one; called with the lock held."""
        if self._idle:
            self._calls[heappop(self._idle)].notify()

    def _is_due(self) -> bool:
        """Whether a batch should start now; called with the lock held."""
        if not self._waiting or self._source is None or not self._at_work:
            return bool(self._waiting)
        if self._at_work + self._source.under_way < self._cores:
            return True
        return sum(job.weight for job in self._waiting) >= self._max_weight

    def _run(self, worker: int) -> None:
        compute_in_peace()
        while self._step(worker):
            pass

    def _step(self, worker: int) -> bool:
        """One batch; False once closed and empty. A call of its own, so that nothing holds the batch while waiting."""
        with self._lock:
            while not self._is_due() and not self._closed:
                heappush(self._idle, worker)
                self._calls[worker].wait()
            if not self._waiting:
                return False
            batch = self._take()
        if batch:
            self._do(batch)
        return True

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Counts a worker until its batch is done, and not while it hands the results over."""
        with self._lock:
            self._at_work += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1
                if self._is_due():
                    self._call()

    def _forget_cancelled(self, future: "Future[Out]") -> None:
        if future.cancelled():
            with self._lock:
                self._waiting = deque(job for job in self._waiting if job.future is not future)

    def _take(self) -> list[_Job[In, Out]]:
        """Takes jobs from the head while they fit; called with the lock held."""
        batch: list[_Job[In, Out]] = []
        weight = 0
        while self._waiting and (not batch or weight + self._waiting[0].weight <= self._max_weight):
            job = self._waiting.popleft()
            if job.future.set_running_or_notify_cancel():
                batch.append(job)
                weight += job.weight
        return batch

    def _do(self, batch: list[_Job[In, Out]]) -> None:
        start = time.perf_counter()
        try:
            with self._working():
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
