"""The way of a request: decode, then encode and search, or segment, or explain. Each is a stage behind a short queue.

Axes: B mention, M width of mention vectors.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from starlette.datastructures import Headers

from service.batching import Stage
from service.cores import Cores, one_thread
from service.course import Course, Timed, timed
from service.errors import Cause, Problem
from service.explaining import explained
from service.linker import Question
from service.metrics import Metrics
from service.reading import Compared, Reader, Sketch
from service.schemas import ExplanationOut, RegionOut, ResultOut
from service.segmenting import outlined
from service.serving import Serving
from service.settings import Settings
from wikiclip.segmenters import Segmenter

In = TypeVar("In")
Out = TypeVar("Out")


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
    """Requests are decoded on a few threads, encoded in batches by a few more, and searched for in batches by one.

    Attributes:
        serving: what answers. May be replaced at any time: a batch of searches takes it once, so no request mixes two.
    """

    def __init__(self, serving: Serving, segmenter: Segmenter, settings: Settings, metrics: Metrics) -> None:
        self.serving = serving
        self._segmenter = segmenter
        self._settings = settings
        self._metrics = metrics
        self._reader = Reader(settings, metrics)
        self._cores = Cores(settings.threads)
        self._inside = 0  # requests; counted here alone, since one that was decoded and then refused would be work lost
        self._stages: list[Stage[Any, Any]] = []
        self._decode: Stage[Callable[[], object], Timed[object]] = self._stage(
            "decode", _each(one_thread), workers=settings.decoders
        )
        self._segment: Stage[Sketch, Timed[list[RegionOut]]] = self._stage(
            "segment", _each(self._outlined), workers=settings.encoders
        )
        self._encode: Stage[Question, Timed[NDArray[np.float32]]] = self._stage(
            "encode", self._encode_together, workers=settings.encoders, max_weight=settings.batch
        )
        self._search: Stage[tuple[NDArray[np.float32], Question], Timed[tuple[list[ResultOut], Serving]]] = self._stage(
            "search", self._search_together, max_weight=settings.search_batch
        )
        self._explain: Stage[Compared, Timed[ExplanationOut]] = self._stage(
            "explain", _each(self._explained), workers=settings.encoders
        )

    def expect_room(self) -> None:
        """Raises Problem where a request would be refused anyway, so that its body need not be read."""
        if self._inside >= self._settings.queue:
            raise Problem(Cause.BUSY, "Try again in a moment.", headers={"Retry-After": "1"})

    async def link(self, body: bytes, headers: Headers) -> Linked:
        """Raises Problem for what the body asks, where too much is being done, and once the deadline is over.

        Cancelling it, as the deadline does, frees its place: what nobody waits for is not encoded.
        """
        async with self._admitted() as course:
            question = await self._read(course, body, lambda: self._reader.question(body, headers, self.serving.linker))
            weight = len(question.mentions)
            queries_BM = await course.through("encode", self._encode, question, weight=weight, mentions=weight)
            results, serving = await course.through(
                "search", self._search, (queries_BM, question), weight=weight, mentions=weight
            )
            return Linked(results, serving, course.timings())

    async def segment(self, body: bytes, headers: Headers) -> Segmented:
        """Raises and is cancelled as `link` is."""
        async with self._admitted() as course:
            sketch = await self._read(course, body, lambda: self._reader.sketch(body, headers))
            regions = await course.through("segment", self._segment, sketch)
            return Segmented(regions, self._segmenter.method, course.timings())

    async def explain(self, body: bytes, headers: Headers) -> Explained:
        """Raises and is cancelled as `link` is; UnknownEntity, too."""
        async with self._admitted() as course:
            compared = await self._read(course, body, lambda: self._reader.pair(body, headers, self.serving))
            return Explained(await course.through("explain", self._explain, compared), course.timings())

    def close(self) -> None:
        """Finishes what was accepted."""
        for stage in self._stages:
            stage.close()

    def _stage(
        self, name: str, work: Callable[[Sequence[In]], Sequence[Out]], *, workers: int = 1, max_weight: int = 1
    ) -> Stage[In, Out]:
        """A stage with a place for every request that may be inside; `close` comes to them in the order made."""
        stage = Stage(
            work,
            name=name,
            workers=workers,
            capacity=self._settings.queue,
            max_weight=max_weight,
            watch=self._metrics.of_stage(name),
        )
        self._metrics.watch_queue(name, stage)
        self._stages.append(stage)
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

    async def _read(self, course: Course, body: bytes, read: Callable[[], Out]) -> Out:
        return cast(Out, await course.through("decode", self._decode, read, bytes=len(body)))

    def _outlined(self, sketch: Sketch) -> list[RegionOut]:
        with self._cores.shared():
            return outlined(self._segmenter, sketch)

    def _explained(self, compared: Compared) -> ExplanationOut:
        with self._cores.shared():
            return explained(compared)

    def _encode_together(self, questions: Sequence[Question]) -> list[Timed[NDArray[np.float32]]]:
        def work() -> NDArray[np.float32]:
            with self._cores.shared():
                return self.serving.linker.encode(questions)

        encoded = timed(work)
        ends = np.cumsum([len(question.mentions) for question in questions])[:-1]
        return [Timed(part_BM, encoded.milliseconds) for part_BM in np.split(encoded.value, ends)]

    def _search_together(
        self, batch: Sequence[tuple[NDArray[np.float32], Question]]
    ) -> list[Timed[tuple[list[ResultOut], Serving]]]:
        serving = self.serving
        queries_BM = np.concatenate([each_BM for each_BM, _ in batch])
        found = timed(lambda: serving.results(queries_BM, [question for _, question in batch]))
        return [Timed((results, serving), found.milliseconds) for results in found.value]


def _each(work: Callable[[In], Out]) -> Callable[[Sequence[In]], list[Timed[Out]]]:
    """One after the other."""
    return lambda batch: [timed(partial(work, item)) for item in batch]
