"""An engine: model and index, which encode and search in batches of what all fronts bring."""

import asyncio
import gc
import logging
import os
from collections.abc import Coroutine
from functools import partial
from typing import Any

import msgspec
import uvloop
from pydantic import TypeAdapter

from indexer import errors
from indexer.linker import LinkQuery, Ranked
from indexer.records.records import Nearest
from service.engine.linked import Linked
from service.engine.regularly import every
from service.engine.reordering import as_found
from service.engine.runtime import Runtime, in_own_thread
from service.engine.serving import UNOPENED, Serving
from service.errors import Cause, Problem, index_damaged, index_unreachable
from service.processes import messages
from service.processes.child import Control, settle
from service.processes.memory import Board
from service.processes.messages import Ranking, Refusal, encode, read_asked
from service.processes.packing import unpacked
from service.processes.seats import EngineSeat
from service.processes.wire import ROUTER, Wire
from service.schemas import RegionOut
from service.telemetry import tracing
from service.telemetry.metrics import Metrics
from wikiclip.base.errors import WikiClipError

LEAVE_S = 1.0  # for workers, once nobody waits for an answer any more
WATCH_S = 0.1  # between looks at whether the engine is still well
REGIONS = TypeAdapter(list[RegionOut])

logger = logging.getLogger(__name__)


def run(seat: EngineSeat) -> None:
    """The process of an engine, until the supervisor says that it shall leave."""
    settle(seat, "wikiclip-engine")
    if seat.gpu is not None:
        # Before CUDA is asked for the first time. Numbers count those that the service was given.
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        os.environ["CUDA_VISIBLE_DEVICES"] = str(seat.gpu) if visible is None else visible.split(",")[seat.gpu]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Engine(seat).serve())
    tracing.send_rest()


class Engine:
    """See the head of the file."""

    def __init__(self, seat: EngineSeat) -> None:
        self._seat = seat
        self._metrics = Metrics()
        self._runtime = Runtime(
            seat.settings,
            self._metrics,
            show=as_found,
            # On a GPU it takes nobody's core.
            decoded_elsewhere=(lambda: seat.board.total(Board.DECODING)) if seat.gpu is None else lambda: 0,
            version=seat.version,
        )
        self._tasks: dict[tuple[bytes, int], asyncio.Task[None]] = {}
        self._prepared: Serving | None = None
        self._passing = False  # whether what could not be prepared may be had at the next look
        self._orders: asyncio.Queue[Any] = asyncio.Queue()

    async def serve(self) -> None:
        """Loads, answers, and returns when it was told to."""
        self._control = Control(self._seat, self._metrics, self._orders.put_nowait, how=self._how)
        beats = [asyncio.create_task(self._control.beat_on()), asyncio.create_task(self._watch())]
        try:
            await self._until_told_to_stop(in_own_thread(self._runtime.load))
        except WikiClipError as error:
            self._control.tell(messages.NotLoaded(str(error), isinstance(error, errors.IndexUnreachable)))
            await self._until_told_to_stop(asyncio.Event().wait())
        gc.collect()
        gc.freeze()  # model and index stay: a collection need not look at them again
        self._wire = Wire(ROUTER, self._received)
        self._wire.bind(self._seat.folder / self._seat.name)
        self._control.tell(messages.Loaded(self._facts()))
        probe = self._runtime.probe
        assert probe is not None
        pulls_s = self._seat.settings.pull_s if self._runtime.puller else 0
        looks = [
            *beats,
            asyncio.create_task(every(self._seat.settings.probe_s, probe.look)),
            # One of the engines does it, and for all.
            asyncio.create_task(every(pulls_s, partial(in_own_thread, self._runtime.pull))),
        ]
        while not isinstance(order := await self._orders.get(), messages.Stop):
            await self._follow(order)
        for look in looks:
            look.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=LEAVE_S)
        await asyncio.to_thread(self._runtime.close, seconds=LEAVE_S)

    async def _until_told_to_stop(self, work: Coroutine[Any, Any, Any]) -> None:
        """Ends the process where it is told to stop before the work is done. Raises what the work raises."""
        working = asyncio.ensure_future(work)
        while True:
            order = asyncio.ensure_future(self._orders.get())
            await asyncio.wait({working, order}, return_when=asyncio.FIRST_COMPLETED)
            if not order.done():
                order.cancel()
                working.result()
                return
            if isinstance(order.result(), messages.Stop):
                os._exit(0)  # nothing interrupts a library that loads, and nothing is lost with it
            await self._follow(order.result())

    async def _watch(self) -> None:
        """Tells the supervisor at once where the engine falls ill or is well again."""
        told = None
        while True:
            await asyncio.sleep(WATCH_S)
            how = self._how()
            if (now := (how.problem, how.doing)) != told:
                told = now
                self._control.beat()

    def _how(self) -> messages.How:
        if not self._runtime.is_ready:
            return messages.How(Cause.NOT_READY.code, self._runtime.doing)
        problem = self._runtime.why_not_ready()
        return messages.How(None if problem is None else problem.cause.code, busy_s=self._runtime.pipeline.busy_s)

    def _facts(self) -> messages.Facts:
        serving = self._runtime.serving
        model, index = serving.linker.model, serving.linker.index
        sample = index.nearest(serving.example_1M, len(serving.sample)) if serving.sample else []
        (nearest,) = sample or [Nearest([], [])]
        return messages.Facts(
            version=serving.version,
            about=self._runtime.readiness().model_dump_json(),
            preset=msgspec.json.encode(model.preset.to_json()).decode(),
            view_size=model.vision.image_size,
            sample=Ranking(nearest.numbers, nearest.scores, None),
        )

    async def _follow(self, order: Any) -> None:
        if isinstance(order, messages.Count):
            self._control.beat()
        elif isinstance(order, messages.Abandon):
            self._prepared = None
        elif isinstance(order, messages.Prepare):
            why = await self._prepare(order.version)
            self._control.tell(messages.Prepared(order.version, why, self._passing))
        elif isinstance(order, messages.Commit):
            if self._prepared is None or self._prepared.version != order.version:
                why = await self._prepare(order.version)
                if why is not None:
                    logger.error(
                        "The index version %s, which the others answer by, is not opened: %s", order.version, why
                    )
                    raise SystemExit(1)  # another try is the supervisor's
            assert self._prepared is not None
            self._runtime.swap(self._prepared)
            self._prepared = None
            self._control.tell(messages.Loaded(self._facts()))
            self._control.beat()

    async def _prepare(self, version: str) -> str | None:
        """Opens a version; returns why it cannot be had."""
        serving, self._passing = self._runtime.serving, False
        try:
            self._prepared = await asyncio.to_thread(serving.with_version, version, self._seat.settings)
        except WikiClipError as error:
            self._passing = isinstance(error, errors.IndexUnreachable)
            return str(error)
        except UNOPENED as error:
            return f"It cannot be opened: {error or type(error).__name__}."
        return None

    def _received(self, frames: list[bytes]) -> None:
        front, head, *rest = frames
        asked: messages.ToEngine = read_asked(head)
        key = front, asked.number
        if isinstance(asked, messages.Cancel):
            if (task := self._tasks.get(key)) is not None:
                task.cancel()
            return
        task = asyncio.get_running_loop().create_task(self._answer(front, asked, rest[0] if rest else b""))
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))

    async def _answer(self, front: bytes, asked: messages.Asked, held: bytes) -> None:
        try:
            answer = await self._do(asked, held)
        except Problem as problem:
            answer = [messages.Refused(asked.number, Refusal.of(problem))]
        except errors.UnknownEntity as error:
            answer = [messages.UnknownEntity(asked.number, str(error))]
        except errors.IndexUnreachable:
            answer = [messages.Refused(asked.number, Refusal.of(index_unreachable()))]
        except errors.CorruptIndex as error:
            logger.error("%s", error)
            answer = [messages.Refused(asked.number, Refusal.of(index_damaged()))]
        except Exception as error:
            logger.exception("a request failed")
            answer = [messages.Failed(asked.number, type(error).__name__)]
        self._wire.send([front, encode(answer[0]), *answer[1:]])

    async def _do(self, asked: messages.Asked, held: bytes) -> list[Any]:
        """The frames of the answer. Raises what the pipeline raises."""
        pipeline = self._runtime.pipeline
        if isinstance(asked, messages.Link):
            lies = memoryview(bytearray(held)) if asked.start is None else self._memory(asked.front, asked.start)
            query = LinkQuery(unpacked(asked.contents, lies), asked.top_k, asked.min_score, asked.tags)
            with tracing.within(asked.trace):
                return [_found(asked.number, await pipeline.link_prepared(query, until=asked.until))]
        if isinstance(asked, messages.Segment):
            with tracing.within(asked.trace):
                outlined = await pipeline.segment(
                    lambda reader: reader.segment(held, point=asked.point, box=asked.box), size=len(held)
                )
            answer = messages.Outlined(asked.number, outlined.method, _stages(outlined.timings))
            return [answer, REGIONS.dump_json(outlined.regions)]
        if isinstance(asked, messages.Explain):
            with tracing.within(asked.trace):
                explained = await pipeline.explain(
                    lambda reader: reader.explain(held, asked.region, asked.entity_id), size=len(held)
                )
            told = messages.Explained(asked.number, _stages(explained.timings))
            return [told, explained.explanation.model_dump_json().encode()]
        serving = self._runtime.serving
        found = await asyncio.to_thread(serving.linker.index.nearest_to, asked.entity_id, asked.k)
        ranking = Ranking(found.numbers, found.scores, None)
        return [messages.Found(asked.number, serving.version, [ranking], False, {})]

    def _memory(self, front: int, start: int) -> memoryview:
        return self._seat.memories[front].bytes[start:]


def _found(number: int, linked: Linked) -> messages.Found:
    each: list[Ranked] = linked.results
    rankings = [Ranking(one.nearest.numbers, one.nearest.scores, one.confidence) for one in each]
    return messages.Found(number, linked.version, rankings, linked.reranked, _stages(linked.timings))


def _stages(timings: dict[str, float]) -> dict[str, float]:
    """Without what the front sees more of."""
    return {name: took for name, took in timings.items() if name not in ("wait", "total")}
