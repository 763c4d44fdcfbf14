"""The way of one request through stages, and what each of them took."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from service.batching import Full, Stage
from service.errors import Cause, Problem
from service.tracing import span

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


class Course:
    """Leads one request from stage to stage; its clock starts when it is made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._took: dict[str, float] = {}

    async def through(
        self, name: str, stage: Stage[In, Timed[Out]], item: In, *, weight: int = 1, **attributes: int
    ) -> Out:
        """What the stage made of it. Raises what the work raised, and Problem where the service stops."""
        with span(name, **attributes):
            try:
                future = stage.submit(item, weight=weight)
            except Full:  # only while the service stops: no more requests are inside than a queue has places
                raise Problem(Cause.BUSY, "The service stops.", headers={"Retry-After": "1"}) from None
            done = await asyncio.wrap_future(future)
        self._took[name] = done.milliseconds
        return done.value

    def timings(self) -> dict[str, float]:
        """Milliseconds by stage; `wait` is what was spent in queues, `total` all until now."""
        total = since(self._start)
        wait = max(0.0, total - sum(self._took.values()))
        return {name: round(took, 2) for name, took in {**self._took, "wait": wait, "total": total}.items()}
