"""The way of a request: decode, then encode and search, or segment, or explain. Each is a stage behind a short queue.

Axes: B mention, M width of mention vectors.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from starlette.datastructures import Headers

from indexer.linker import Linker, Question
from service.engine.cores import one_thread, take_share
from service.engine.course import Course, Leg, Timed, timed
from service.engine.crew import Crew
from service.engine.explaining import explained
from service.engine.reading import Compared, Reader, Sketch
from service.engine.segmenting import outlined
from service.engine.serving import Serving
from service.engine.stage import Stage
from service.errors import Cause, Problem, busy
from service.schemas import ExplanationOut, RegionOut, ResultOut
from service.settings import Settings
from service.telemetry.metrics import Metrics
from wikiclip.segmenters import Segmenter

In = TypeVar("In")
Out = TypeVar("Out")
Way = Leg[Any, Any]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A question and the vectors of its mentions."""

    queries_BM: NDArray[np.float32]
    question: Question


@dataclass(frozen=True, slots=True)
class Linked:
    """The results for each mention of a request, all of one index version, and the milliseconds of each stage."""

    results: list[ResultOut]
    serving: Serving
    timings: dict[str, float]


@dataclass(frozen=True, slots=True)
class Segmented:
    """The regions of a picture, what found them, and the milliseconds of each stage."""

    regions: list[RegionOut]
    method: str
    timings: dict[str, float]


@dataclass(frozen=True, slots=True)
class Explained:
    """An explanation, and the milliseconds of each stage."""

    explanation: ExplanationOut
    timings: dict[str, float]


class Pipeline:
    """Requests are decoded one by one, encoded in batches and searched for in batches, all by one crew of threads.

    Attributes:
        serving: what answers. May be replaced at any time: a batch of searches takes it once, so no request mixes two.
    """

    def __init__(self, serving: Serving, segmenter: Segmenter, settings: Settings, metrics: Metrics) -> None:
        self.serving = serving
        self._segmenter = segmenter
        self._settings = settings
        self._metrics = metrics
        self._reader = Reader(settings, metrics)
        self._inside = 0  # requests; counted here alone, since one that was decoded and then refused would be work lost
        workers = _workers(serving.linker, settings)
        few = max(1, workers - 1)  # of what takes long, so that others go on beside it
        self._crew = Crew(workers)  # to whom the first stage is the least urgent
        self._decode: Stage[Callable[[], object], Timed[object]] = self._stage(
            "decode", _each(one_thread), at_once=settings.decoders
        )
        self._segment: Stage[Sketch, Timed[list[RegionOut]]] = self._stage(
            "segment", _each(self._outlined), at_once=few
        )
        self._explain: Stage[Compared, Timed[ExplanationOut]] = self._stage(
            "explain", _each(self._explained), at_once=few
        )
        self._encode: Stage[Question, Timed[Encoded]] = self._stage(
            "encode", self._encode_together, at_once=settings.encoders, max_weight=settings.batch, patient=True
        )
        self._search: Stage[Encoded, Timed[tuple[list[ResultOut], Serving]]] = self._stage(
            "search", self._search_together, max_weight=settings.search_batch
        )

    def has_room(self, *, coming: int = 0) -> bool:
        """Whether a request would find a place, so that its body is worth reading.

        Args:
            coming: requests that were let in and are not yet inside.
        """
        return self._inside + coming < self._settings.queue

    def expect_room(self) -> None:
        """Raises Problem where a request would find no place."""
        if not self.has_room():
            raise busy()

    async def link(self, body: bytes, headers: Headers) -> Linked:
        """Raises Problem for what the body asks, where too much is being done, and once the deadline is over.

        Cancelling it, as the deadline does, frees its place: what nobody waits for is not encoded.
        """
        async with self._admitted() as course:
            read = self._read(body, lambda: self._reader.question(body, headers, self.serving.linker), self._encoding)
            results, serving = await course.along(read)
            return Linked(results, serving, course.timings())

    async def segment(self, body: bytes, headers: Headers) -> Segmented:
        """Raises and is cancelled as `link` is."""
        async with self._admitted() as course:
            read = self._read(body, lambda: self._reader.sketch(body, headers), self._segmenting)
            return Segmented(await course.along(read), self._segmenter.method, course.timings())

    async def explain(self, body: bytes, headers: Headers) -> Explained:
        """Raises and is cancelled as `link` is; UnknownEntity, too."""
        async with self._admitted() as course:
            read = self._read(body, lambda: self._reader.pair(body, headers, self.serving), self._explaining)
            return Explained(await course.along(read), course.timings())

    def close(self) -> None:
        """Finishes what was accepted."""
        self._crew.close()

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

    @asynccontextmanager
    async def _admitted(self) -> AsyncIterator[Course]:
        """A place for a request, until its deadline."""
        self.expect_room()
        self._inside += 1
        try:
            async with asyncio.timeout(self._settings.deadline_s):
                yield Course()
        except TimeoutError:
            raise Problem(
                Cause.DEADLINE, f"It had not been answered after {self._settings.deadline_s:g} s; try again later."
            ) from None
        finally:
            self._inside -= 1

    def _read(self, body: bytes, read: Callable[[], Out], then: Callable[[Out], Way]) -> Way:
        return Leg(name="decode", stage=self._decode, item=read, noted={"bytes": len(body)}, then=then)

    def _encoding(self, question: Question) -> Way:
        weight = len(question.mentions)
        noted = {"mentions": weight}
        return Leg(name="encode", stage=self._encode, item=question, weight=weight, noted=noted, then=self._searching)

    def _searching(self, encoded: Encoded) -> Way:
        weight = len(encoded.queries_BM)
        return Leg(name="search", stage=self._search, item=encoded, weight=weight, noted={"mentions": weight})

    def _segmenting(self, sketch: Sketch) -> Way:
        return Leg(name="segment", stage=self._segment, item=sketch)

    def _explaining(self, compared: Compared) -> Way:
        return Leg(name="explain", stage=self._explain, item=compared)

    def _outlined(self, sketch: Sketch) -> list[RegionOut]:
        self._take_share()
        return outlined(self._segmenter, sketch)

    def _explained(self, compared: Compared) -> ExplanationOut:
        self._take_share()
        return explained(compared)

    def _encode_together(self, questions: Sequence[Question]) -> list[Timed[Encoded]]:
        self._take_share()
        encoded = timed(lambda: self.serving.linker.encode(questions))
        ends = np.cumsum([len(question.mentions) for question in questions])[:-1]
        each = zip(np.split(encoded.value, ends), questions, strict=True)
        return [Timed(Encoded(queries_BM, question), encoded.milliseconds) for queries_BM, question in each]

    def _take_share(self) -> None:
        """What waits to be decoded, and will want a core in a moment, counts as at work."""
        take_share(self._settings.threads, among=self._crew.busy + min(1, self._decode.waiting))

    def _search_together(self, batch: Sequence[Encoded]) -> list[Timed[tuple[list[ResultOut], Serving]]]:
        serving = self.serving
        queries_BM = np.concatenate([encoded.queries_BM for encoded in batch])
        found = timed(lambda: serving.results(queries_BM, [encoded.question for encoded in batch]))
        return [Timed((results, serving), found.milliseconds) for results in found.value]


def _workers(linker: Linker, settings: Settings) -> int:
    """Those who encode do nothing else meanwhile, unless a GPU does it and they wait: then others compute."""
    together = (settings.decoders, settings.encoders)
    return max(together) if linker.encodes_here else sum(together)


def _each(work: Callable[[In], Out]) -> Callable[[Sequence[In]], list[Timed[Out]]]:
    """One after the other."""
    return lambda batch: [timed(partial(work, item)) for item in batch]
