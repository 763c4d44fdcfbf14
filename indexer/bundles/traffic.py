"""How much is moved at once, how fast, whether at all, and who is told of it."""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

from indexer.bundles.errors import Stopped

T = TypeVar("T")
R = TypeVar("R")
WORKERS = 4


class Traffic:
    """What all transfers of a push or a pull share. Safe on any thread.

    Args:
        workers: files that are moved at once.
        bytes_per_s: a bound for all of them together; 0 for none.
        watch: is told of bytes that were moved or found, and, below 0, of those that had to be thrown away.
        expect: is told of bytes that are to be moved or found.
        start_worker: called once in each thread that moves files.
    """

    def __init__(
        self,
        *,
        workers: int = WORKERS,
        bytes_per_s: int = 0,
        watch: Callable[[int], object] = lambda _: None,
        expect: Callable[[int], object] = lambda _: None,
        start_worker: Callable[[], object] = lambda: None,
    ) -> None:
        self.watch = watch
        self.expect = expect
        self._workers = workers
        self._start_worker = start_worker
        self._bytes_per_s = bytes_per_s
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._free_at = 0.0

    def all(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Does the work of each, some at once. Where one fails, what waits is not begun any more, and what is on its
        way ends with its block; the first failure is raised."""
        with ThreadPoolExecutor(self._workers, "transfer", self._start_worker) as pool:
            tasks = [pool.submit(work, item) for item in items]
            try:
                wait(tasks, return_when=FIRST_EXCEPTION)
                failed = next((task for task in tasks if task.done() and task.exception() is not None), None)
                return [task.result() for task in (tasks if failed is None else [failed])]
            except BaseException:
                self.stop()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def stop(self) -> None:
        """Ends all transfers at their next block."""
        self._stop.set()

    def pause(self, seconds: float) -> None:
        """Waits, or raises Stopped once it is told to stop."""
        if self._stop.wait(seconds):
            raise Stopped("The transfer was stopped; the same again goes on.")

    def moved(self, count: int) -> None:
        """Notes bytes that went over the line, and waits where they went too fast. Raises Stopped."""
        self.watch(count)
        seconds = 0.0
        if self._bytes_per_s:
            with self._lock:
                self._free_at = max(self._free_at, time.monotonic()) + count / self._bytes_per_s
                seconds = self._free_at - time.monotonic()
        self.pause(max(0.0, seconds))
