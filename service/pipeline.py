"""The way of a request: decode, encode, search. Each is a stage of its own, behind a short queue.

Axes: B mention, M width of mention vectors.
"""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from starlette.datastructures import Headers

from service import bodies
from service.batching import Full, Stage
from service.decoded import DecodedPictures
from service.errors import Cause, Problem, from_input_error
from service.linker import Question
from service.metrics import Metrics
from service.schemas import ResultOut
from service.serving import Serving
from service.settings import Settings
from service.tracing import span
from wikiclip.images import ImageError, read_picture
from wikiclip.masks import RegionError

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class _Decoded:
    question: Question
    milliseconds: float


@dataclass(frozen=True, slots=True)
class _Encoded:
    queries_BM: NDArray[np.float32]
    milliseconds: float


@dataclass(frozen=True, slots=True)
class _Found:
    results: list[ResultOut]
    serving: Serving
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Linked:
    """The results for each mention of a request, all of one index version, and what they took.

    What was done for several requests at once counts in full for each; `wait_ms` is what was spent in queues.
    """

    results: list[ResultOut]
    serving: Serving
    decode_ms: float
    encode_ms: float
    search_ms: float
    wait_ms: float
    total_ms: float


class Pipeline:
    """Requests are decoded on a few threads, encoded in batches by a few more, and searched for in batches by one.

    Attributes:
        serving: what answers. May be replaced at any time: a batch of searches takes it once, so no request mixes two.
    """

    def __init__(self, serving: Serving, settings: Settings, metrics: Metrics) -> None:
        self.serving = serving
        self._settings = settings
        self._metrics = metrics
        # Not the linker's own method, which would keep the first index for as long as the service runs.
        read = partial(read_picture, limits=serving.linker.limits)
        self._pictures = DecodedPictures(read, most_bytes=settings.picture_cache_bytes)
        self._cores = Cores(settings.threads)
        self._inside = 0  # requests; counted here alone, since one that was decoded and then refused would be work lost
        self._decode: Stage[tuple[bytes, Headers], _Decoded] = Stage(
            self._decode_each,
            name="decode",
            workers=settings.decoders,
            capacity=settings.queue,
            watch=metrics.of_stage("decode"),
        )
        self._encode: Stage[Question, _Encoded] = Stage(
            self._encode_together,
            name="encode",
            workers=settings.encoders,
            capacity=settings.queue,
            max_weight=settings.batch,
            watch=metrics.of_stage("encode"),
        )
        self._search: Stage[tuple[_Encoded, Question], _Found] = Stage(
            self._search_together,
            name="search",
            capacity=settings.queue,
            max_weight=settings.search_batch,
            watch=metrics.of_stage("search"),
        )
        for name, stage in (("decode", self._decode), ("encode", self._encode), ("search", self._search)):
            metrics.watch_queue(name, stage)

    def expect_room(self) -> None:
        """Raises Problem where a request would be refused anyway, so that its body need not be read."""
        if self._inside >= self._settings.queue:
            raise Problem(Cause.BUSY, "Try again in a moment.", headers={"Retry-After": "1"})

    async def link(self, body: bytes, headers: Headers) -> Linked:
        """Raises Problem for what the body asks, where too much is being done, and once the deadline is over.

        Cancelling it, as the deadline does, frees its place: what nobody waits for is not encoded.
        """
        self.expect_room()
        self._inside += 1
        try:
            return await self._link(body, headers)
        finally:
            self._inside -= 1

    async def _link(self, body: bytes, headers: Headers) -> Linked:
        start = time.perf_counter()
        try:
            async with asyncio.timeout(self._settings.deadline_s):
                with span("decode", bytes=len(body)):
                    decoded = await _result(self._decode, (body, headers))
                weight = len(decoded.question.mentions)
                with span("encode", mentions=weight):
                    encoded = await _result(self._encode, decoded.question, weight=weight)
                with span("search", mentions=weight):
                    found = await _result(self._search, (encoded, decoded.question), weight=weight)
        except TimeoutError:
            raise Problem(
                Cause.DEADLINE, f"It had not been linked after {self._settings.deadline_s:g} s; try again later."
            ) from None
        total_ms = 1000 * (time.perf_counter() - start)
        worked_ms = decoded.milliseconds + encoded.milliseconds + found.milliseconds
        return Linked(
            results=found.results,
            serving=found.serving,
            decode_ms=decoded.milliseconds,
            encode_ms=encoded.milliseconds,
            search_ms=found.milliseconds,
            wait_ms=max(0.0, total_ms - worked_ms),
            total_ms=total_ms,
        )

    def close(self) -> None:
        """Finishes what was accepted."""
        for stage in (self._decode, self._encode, self._search):
            stage.close()

    def _decode_each(self, batch: Sequence[tuple[bytes, Headers]]) -> list[_Decoded]:
        return [self._decode_one(body, headers) for body, headers in batch]

    def _decode_one(self, body: bytes, headers: Headers) -> _Decoded:
        start = time.perf_counter()
        asked = bodies.parse(body, headers, max_regions=self._settings.max_regions)
        options = asked.options
        try:
            picture, from_cache = self._pictures.read(asked.image)
            self._metrics.pictures(from_cache=from_cache)
            question = self.serving.linker.ask(picture, options.asked, top_k=options.top_k, min_score=options.min_score)
        except (ImageError, RegionError) as error:
            raise from_input_error(error) from None
        return _Decoded(question, _since(start))

    def _encode_together(self, questions: Sequence[Question]) -> list[_Encoded]:
        start = time.perf_counter()
        with self._cores.shared():
            queries_BM = self.serving.linker.encode(questions)
        milliseconds = _since(start)
        ends = np.cumsum([len(question.mentions) for question in questions])[:-1]
        return [_Encoded(part_BM, milliseconds) for part_BM in np.split(queries_BM, ends)]

    def _search_together(self, batch: Sequence[tuple[_Encoded, Question]]) -> list[_Found]:
        start, serving = time.perf_counter(), self.serving
        queries_BM = np.concatenate([encoded.queries_BM for encoded, _ in batch])
        results = serving.results(queries_BM, [question for _, question in batch])
        milliseconds = _since(start)
        return [_Found(each, serving, milliseconds) for each in results]


class Cores:
    """Divides cores among encoders at work: a lone batch gets them all, and several get a share each.

    More threads than cores would wait for one another at every layer's end.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._at_work = 0
        self._lock = threading.Lock()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Bounds torch's threads on the calling thread."""
        with self._lock:
            self._at_work += 1
            share = max(1, self._count // self._at_work)
        try:
            torch.set_num_threads(share)
            yield
        finally:
            with self._lock:
                self._at_work -= 1


async def _result(stage: Stage[In, Out], item: In, *, weight: int = 1) -> Out:
    try:
        future = stage.submit(item, weight=weight)
    except Full:  # only while the service stops: no more requests are inside than a queue has places
        raise Problem(Cause.BUSY, "The service stops.", headers={"Retry-After": "1"}) from None
    return await asyncio.wrap_future(future)


def _since(start: float) -> float:
    """Milliseconds."""
    return 1000 * (time.perf_counter() - start)
