"""The course of one request through the stages of its way, and what each of them took."""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from service.engine.stage import Full, Stage
from service.errors import Cause, Problem
from service.telemetry.tracing import Span, context

In = TypeVar("In")
Out = TypeVar("Out")

NOTHING: Mapping[str, int] = MappingProxyType({})
NO_TIMES: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Timed(Generic[Out]):
    """What a stage made of a request, and the milliseconds of its batch: a shared one counts in full for each."""

    value: Out
    milliseconds: float


def timed(work: Callable[[], Out]) -> Timed[Out]:
    """Does it, and looks at the clock."""
    start = time.perf_counter()
    value = work()
    return Timed(value, since(start))


def since(start: float) -> float:
    """Milliseconds."""
    return 1000 * (time.perf_counter() - start)


def _one(_: object) -> int:
    return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[In, Out]):
    """A stage on the way of requests.

    Attributes:
        name: what timings and spans call it.
        weigh: what an item weighs in a batch.
        counts: what that weight counts, for its span; None where the span tells nothing of it.
    """

    name: str
    stage: Stage[In, Timed[Out]]
    weigh: Callable[[In], int] = _one
    counts: str | None = None


# A way: each step is given what the one before made.
Way = tuple[Step[Any, Any], ...]


class Ends:
    """What a stage makes where the request goes no further on its way: the course ends with it."""


class Course:
    """Leads one request along a way; its clock starts when it is made.

    A stage hands over to the next on its own thread. The event loop, which would have to be woken each time, learns of
    the end alone: a lone request is then answered a quarter of a millisecond sooner.
    """

    def __init__(self, way: Way) -> None:
        self._way = way
        self._start = time.perf_counter()
        self._took: dict[str, float] = {}
        self._context = context()
        self._end: Future[Any] = Future()
        self._under_way: Future[Any] | None = None

    async def run(self, item: object, *, noted: Mapping[str, int] = NOTHING) -> Any:
        """What the last stage made. Raises what work raised, and Problem where the service stops.

        Cancelling it takes the request out of the stage where it waits, and it enters no other.

        Args:
            item: what the first stage is given.
            noted: what the first span tells of it.
        """
        self._enter(0, item, noted)
        try:
            return await asyncio.wrap_future(self._end)
        finally:
            self._end.cancel()  # unless there was one
            self._leave()

    def add(self, other: "Course") -> None:
        """Counts the stages of another course, which the same request took meanwhile, as its own."""
        self.count(other._took)

    def count(self, took: Mapping[str, float]) -> None:
        """Counts milliseconds of stages as its own; of a stage that it went through itself, as more of that."""
        for name, milliseconds in took.items():
            self._took[name] = self._took.get(name, 0.0) + milliseconds

    def timings(self, *, also: Mapping[str, float] = NO_TIMES) -> dict[str, float]:
        """Milliseconds by stage; `wait` is what was spent in queues, `total` all until now.

        Args:
            also: of stages in another process.
        """
        total, took = since(self._start), self._took | dict(also)
        wait = max(0.0, total - sum(took.values()))
        return {name: round(each, 2) for name, each in {**took, "wait": wait, "total": total}.items()}

    def _enter(self, number: int, item: Any, noted: Mapping[str, int] = NOTHING) -> None:
        if self._end.cancelled():
            return
        step = self._way[number]
        weight = step.weigh(item)
        span = Span(step.name, self._context, noted if step.counts is None else {step.counts: weight, **noted})
        try:
            under_way = step.stage.submit(item, weight=weight)
        except Full:  # only while the service stops: no more requests are inside than a queue has places
            raise Problem(Cause.BUSY, "The service stops.", headers={"Retry-After": "1"}) from None
        self._under_way = under_way
        if self._end.cancelled():  # just now, and by who could not know of this step
            self._leave()
        under_way.add_done_callback(partial(self._go_on, number, span))

    def _go_on(self, number: int, span: Span, done: "Future[Timed[Any]]") -> None:
        if done.cancelled():
            span.end()
            return
        error = done.exception()
        span.end(error)
        if error is not None:
            self._fail(error)
            return
        made = done.result()
        self._took[self._way[number].name] = made.milliseconds
        if number + 1 == len(self._way) or isinstance(made.value, Ends):
            if self._end.set_running_or_notify_cancel():
                self._end.set_result(made.value)
            return
        try:
            self._enter(number + 1, made.value)
        except Exception as raised:  # noqa: BLE001 - whatever it is belongs to whoever waits
            self._fail(raised)

    def _fail(self, error: BaseException) -> None:
        if self._end.set_running_or_notify_cancel():
            self._end.set_exception(error)

    def _leave(self) -> None:
        # What is under way refers to this course: a ring that would keep pictures until somebody collects garbage.
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.cancel()
