"""One index version for all: what is current is prepared by every process, and then taken over by all or by none."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from indexer.version import read_version
from service.engine.refused import Refused
from service.errors import Cause, not_loaded
from service.processes import messages
from service.schemas import RefusedWhyOut, Reloaded
from service.settings import Settings
from service.telemetry.metrics import Metrics
from wikiclip.base.errors import WikiClipError

logger = logging.getLogger(__name__)


class Family(Protocol):
    """Who is told to prepare and to commit."""

    def members(self) -> list[str]: ...
    def loaded_engines(self) -> Iterator[Any]: ...
    def tell_named(self, name: str, order: messages.FromSupervisor) -> None: ...
    def publish(self) -> None: ...


class Following:
    """Keeps all processes at the version that is current; the `Follower` of several.

    Attributes:
        version: the one that answers; None before there is one.
        facts: what an engine says of it.
        refused: the last version that was looked at, if it was refused.
        swaps: how often one was taken over: also one that was open, whose files were mended.
        answering: the versions whose answers are right, two of them while one takes over from the other.
    """

    def __init__(self, family: Family, settings: Settings, metrics: Metrics) -> None:
        self._family, self._settings, self._metrics = family, settings, metrics
        self._lock = asyncio.Lock()
        self.version: str | None = None
        self.facts: messages.Facts | None = None
        self.refused: Refused | None = None
        self.swaps = 0
        self.answering: frozenset[str] = frozenset()
        self._is_committing = self._is_passing = False
        self._awaited: dict[str, asyncio.Future[str | None]] = {}  # why not, by who was asked

    async def look(self, *, again: bool = False) -> None:
        """Takes over the version that is current, where it is another, or where the one that answers is damaged.

        Args:
            again: tries also a version that was refused before.
        """
        async with self._lock:
            if self.version is None:
                return
            version = state = None
            self._is_passing = False
            try:
                published = await asyncio.to_thread(read_version, self._settings.index)
                version = published.id
                if version == self.version and not self._is_damaged():
                    self.refused = None
                else:
                    state = await asyncio.to_thread(published.state)
                    if again or self.refused is None or not self.refused.stands(version, state):
                        await self._take(version)
            except WikiClipError as error:
                self._refuse(Refused(version, str(error), passing=self._is_passing, state=state))
            self._family.publish()

    async def reload(self) -> Reloaded:
        """Looks at once. Raises Problem where nothing is loaded."""
        if self.version is None:
            raise not_loaded(failed=False)
        await self.look(again=True)
        refused = self.refused
        why = None if refused is None else RefusedWhyOut(index_version=refused.version, why=refused.why)
        return Reloaded(index_version=self.version, refused=why)

    def loaded(self, name: str, facts: messages.Facts) -> None:
        """An engine answers by a version."""
        if self.version is None:
            self.version, self.answering = facts.version, frozenset({facts.version})
            self._metrics.serves(facts.version, _entities(facts))
        if facts.version == self.version:
            self.facts = facts
            self.swaps += self._is_committing
            self._is_committing = False
        elif facts.version not in self.answering:  # it was opened while all others changed
            self._family.tell_named(name, messages.Commit(self.version))
        self._settle(name, None)

    def forget(self) -> None:
        """The version that answered cannot be had any more: the next one that is loaded is the one."""
        self.version, self.answering = None, frozenset()

    def prepared(self, name: str, report: messages.Prepared) -> None:
        """A process has opened a version, or cannot."""
        self._is_passing |= report.passing
        self._settle(name, report.why)

    def died(self, name: str) -> None:
        """A process is no more; who comes after it opens what answers then."""
        self._settle(name, None)

    async def _take(self, version: str) -> None:
        """Raises WikiClipError where one of them cannot."""
        self._is_passing = False
        whys = await self._told(self._family.members(), messages.Prepare(version))
        if (why := next((why for why in whys if why is not None), None)) is not None:
            for name in self._family.members():
                self._family.tell_named(name, messages.Abandon())
            raise WikiClipError(why)
        if self.version is None:  # forgotten meanwhile
            return
        self.answering = frozenset({self.version, version})
        self.version, self._is_committing = version, True
        engines = [child.name for child in self._family.loaded_engines()]
        await self._told(engines, messages.Commit(version))
        self.answering = frozenset({version})
        if not self._is_committing and self.facts is not None:  # or all engines died, and others open it now
            self._metrics.serves(version, _entities(self.facts))
        self.refused = None
        self._metrics.reload(taken=True)
        logger.warning("The index version %s answers from now on.", version)

    async def _told(self, names: list[str], order: messages.FromSupervisor) -> list[str | None]:
        """What each answers; None also of one that dies meanwhile."""
        loop = asyncio.get_running_loop()
        self._awaited = {name: loop.create_future() for name in names}
        awaited = list(self._awaited.values())
        for name in names:
            self._family.tell_named(name, order)
        return [await each for each in awaited]

    def _settle(self, name: str, why: str | None) -> None:
        awaited = self._awaited.pop(name, None)
        if awaited is not None and not awaited.done():
            awaited.set_result(why)

    def _is_damaged(self) -> bool:
        damaged = Cause.INDEX_DAMAGED.code
        return any(child.how.problem == damaged for child in self._family.loaded_engines())

    def _refuse(self, refused: Refused) -> None:
        if refused != self.refused:
            logger.error("The index version %s stays: %s", self.version, refused.why)
            self._metrics.reload(taken=False)
        self.refused = refused


def _entities(facts: messages.Facts) -> int:
    return int(msgspec.json.decode(facts.about)["entities"])
