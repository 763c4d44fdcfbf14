"""The ways of requests: decode, then encode and search, or segment, or explain. Each is a stage behind a short queue.

What was found may go on to a cross-encoder, as far as the deadline lets it.

Axes: B mention, M width of mention vectors.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer.linker import Linker, LinkQuery
from indexer.reranking import OutOfTime, Reranker
from service.engine.cores import one_thread, take_share
from service.engine.course import NOTHING, Course, Step, Timed, Way, timed
from service.engine.crew import Crew
from service.engine.linked import NOT_LINKED, Explained, Linked, Segmented
from service.engine.presenting import explained, outlined
from service.engine.reading import ExplainQuery, FindQuery, Reader, SegmentQuery
from service.engine.reordering import UNTIL, Searched, Show, presented, reordered, search
from service.engine.serving import Serving
from service.engine.stage import Stage
from service.errors import Cause, Problem, busy, index_damaged
from service.schemas import ExplanationOut, RegionOut
from service.settings import Settings
from service.telemetry.metrics import Metrics
from wikiclip.segmenters import Segmenter

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A query and the vectors of its mentions."""

    vectors_BM: NDArray[np.float32]
    query: LinkQuery


@dataclass(frozen=True, slots=True)
class Reordering:
    """What was searched for, and until when (of the monotonic clock) it may be put in another order."""

    searched: Searched
    until: float


class Pipeline:
    """Requests are decoded one by one, encoded in batches and searched for in batches, all by one crew of threads.

    What a request asks is read by the first stage, through a callable that is given the pipeline's reader. Every method
    raises Problem for what was asked, where too much is being done, and once the deadline is over. Cancelling one, as
    the deadline does, frees its place: what nobody waits for is not encoded.

    Args:
        reranker: orders the first candidates anew; None for the order of the search.
        show: makes a result of what was found for a mention.
        decoded_elsewhere: how many pictures other processes want to decode now, on the same cores.

    Attributes:
        serving: what answers. May be replaced at any time: a batch of searches takes it once, so no request mixes two.
    """

    def __init__(
        self,
        serving: Serving,
        segmenter: Segmenter,
        settings: Settings,
        metrics: Metrics,
        *,
        reranker: Reranker | None = None,
        show: Show = presented,
        decoded_elsewhere: Callable[[], int] = lambda: 0,
    ) -> None:
        self.serving = serving
        self._show = show
        self._decoded_elsewhere = decoded_elsewhere
        self._reranker = reranker
        self._segmenter = segmenter
        self._settings = settings
        self._metrics = metrics
        self._reader = Reader(settings, metrics, lambda: self.serving, outlined_from=segmenter.side)
        self._inside = 0  # requests; counted here alone, since one that was decoded and then refused would be work lost
        workers = _workers(serving.linker, settings)
        few = max(1, workers - 1)  # of what takes long, so that others go on beside it
        # A stage is more urgent than those that were made before it.
        self._crew = Crew(workers, cores=settings.threads, elsewhere=decoded_elsewhere)
        self._decode: Stage[Callable[[Reader], Any], Timed[Any]] = self._stage(
            "decode", _each(self._read), at_once=settings.decoders
        )
        segment = self._stage("segment", _each(self._outlined), at_once=few)
        explain = self._stage("explain", _each(self._explained), at_once=few)
        rerank = self._stage("rerank", _each(self._reorder)) if reranker is not None else None
        encode = self._stage(
            "encode", self._encode_together, at_once=settings.encoders, max_weight=settings.batch, patient=True
        )
        searching = self._stage("search", self._search_together, max_weight=settings.search_batch)
        decoding = Step(name="decode", stage=self._decode)
        self._linking: Way = (
            Step(name="encode", stage=encode, weigh=lambda query: len(query.mentions), counts="mentions"),
            Step(name="search", stage=searching, weigh=lambda encoded: len(encoded.vectors_BM), counts="mentions"),
        )
        self._link_way: Way = (decoding, *self._linking)
        self._rerank_way: Way | None = None if rerank is None else (Step(name="rerank", stage=rerank),)
        self._outlining: Way = (Step(name="segment", stage=segment),)
        self._segment_way: Way = (decoding, *self._outlining)
        self._explain_way: Way = (decoding, Step(name="explain", stage=explain))
        self._probe: Stage[Serving, Timed[None]] = self._stage("probe", _each(Serving.try_search))

    async def link(self, read: Callable[[Reader], LinkQuery], *, size: int) -> Linked:
        """Links the mentions that are read; `size` is the bytes that are read, for the span."""
        self._expect_whole_index()
        until = asyncio.get_running_loop().time() + UNTIL * self._settings.deadline_s
        return await self._linked(self._link_way, read, until, noted={"bytes": size})

    async def link_prepared(self, query: LinkQuery, *, until: float) -> Linked:
        """Links mentions that were read elsewhere; `until` (of the monotonic clock) they may be put in order anew."""
        self._expect_whole_index()
        return await self._linked(self._linking, query, until)

    async def segment(self, read: Callable[[Reader], SegmentQuery], *, size: int) -> Segmented:
        """Outlines what is read."""
        async with self._admitted(self._segment_way) as course:
            regions = await course.run(read, noted={"bytes": size})
            return Segmented(regions, self._segmenter.method, course.timings())

    async def explain(self, read: Callable[[Reader], ExplainQuery], *, size: int) -> Explained:
        """Explains the pair that is read. Raises UnknownEntity, too."""
        self._expect_whole_index()
        async with self._admitted(self._explain_way) as course:
            return Explained(await course.run(read, noted={"bytes": size}), course.timings())

    async def _linked(self, way: Way, item: object, until: float, *, noted: Mapping[str, int] = NOTHING) -> Linked:
        async with self._admitted(way) as course:
            regions: list[RegionOut | None] | None = None
            searched: Searched | FindQuery = await course.run(item, noted=noted)
            if isinstance(searched, FindQuery):
                regions = searched.chosen(await self._further(course, self._outlining, searched.segment))
                if not regions:
                    now, timings = self.serving, course.timings(also=NOT_LINKED)
                    return Linked([], now.model_name, now.version, False, timings, regions)
                searched = await self._further(course, self._link_way, searched.linking(regions))
            assert isinstance(searched, Searched)
            found = await self._reordered(searched, course, until)
            results, serving = searched.results if found is None else found, searched.serving
            return Linked(results, serving.model_name, serving.version, found is not None, course.timings(), regions)

    async def _further(self, course: Course, way: Way, item: object) -> Any:
        """What the last stage of another way makes, for the same request."""
        further = Course(way)
        made = await further.run(item)
        course.add(further)
        return made

    def probe(self) -> "Future[Timed[None]]":
        """Searches as for a caller, before all that waits: `Serving.try_search`. Raises Full once the crew leaves."""
        return self._probe.submit(self.serving)

    def has_room(self, coming: int = 0) -> bool:
        """Whether one more request would find a place, so that its body is worth reading.

        Args:
            coming: requests that were let in and are not yet inside.
        """
        return self._inside + coming < self._settings.queue

    @property
    def busy_s(self) -> float:
        """See `Crew.busy_s`."""
        return self._crew.busy_s

    def close(self, *, seconds: float | None = None) -> None:
        """Finishes what was accepted; see `Crew.close`."""
        self._crew.close(seconds=seconds)

    @asynccontextmanager
    async def _admitted(self, way: Way) -> AsyncIterator[Course]:
        """A place for a request, until its deadline."""
        if not self.has_room():
            raise busy()
        self._inside += 1
        try:
            async with asyncio.timeout(self._settings.deadline_s):
                yield Course(way)
        except TimeoutError:
            raise Problem(
                Cause.DEADLINE, f"It had not been answered after {self._settings.deadline_s:g} s; try again later."
            ) from None
        finally:
            self._inside -= 1

    async def _reordered(self, searched: Searched, course: Course, until: float) -> list[Any] | None:
        """The results in a cross-encoder's order; None where there is no cross-encoder, or no time for it.

        Args:
            until: of the event loop's clock, which is the monotonic one.
        """
        if self._rerank_way is None:
            return None
        further = Course(self._rerank_way)
        try:
            async with asyncio.timeout_at(until):
                found: list[Any] = await further.run(Reordering(searched, until))
        except (TimeoutError, OutOfTime):
            return None
        course.add(further)
        return found

    def _expect_whole_index(self) -> None:
        if self.serving.is_damaged:
            raise index_damaged()

    def _stage(
        self,
        name: str,
        work: Callable[[Sequence[In]], Sequence[Out]],
        *,
        at_once: int = 1,
        max_weight: int = 1,
        patient: bool = False,
    ) -> Stage[In, Out]:
        """A stage with a place for every request that may be inside."""
        stage = self._crew.stage(
            work,
            capacity=self._settings.queue,
            max_weight=max_weight,
            at_once=at_once,
            patient=patient,
            watch=self._metrics.of_stage(name),
        )
        self._metrics.watch_queue(name, stage)
        return stage

    def _read(self, read: Callable[[Reader], Out]) -> Out:
        return one_thread(lambda: read(self._reader))

    def _outlined(self, query: SegmentQuery) -> list[RegionOut]:
        self._take_share()
        return outlined(self._segmenter, query.picture, query.prompt)

    def _explained(self, query: ExplainQuery) -> ExplanationOut:
        self._take_share()
        return explained(query.model, query.pair, query.entity)

    def _encode_together(self, queries: Sequence[LinkQuery]) -> list[Timed[Encoded]]:
        self._take_share()
        encoded = timed(lambda: self.serving.linker.encode(queries))
        ends = np.cumsum([len(query.mentions) for query in queries])[:-1]
        each = zip(np.split(encoded.value, ends), queries, strict=True)
        return [Timed(Encoded(vectors_BM, query), encoded.milliseconds) for vectors_BM, query in each]

    def _search_together(self, batch: Sequence[Encoded]) -> list[Timed[Searched]]:
        vectors_BM = np.concatenate([encoded.vectors_BM for encoded in batch])
        at_least = 0 if self._reranker is None else self._reranker.k
        queries = [encoded.query for encoded in batch]
        found = timed(lambda: search(self.serving, vectors_BM, queries, at_least=at_least, show=self._show))
        return [Timed(searched, found.milliseconds) for searched in found.value]

    def _reorder(self, wanted: Reordering) -> list[Any]:
        assert self._reranker is not None
        self._take_share()
        return reordered(self._reranker, wanted.searched, until=wanted.until, show=self._show)

    def _take_share(self) -> None:
        """What waits to be decoded, and will want a core in a moment, counts as at work."""
        others = min(1, self._decode.waiting + self._decoded_elsewhere())
        take_share(self._settings.threads, among=self._crew.busy + others)


def _workers(linker: Linker, settings: Settings) -> int:
    """Those who encode do nothing else meanwhile, unless a GPU does it and they wait: then others compute."""
    together = (settings.decoders, settings.encoders)
    return max(together) if linker.encodes_here else sum(together)


def _each(work: Callable[[In], Out]) -> Callable[[Sequence[In]], list[Timed[Out]]]:
    """One after the other."""
    return lambda batch: [timed(partial(work, item)) for item in batch]
