"""The way of one request through stages, and what each of them took."""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from service.engine.stage import Full, Stage
from service.errors import Cause, Problem
from service.telemetry.tracing import Span, context

In = TypeVar("In")
Out = TypeVar("Out")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg(Generic[In, Out]):
    """A stretch of a request's way.

    Attributes:
        item: what the stage is given.
        noted: what its span tells of it.
        then: makes the leg that follows out of what the stage made, on a thread of the stage; None ends the way.
    """

    name: str
    stage: Stage[In, Timed[Out]]
    item: In
    weight: int = 1
    noted: Mapping[str, int] = field(default_factory=dict)
    then: "Callable[[Out], Leg[Any, Any]] | None" = None


class Course:
    """Leads one request along its legs; its clock starts when it is made.

    A stage hands over to the next on its own thread. The event loop, which would have to be woken each time, learns of
    the end alone: a lone request is then answered a quarter of a millisecond sooner.
    """

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._took: dict[str, float] = {}
        self._context = context()
        self._end: Future[Any] = Future()
        self._under_way: Future[Any] | None = None

    async def along(self, leg: Leg[Any, Any]) -> Any:
        """What the last leg's stage made. Raises what work or `then` raised, and Problem where the service stops.

        Cancelling it takes the request out of the stage where it waits, and it enters no other.
        """
        self._enter(leg)
        try:
            return await asyncio.wrap_future(self._end)
        finally:
            self._end.cancel()  # unless there was one
            self._leave()

    def timings(self) -> dict[str, float]:
        """Milliseconds by stage; `wait` is what was spent in queues, `total` all until now."""
        total = since(self._start)
        wait = max(0.0, total - sum(self._took.values()))
        return {name: round(took, 2) for name, took in {**self._took, "wait": wait, "total": total}.items()}

    def _enter(self, leg: Leg[Any, Any]) -> None:
        if self._end.cancelled():
            return
        span = Span(leg.name, self._context, leg.noted)
        try:
            under_way = leg.stage.submit(leg.item, weight=leg.weight)
        except Full:  # only while the service stops: no more requests are inside than a queue has places
            raise Problem(Cause.BUSY, "The service stops.", headers={"Retry-After": "1"}) from None
        self._under_way = under_way
        if self._end.cancelled():  # just now, and by who could not know of this leg
            self._leave()
        under_way.add_done_callback(partial(self._go_on, leg, span))

    def _go_on(self, leg: Leg[Any, Any], span: Span, done: "Future[Timed[Any]]") -> None:
        if done.cancelled():
            span.end()
            return
        error = done.exception()
        span.end(error)
        if error is not None:
            self._fail(error)
            return
        made = done.result()
        self._took[leg.name] = made.milliseconds
        if leg.then is None:
            if self._end.set_running_or_notify_cancel():
                self._end.set_result(made.value)
            return
        try:
            self._enter(leg.then(made.value))
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
