"""What lives as long as the server: the linker, and the stages that a request goes through."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from starlette.datastructures import Headers

from indexer.search import Candidate
from service import bodies, examples
from service.answers import Answers
from service.batching import Full, Stage
from service.errors import Cause, Problem, from_input_error
from service.linker import Answer, Linker, Question, open_linker
from service.settings import Settings
from wikiclip.errors import WikiClipError
from wikiclip.images import ImageError
from wikiclip.masks import RegionError

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class _Decoded:
    question: Question
    decode_ms: float


@dataclass(frozen=True, slots=True)
class Linked:
    """An answer and what it took; `wait_ms` is what was spent in queues."""

    answer: Answer
    decode_ms: float
    wait_ms: float
    total_ms: float


class Loaded:
    """A linker with its stages. Requests are decoded on a few threads; one thread encodes and searches for all."""

    def __init__(self, linker: Linker, settings: Settings) -> None:
        self.linker = linker
        self.answers = Answers(linker.index)
        self._max_regions = settings.max_regions
        # A server that has never found anything is not ready, so one search goes first; examples use what it found.
        first = linker.answer([linker.prepare(examples.picture(), [None], top_k=20)])
        self.sample: list[Candidate] = first[0].results[0]
        self._decode: Stage[tuple[bytes, Headers], _Decoded] = Stage(
            self._decode_each, name="decode", workers=settings.decoders, capacity=settings.queue
        )
        self._answer: Stage[Question, Answer] = Stage(
            linker.answer, name="answer", capacity=settings.queue, max_weight=settings.batch
        )

    async def link(self, body: bytes, headers: Headers) -> Linked:
        """Raises Problem for what the body asks, and where too much waits. Cancelling frees the places it holds."""
        start = time.perf_counter()
        decoded = await _result(self._decode, (body, headers), weight=1)
        question = decoded.question
        answer = await _result(self._answer, question, weight=len(question.mentions))
        total_ms = (time.perf_counter() - start) * 1000
        worked_ms = decoded.decode_ms + answer.encode_ms + answer.search_ms
        return Linked(answer, decoded.decode_ms, max(0.0, total_ms - worked_ms), total_ms)

    def close(self) -> None:
        """Finishes what was accepted."""
        self._decode.close()
        self._answer.close()

    def _decode_each(self, batch: Sequence[tuple[bytes, Headers]]) -> list[_Decoded]:
        return [self._decode_one(body, headers) for body, headers in batch]

    def _decode_one(self, body: bytes, headers: Headers) -> _Decoded:
        start = time.perf_counter()
        asked = bodies.parse(body, headers, max_regions=self._max_regions)
        options = asked.options
        try:
            question = self.linker.prepare(asked.image, options.asked, top_k=options.top_k, min_score=options.min_score)
        except (ImageError, RegionError) as error:
            raise from_input_error(error) from None
        return _Decoded(question, (time.perf_counter() - start) * 1000)


async def _result(stage: Stage[In, Out], item: In, *, weight: int) -> Out:
    try:
        future = stage.submit(item, weight=weight)
    except Full:
        raise Problem(Cause.BUSY, "Try again in a moment.", headers={"Retry-After": "1"}) from None
    return await asyncio.wrap_future(future)


class Runtime:
    """Loads model and index, once, while the server already answers `/healthz`.

    Attributes:
        failure: why loading failed, once it did.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.failure: WikiClipError | None = None
        self._loaded: Loaded | None = None

    @property
    def is_ready(self) -> bool:
        return self._loaded is not None

    @property
    def loaded(self) -> Loaded:
        """Raises Problem where model and index are not loaded."""
        if self._loaded is not None:
            return self._loaded
        if self.failure is not None:
            raise Problem(Cause.NOT_READY, "Model or index could not be loaded; the server's log says why.")
        raise Problem(Cause.NOT_READY, "Model and index are being loaded.", headers={"Retry-After": "2"})

    def load(self) -> None:
        """Takes seconds. Raises WikiClipError, and keeps it as `failure`."""
        settings = self.settings
        torch.set_num_threads(settings.threads)
        try:
            linker = open_linker(settings)
        except WikiClipError as error:
            self.failure = error
            raise
        self._loaded = Loaded(linker, settings)

    def close(self) -> None:
        if self._loaded is not None:
            self._loaded.close()
