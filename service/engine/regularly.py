"""What is done again and again beside requests."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)


async def every(seconds: float, look: Callable[[], Awaitable[object]]) -> None:
    """Looks again and again; not at all where the seconds are 0."""
    while seconds:
        await asyncio.sleep(seconds)
        try:
            await look()
        except Exception:  # that nobody foresaw: the next look may do
            logger.exception("A regular look failed.")
