"""The threads that compute: each does whatever is most urgent, so that no more are at work than there are cores."""

import threading
import time
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from typing import Any, TypeVar

from service.engine.cores import compute_in_peace
from service.engine.stage import Full, Stage
from service.telemetry.metrics import StageWatch

OTHERS_S = 0.005  # between looks at what other processes do

In = TypeVar("In")
Out = TypeVar("Out")


class Crew:
    """Workers for several stages.

    The stage that was made last comes first: what is nearly done is finished before something else is begun. A stage
    that is patient comes first with a full batch, and otherwise after all others: a few jobs together cost less than
    one by one, and no timer holds them back, since whoever finds nothing else to do takes what there is.

    A worker goes on with what it has just handed over, unless something is more urgent, and so a lone request stays on
    one thread. With threads of its own for each stage, more are at work than there are cores, each waits for another to
    go on, and of two cores 6% were idle under load where here they are 3% (docs/notebook/serving.md).

    Of several idle workers it is always the first that starts, whose threads of OpenMP and caches are warm.

    Where other processes compute on the same cores, who is patient waits for them, too: what they make fills its batch.

    Args:
        workers: how many threads.
        cores: how many cores they share with other processes.
        elsewhere: how many threads of others want a core now to make something for these stages.

    Attributes:
        lock: guards the queues of all stages.
        busy: how many workers are at work.
        busy_s: for how many seconds the one has been at its batch that is at it for longest.
    """

    def __init__(self, workers: int, *, cores: int = 1, elsewhere: Callable[[], int] = lambda: 0) -> None:
        self._cores, self._elsewhere = cores, elsewhere
        self.lock = threading.RLock()
        self.busy = 0
        self._stages: list[Stage[Any, Any]] = []  # the most urgent first
        self._calls = [threading.Condition(self.lock) for _ in range(workers)]
        self._idle: list[int] = []  # a heap of workers that wait to be called
        self._began: dict[int, float] = {}  # when workers began with what they are at
        self._closed = False
        self._holds = False  # whether something waits for what other processes make
        self._threads = [
            threading.Thread(target=self._run, args=[i], name=f"crew-{i}", daemon=True) for i in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def busy_s(self) -> float:
        with self.lock:
            return time.monotonic() - min(self._began.values()) if self._began else 0.0

    def stage(
        self,
        work: Callable[[Sequence[In]], Sequence[Out]],
        *,
        capacity: int,
        max_weight: int = 1,
        at_once: int = 1,
        patient: bool = False,
        watch: StageWatch | None = None,
    ) -> Stage[In, Out]:
        """A stage that is more urgent than those that were made before; see `Stage` for the arguments."""
        stage = Stage(
            work, self, capacity=capacity, max_weight=max_weight, at_once=at_once, patient=patient, watch=watch
        )
        with self.lock:
            self._stages.insert(0, stage)
        return stage

    def close(self, *, seconds: float | None = None) -> None:
        """Finishes what was accepted, with all stages that it still has to go through, then ends the workers.

        Args:
            seconds: for which a worker is waited for that is still at it. Nothing stops a library in the middle of a
                picture, and workers do not keep a process alive.
        """
        until = None if seconds is None else time.monotonic() + seconds
        with self.lock:
            self._closed = True
            while self._idle:
                self._call_first()
        for thread in self._threads:
            thread.join(None if until is None else max(0.0, until - time.monotonic()))

    def expect_open(self) -> None:
        """Raises Full where the crew leaves, unless a worker hands on what was accepted."""
        if self._closed and threading.current_thread() not in self._threads:
            raise Full

    def call(self) -> None:
        """Has somebody look at what was submitted. A worker looks by itself, once it has handed all over."""
        if threading.current_thread() not in self._threads:
            self._call_first()

    def _call_first(self) -> None:
        if self._idle:
            self._calls[heappop(self._idle)].notify()

    def _most_urgent(self) -> Stage[Any, Any] | None:
        for nothing_else in (False, True):
            for stage in self._stages:
                if stage.is_due(nothing_else=nothing_else):
                    self._holds = nothing_else and self._waits_for_others()
                    return None if self._holds else stage
        self._holds = False
        return None

    def _waits_for_others(self) -> bool:
        others = self._elsewhere()
        return others > 0 and self.busy + others >= self._cores

    def _run(self, worker: int) -> None:
        compute_in_peace()
        while self._step(worker):
            pass

    def _step(self, worker: int) -> bool:
        """One batch; False once closed and empty. A call of its own, so that nothing holds the batch while waiting."""
        with self.lock:
            while (stage := self._most_urgent()) is None or (self._idle and self._idle[0] < worker):
                if stage is not None:
                    self._call_first()
                elif self._closed:
                    return False
                heappush(self._idle, worker)
                # Others who have made what they wanted a core for, or could not, say nothing of it here.
                self._calls[worker].wait(OTHERS_S if self._holds else None)
                if worker in self._idle:  # nobody called it
                    self._idle.remove(worker)
                    heapify(self._idle)
            batch = stage.take()
            self.busy += 1
            self._began[worker] = time.monotonic()
            if self._idle and self._most_urgent() is not None:
                self._call_first()
        try:
            stage.do(batch)
        finally:
            with self.lock:
                self.busy -= 1
                del self._began[worker]
        return True
