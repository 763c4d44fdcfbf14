"""Work that many ask for at once, done once for all of them."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Together(Generic[Result]):
    """Does `work` on another thread, for callers on one event loop.

    Who asks while it is being done gets what is done next, so nobody gets what is old.
    """

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self._now: asyncio.Task[Result] | None = None
        self._next: asyncio.Task[Result] | None = None

    async def done(self) -> Result:
        """What work gave that began after this was asked."""
        if self._next is None:
            self._next = asyncio.create_task(self._do(self._now))
        return await asyncio.shield(self._next)  # who goes away takes it from nobody else

    async def _do(self, before: "asyncio.Task[Result] | None") -> Result:
        if before is not None:
            await asyncio.wait([before])
        self._now, self._next = self._next, None
        return await asyncio.to_thread(self._work)
