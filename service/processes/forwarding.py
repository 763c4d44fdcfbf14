"""A front's pipeline: pictures are decoded and mentions cut here, and the rest is asked of an engine."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from indexer import linker
from indexer.records.records import Nearest
from indexer.records.tag_filter import TagFilter
from service.engine.cores import one_thread
from service.engine.course import Course, Step, Timed, Way, timed
from service.engine.crew import Crew
from service.engine.linked import NOT_LINKED, Explained, Linked, Segmented
from service.engine.reading import Charge, FindQuery, MentionReader, uncharged
from service.engine.reordering import UNTIL
from service.engine.stage import Stage
from service.errors import Cause, Problem, busy, index_damaged
from service.processes import messages
from service.processes.asking import Engines
from service.processes.memory import Room
from service.processes.packing import Packed
from service.processes.shown import Shown, Versions
from service.schemas import ExplanationOut, RegionOut, ResultOut
from service.settings import Settings
from service.tally import Tally
from service.telemetry import tracing
from service.telemetry.metrics import Metrics

REGIONS = TypeAdapter(list[RegionOut])


@dataclass(frozen=True, slots=True)
class SegmentAsked:
    """A picture's file, and where in it the thing is."""

    file: bytes
    point: Sequence[float] | None
    box: object


@dataclass(frozen=True, slots=True)
class ExplainAsked:
    """A picture's file, and the region that is compared with an entity."""

    file: bytes
    region: object
    entity_id: str


class FrontReader:
    """Reads what is asked as far as the front does: mentions are cut; what is seldom asked an engine reads itself."""

    def __init__(self, reader: MentionReader, room: Room) -> None:
        self._reader, self._room = reader, room

    def link(
        self,
        file: bytes,
        regions: Sequence[object],
        *,
        top_k: int,
        min_score: float | None,
        tags: TagFilter | None = None,
        charge: Charge = uncharged,
    ) -> Packed:
        """Mentions, where an engine sees them. Raises Problem."""
        query = self._reader.link(file, regions, top_k=top_k, min_score=min_score, tags=tags, charge=charge)
        return Packed(query, self._room)

    def find(
        self,
        file: bytes,
        *,
        most: int,
        whole: bool,
        link: Callable[[Any, Sequence[object]], Any],
        charge: Charge = uncharged,
    ) -> FindQuery:
        """Raises Problem where the caller has no room for it."""
        outlined = self.segment(file, point=None, box=None, charge=charge)
        return self._reader.finding(outlined, most=most, whole=whole, link=link)

    def segment(
        self, file: bytes, *, point: Sequence[float] | None, box: object, charge: Charge = uncharged
    ) -> SegmentAsked:
        """Raises Problem where the caller has no room for it."""
        charge(1)
        return SegmentAsked(file, point, box)

    def explain(self, file: bytes, region: object, entity_id: str, *, charge: Charge = uncharged) -> ExplainAsked:
        """Raises Problem where the caller has no room for it."""
        charge(1)
        return ExplainAsked(file, region, entity_id)


class Forwarding:
    """What `Pipeline` is where one process does everything.

    Args:
        front: its number.
        inside: counts the requests that are inside, in all fronts.
        decoding: counts the pictures that are, or wait to be, decoded.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        *,
        front: int,
        engines: Engines,
        versions: Versions,
        room: Room,
        inside: Tally,
        decoding: Tally,
    ) -> None:
        self._settings, self._front, self._engines, self._versions = settings, front, engines, versions
        self._inside, self._decoding = inside, decoding
        self._reader = FrontReader(MentionReader(settings, metrics, lambda: versions.now.views), room)
        self._crew = Crew(settings.decoders)
        stage: Stage[Callable[[Any], Any], Timed[Any]] = self._crew.stage(
            lambda batch: [timed(lambda read=read: self._read(read)) for read in batch],  # type: ignore[misc]
            capacity=settings.queue,
            at_once=settings.decoders,
            watch=metrics.of_stage("decode"),
        )
        metrics.watch_queue("decode", stage)
        self._way: Way = (Step(name="decode", stage=stage),)

    async def link(self, read: Callable[[Any], Any], *, size: int) -> Linked:
        """Links the mentions that are read; `size` is the bytes that are read, for the span."""
        if self._versions.now.is_damaged:
            raise index_damaged()
        until = time.monotonic() + UNTIL * self._settings.deadline_s
        async with self._admitted() as course:
            packed: Packed | FindQuery = await self._decoded(course, read, size)
            regions: list[RegionOut | None] | None = None
            if isinstance(packed, FindQuery):
                outlined, found_regions = await self._outlined(packed.segment)
                course.count(outlined.timings)
                regions = packed.chosen(found_regions)
                if not regions:
                    now = self._versions.now
                    return Linked([], now.model_name, now.version, False, course.timings(also=NOT_LINKED), [])
                further = Course(self._way)
                packed = await self._decoded(further, packed.linking(regions), size)
                course.add(further)
            assert isinstance(packed, Packed)
            found, _ = await self._engines.ask(
                lambda number: messages.Link(
                    number,
                    self._front,
                    packed.start,
                    packed.contents,
                    packed.top_k,
                    packed.min_score,
                    packed.tags,
                    until,
                    tracing.carried(),
                ),
                packed.bytes,
            )
            assert isinstance(found, messages.Found)
            shown = await self._versions.of(found.version)
            results = [_result(shown, ranking) for ranking in found.results]
            timings = course.timings(also=found.timings)
            return Linked(results, shown.model_name, found.version, found.reranked, timings, regions)

    async def segment(self, read: Callable[[Any], Any], *, size: int) -> Segmented:
        """Outlines what is read."""
        async with self._admitted() as course:
            asked: SegmentAsked = await self._decoded(course, read, size)
            outlined, regions = await self._outlined(asked)
            return Segmented(regions, outlined.method, course.timings(also=outlined.timings))

    async def explain(self, read: Callable[[Any], Any], *, size: int) -> Explained:
        """Explains the pair that is read. Raises UnknownEntity, too."""
        if self._versions.now.is_damaged:
            raise index_damaged()
        async with self._admitted() as course:
            asked: ExplainAsked = await self._decoded(course, read, size)
            explained, found = await self._engines.ask(
                lambda number: messages.Explain(number, asked.region, asked.entity_id, tracing.carried()), asked.file
            )
            assert isinstance(explained, messages.Explained)
            timings = course.timings(also=explained.timings)
            return Explained(ExplanationOut.model_validate_json(found), timings)

    async def _outlined(self, asked: SegmentAsked) -> tuple[messages.Outlined, list[RegionOut]]:
        """What an engine finds in a picture."""
        point = None if asked.point is None else list(asked.point)
        outlined, regions = await self._engines.ask(
            lambda number: messages.Segment(number, point, asked.box, tracing.carried()), asked.file
        )
        assert isinstance(outlined, messages.Outlined)
        return outlined, REGIONS.validate_json(regions)

    def has_room(self, coming: int = 0) -> bool:
        """Whether one more request would find a place; see `Pipeline.has_room`."""
        return self._inside.total + coming < self._settings.queue

    @property
    def busy_s(self) -> float:
        """See `Crew.busy_s`."""
        return self._crew.busy_s

    def close(self, *, seconds: float | None = None) -> None:
        """Finishes what was accepted; see `Crew.close`."""
        self._crew.close(seconds=seconds)

    async def _decoded(self, course: Course, read: Callable[[Any], Any], size: int) -> Any:
        self._decoding.add(1)
        try:
            return await course.run(read, noted={"bytes": size})
        finally:
            self._decoding.add(-1)

    def _read(self, read: Callable[[Any], Any]) -> Any:
        return one_thread(lambda: read(self._reader))

    @asynccontextmanager
    async def _admitted(self) -> AsyncIterator[Course]:
        """A place for a request, until its deadline."""
        if not self.has_room():
            raise busy()
        self._inside.add(1)
        try:
            async with asyncio.timeout(self._settings.deadline_s):
                yield Course(self._way)
        except TimeoutError:
            raise Problem(
                Cause.DEADLINE, f"It had not been answered after {self._settings.deadline_s:g} s; try again later."
            ) from None
        finally:
            self._inside.add(-1)


def _result(shown: Shown, ranking: messages.Ranking) -> ResultOut:
    candidates = shown.records.candidates(Nearest(ranking.numbers, ranking.scores))
    return shown.presenter.result(linker.Found(candidates, ranking.confidence))
