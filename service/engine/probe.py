"""Whether the service still finds what it should, tried every few seconds: what `/readyz` tells once it was ready."""

import asyncio
import logging

from indexer.errors import CorruptIndex, IndexUnreachable
from service.engine.course import Timed
from service.engine.pipeline import Pipeline
from service.engine.stage import Full
from service.errors import Cause, Problem, index_damaged, index_unreachable
from wikiclip.base.errors import first_line

logger = logging.getLogger(__name__)


class Probe:
    """Examines the files of the index that answers, then searches it by the crew that searches for callers.

    A search that is not back after as long as a request may take has failed. Its end is waited for before another is
    tried, so that one which hangs holds one thread.

    Args:
        deadline_s: how long a search may take.
    """

    def __init__(self, pipeline: Pipeline, *, deadline_s: float) -> None:
        self._pipeline = pipeline
        self._deadline_s = deadline_s
        self._under_way: asyncio.Future[Timed[None]] | None = None
        self._failed = self._unreachable = self._told = False

    @property
    def problem(self) -> Problem | None:
        """Why the service is not ready; None where it is."""
        if self._pipeline.serving.is_damaged:
            return index_damaged()
        if self._unreachable:
            return index_unreachable()
        return Problem(Cause.SEARCH_FAILED, "The server's log says why.") if self._failed else None

    async def look(self) -> None:
        """Takes a millisecond, unless files were written to. Logs what is wrong when it begins, and when it is over."""
        try:
            await asyncio.to_thread(self._pipeline.serving.linker.index.files.examine)
            why = await self._search()
            self._failed = why is not None
        except (CorruptIndex, OSError) as error:
            why = str(error)
        if why is not None and not self._told:
            logger.error("The service is not ready: %s", why)
        elif why is None and self._told:
            logger.warning("The service is ready again.")
        self._told = why is not None

    async def _search(self) -> str | None:
        """Why a search fails; None where it does not."""
        try:
            search = self._under_way or asyncio.wrap_future(self._pipeline.probe())
        except Full:  # while the service stops
            return None
        self._under_way = search
        await asyncio.wait({search}, timeout=self._deadline_s)
        if not search.done():
            return f"A search did not come back in {self._deadline_s:g} s."
        self._under_way = None
        error = search.exception()
        self._unreachable = isinstance(error, IndexUnreachable)
        if error is None or isinstance(error, CorruptIndex | IndexUnreachable):
            return None if error is None else str(error)
        return f"A search raised {type(error).__name__}: {first_line(error)}"
