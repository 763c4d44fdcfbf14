"""Callers that take turns at what takes memory or the interpreter's lock, none of them for longer than its deadline."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.errors import Cause, Problem


class Deadline:
    """Until when a request may wait and be worked on.

    Args:
        seconds: from now on.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.until = time.monotonic() + seconds  # of the event loop's clock, too

    def expect_time(self) -> None:
        """Raises Problem once it is over. For any thread."""
        if time.monotonic() >= self.until:
            raise self.problem()

    def problem(self) -> Problem:
        """What is answered once it is over."""
        return Problem(
            Cause.DEADLINE, f"It was not done after {self._seconds:g} s, and nothing of it is kept; try again later."
        )


class Turns:
    """Lets one at a time through. For one event loop."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def taken(self, deadline: Deadline) -> AsyncIterator[None]:
        """A turn, while the block runs. Raises Problem where none comes before the deadline."""
        deadline.expect_time()
        try:
            async with asyncio.timeout_at(deadline.until):
                await self._lock.acquire()
        except TimeoutError:
            raise deadline.problem() from None
        try:
            yield
        finally:
            self._lock.release()
