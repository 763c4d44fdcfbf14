"""The web application: routes behind middleware, around a runtime that loads beside them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version

from fastapi import FastAPI

from service.changes.keeper import Keeper, takes_changes
from service.engine.answering import Answering
from service.engine.runtime import Runtime
from service.http import problems
from service.http.access import Access
from service.http.answer_headers import AnswerHeaders
from service.http.bodies import Bodies
from service.http.head import HeadAsGet
from service.http.key_ring import KeyRing
from service.http.origin import OwnOrigin
from service.http.rates import Counted, read_rate
from service.http.request_log import RequestLog
from service.routes import changes, entities, feedback, jobs, linking, openapi, operations, pages, scenes, tags
from service.routes.together import Together
from service.settings import Settings
from service.tally import OwnTally, Tally
from service.telemetry.metrics import Metrics

LEAVE_S = 1.0  # for workers, once nobody waits for an answer any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an application is put together from, which is other where several processes answer as one service.

    Attributes:
        runtime: answers.
        metrics: of this process.
        text: gives the metrics of the whole service, in Prometheus's text format.
        rate, region_rate: count what callers take; None allows any.
        held, opened: count the bytes of bodies that are held, and connections.
        keeper: sees to it that changes are applied; None where another process does.
    """

    runtime: Answering
    metrics: Metrics
    text: Callable[[], Awaitable[bytes]]
    rate: Counted | None
    region_rate: Counted | None
    held: Tally
    opened: Tally
    keeper: Keeper | None = None


def alone(settings: Settings) -> Parts:
    """The parts of a service that is one process. Raises WikiClipError where a rate is none."""
    metrics = Metrics()
    return Parts(
        runtime=Runtime(settings, metrics),
        metrics=metrics,
        text=Together(metrics.text).done,
        rate=read_rate(settings.rate, setting="WIKICLIP_RATE", counted="requests"),
        region_rate=read_rate(settings.region_rate, setting="WIKICLIP_REGION_RATE", counted="regions"),
        held=OwnTally(),
        opened=OwnTally(),
        keeper=Keeper(settings) if takes_changes(settings) else None,
    )


def create_app(
    settings: Settings | None = None,
    *,
    announce: Callable[[], None] | None = None,
    parts: Parts | None = None,
) -> FastAPI:
    """Makes the application. It answers `/healthz` at once, and loads model and index beside that.

    Args:
        settings: read from the environment if absent.
        announce: called once loading has ended, well or badly.
        parts: those of a process that is alone if absent.

    Raises:
        WikiClipError: the keys cannot be read, a rate is none, or there is no such place to pull from.
    """
    settings = settings or Settings()
    parts = parts or alone(settings)
    runtime, metrics = parts.runtime, parts.metrics

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        keeping = [asyncio.create_task(runtime.keep(announce))]
        if parts.keeper is not None:
            keeping.append(asyncio.create_task(parts.keeper.keep()))
        await runtime.begun()
        yield
        for task in keeping:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.to_thread(runtime.close, seconds=LEAVE_S)

    app = FastAPI(
        title="WikiCLIP Service",
        summary="Open-domain visual entity linking",
        version=version("wikiclip-service"),
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.runtime = runtime
    app.state.bodies = Bodies(
        max_bytes=settings.max_body_bytes,
        max_held_bytes=settings.max_held_bytes,
        seconds=settings.body_s,
        metrics=metrics,
        held=parts.held,
    )
    app.state.metrics = parts.text
    app.state.changes = changes.Receiver(settings)
    app.state.feedback = feedback.Listener(settings)
    # What is asked most comes first: a request is held against one path after the other.
    for part in (linking, operations, entities, tags, changes, jobs, feedback, scenes, openapi, pages):
        app.include_router(part.router)
    problems.install(app)
    open_paths = frozenset((*operations.OPEN, *pages.OPEN))
    app.state.keys = keys = None if settings.keys is None else KeyRing(settings.keys)
    if keys is not None:
        metrics.watch_keys(keys)
    app.state.region_rate = parts.region_rate
    # The last one added sees a request first.
    app.add_middleware(HeadAsGet)
    app.add_middleware(Access, open_paths=open_paths, keys=keys, rate=parts.rate)
    app.add_middleware(OwnOrigin, hosts=settings.hosts, origins=settings.origins)
    app.add_middleware(RequestLog, metrics=metrics)
    app.add_middleware(AnswerHeaders)
    app.state.document = document = openapi.Document(app, runtime, open_paths)
    app.openapi = document.make  # type: ignore[method-assign]
    return app
