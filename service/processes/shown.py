"""What a front shows of index versions: their records, mapped, whose pages all processes share."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from indexer.records.records import Candidate, Nearest, Records
from indexer.version import read_version
from service.engine.presenting import Presenter
from service.errors import not_loaded
from service.processes import messages
from service.processes.asking import Engines
from service.settings import Settings
from wikiclip.mentions.views import Cuts, MentionViews
from wikiclip.presets import Preset

Run = Callable[[Coroutine[Any, Any, Any]], Any]  # on the event loop, for another thread, which waits


@dataclass(frozen=True)
class Shown:
    """One index version, as `Answers` has it.

    Attributes:
        views: cut mentions for the model that made it.
    """

    version: str
    model_name: str
    records: Records
    presenter: Presenter
    sample: Sequence[Candidate]
    views: Cuts
    is_ill: Callable[[], bool]
    find: Callable[[str, int], tuple[str, Nearest]]
    of: Callable[[str], "Shown"]

    @property
    def is_damaged(self) -> bool:
        """Whether nothing may be read from its files: a front sees the records', an engine all."""
        return self.records.files.fault is not None or self.is_ill()

    def neighbours(self, entity_id: str, k: int) -> list[Candidate]:
        """The k entities nearest to one; not for the event loop. Raises UnknownEntity and Problem."""
        self.records.entity(entity_id)
        version, nearest = self.find(entity_id, k)
        return self.of(version).records.candidates(nearest)


class Versions:
    """The versions that a front has open: the one that answers, the one that is prepared, and for as long as answers of
    it may be under way the one before.

    Args:
        is_ill: whether the engines say that the index is damaged.
    """

    def __init__(self, settings: Settings, engines: Engines, is_ill: Callable[[], bool]) -> None:
        self._settings, self._engines, self._is_ill = settings, engines, is_ill
        self._open: dict[str, Records] = {}
        self._prepared: Records | None = None
        self._now: Shown | None = None

    @property
    def is_open(self) -> bool:
        """Whether a version answers."""
        return self._now is not None

    @property
    def now(self) -> Shown:
        """What answers now. Raises Problem where nothing does."""
        if self._now is None:
            raise not_loaded(failed=False)
        return self._now

    async def of(self, version: str) -> Shown:
        """The version of an answer."""
        now = self.now
        if version == now.version:
            return now
        if version not in self._open and self._prepared is not None and self._prepared.version == version:
            self._open[version] = self._prepared
        if version not in self._open:
            self._open[version] = await asyncio.to_thread(self._opened, version)
        records = self._open[version]
        return replace(now, version=version, records=records, presenter=Presenter(records), sample=())

    async def prepare(self, version: str) -> None:
        """Opens a version, anew where it is open. Raises WikiClipError and OSError."""
        self._prepared = await asyncio.to_thread(self._opened, version)

    def abandon(self) -> None:
        """Lets what was prepared go."""
        self._prepared = None

    async def take(self, facts: messages.Facts) -> None:
        """Lets a version answer. Raises WikiClipError and OSError."""
        found, self._prepared = self._prepared, None
        if found is None or found.version != facts.version:
            found = self._open.get(facts.version)
        if found is None:
            found = await asyncio.to_thread(self._opened, facts.version)
        records = found
        loop = asyncio.get_running_loop()

        def run(work: Coroutine[Any, Any, Any]) -> Any:
            return asyncio.run_coroutine_threadsafe(work, loop).result()

        async def find(entity_id: str, k: int) -> tuple[str, Nearest]:
            async with asyncio.timeout(self._settings.deadline_s):
                found, _ = await self._engines.ask(lambda number: messages.Neighbours(number, entity_id, k))
            assert isinstance(found, messages.Found)
            (ranking,) = found.results
            return found.version, Nearest(ranking.numbers, ranking.scores)

        about = msgspec.json.decode(facts.about)
        before = self._now
        self._open[facts.version] = records
        self._now = Shown(
            version=facts.version,
            model_name=about["model"],
            records=records,
            presenter=Presenter(records),
            sample=records.candidates(Nearest(facts.sample.numbers, facts.sample.scores)),
            views=MentionViews(Preset.from_json(msgspec.json.decode(facts.preset)), size=facts.view_size),
            is_ill=self._is_ill,
            find=lambda entity_id, k: run(find(entity_id, k)),
            of=lambda version: run(self.of(version)),
        )
        if before is not None and before.version != facts.version:
            loop.call_later(self._settings.deadline_s, self._let_go, before.version)

    def _let_go(self, version: str) -> None:
        if self.now.version != version:
            self._open.pop(version, None)

    def _opened(self, version: str) -> Records:
        return Records(read_version(self._settings.index, version))
