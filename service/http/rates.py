"""How much a caller may ask: so many requests, or regions, within a window that moves."""

from bisect import bisect_left
from typing import Protocol

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from service.errors import Cause, Problem
from wikiclip.base.errors import WikiClipError


class Counted(Protocol):
    """Counts what each caller takes; raises Problem where it is too much, as `Rate` says."""

    def take(self, caller: str, count: int = 1, *, before: int = 0) -> None:
        """Not for the event loop."""

    async def taken(self, caller: str, count: int = 1) -> None:
        """The same, for the event loop."""


class Bill:
    """What one request takes, in turns: all of it is in one window.

    Args:
        rate: what it counts towards.
        caller: whose request it is.
    """

    def __init__(self, rate: Counted, caller: str) -> None:
        self._rate, self._caller, self._taken = rate, caller, 0

    def __call__(self, count: int) -> None:
        """Takes so much more. Raises Problem as `Rate.take` does."""
        self._rate.take(self._caller, count, before=self._taken)
        self._taken += count


class Rate:
    """Counts what each caller takes. Safe on any thread. Keeps eight bytes for each that was taken in the window.

    Args:
        most: how many, within how long.
        counted: what, as a caller is told.
    """

    def __init__(self, most: RateLimitItem, counted: str) -> None:
        self._most, self._counted = most, counted
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)

    def take(self, caller: str, count: int = 1, *, before: int = 0) -> None:
        """Counts what a caller takes at once, unless it is too much.

        Args:
            before: what the same request took already.

        Raises:
            Problem: rate-limited, with the seconds after which as many are free; too-many-regions, where they never are
                since a window has fewer.
        """
        if before + count > self._most.amount:
            detail = f"Allowed are {self}, and this request alone has more: send fewer at once."
            raise Problem(Cause.TOO_MANY_REGIONS, detail)
        if not self._limiter.hit(self._most, caller, cost=count):
            wait_s = self._wait_s(caller, count)
            raise Problem(Cause.RATE_LIMITED, f"Allowed are {self}.", headers={"Retry-After": str(wait_s)})

    async def taken(self, caller: str, count: int = 1) -> None:
        """Counts as `take` does."""
        self.take(caller, count)

    def __str__(self) -> str:
        most = self._most
        time = most.GRANULARITY.name if most.multiples == 1 else f"{most.multiples} {most.GRANULARITY.name}s"
        return f"{most.amount:,} {self._counted} per {time}"

    def _wait_s(self, caller: str, count: int) -> int:
        """Whole seconds, one at least, until so little of what was taken is in the window that there is room."""
        key, window_s, room = self._most.key_for(caller), self._most.get_expiry(), self._most.amount - count

        def is_over(wait_s: int) -> bool:
            # What is in a window of today that is shorter by the wait is what will be in the whole one after it.
            return self._storage.get_moving_window(key, self._most.amount, window_s - wait_s)[1] <= room

        return 1 + bisect_left(range(1, window_s), True, key=is_over)


def read_rate(text: str, *, setting: str, counted: str) -> Rate | None:
    """A rate such as "10/second"; None where the text is empty.

    Args:
        setting: the name of the variable that holds it.

    Raises:
        WikiClipError: it is none, or several.
    """
    if not text:
        return None
    try:
        [most] = parse_many(text)
        if most.amount < 1:
            raise ValueError
    except ValueError:
        raise WikiClipError(f"{setting} is not a rate such as 10/second or 1000/hour: {text[:40]!r}.") from None
    return Rate(most, counted)
