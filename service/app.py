"""The web application: routes behind middleware, around a runtime that loads beside them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI

from service.engine.runtime import Runtime
from service.http import problems
from service.http.access import Access
from service.http.answer_headers import AnswerHeaders
from service.http.bodies import Bodies
from service.http.head import HeadAsGet
from service.http.key_ring import KeyRing
from service.http.origin import OwnOrigin
from service.http.rates import read_rate
from service.http.request_log import RequestLog
from service.routes import entities, linking, openapi, operations, pages, scenes
from service.routes.together import Together
from service.settings import Settings
from service.telemetry.metrics import Metrics
from wikiclip.base.errors import WikiClipError

LEAVE_S = 1.0  # for workers, once nobody waits for an answer any more

logger = logging.getLogger(__name__)


def create_app(settings: Settings | None = None, *, announce: Callable[[Runtime], None] | None = None) -> FastAPI:
    """Makes the application. It answers `/healthz` at once, and loads model and index beside that.

    Args:
        settings: read from the environment if absent.
        announce: called once loading has ended, well or badly.

    Raises:
        WikiClipError: the keys cannot be read, a rate is none, or there is no such place to pull from.
    """
    settings = settings or Settings()
    metrics = Metrics()
    runtime = Runtime(settings, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        keeping = asyncio.create_task(_keep(runtime, announce))
        yield
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
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
    )
    app.state.metrics = Together(metrics.text)
    # What is asked most comes first: a request is held against one path after the other.
    for part in (linking, operations, entities, scenes, openapi, pages):
        app.include_router(part.router)
    problems.install(app)
    open_paths = frozenset((*operations.OPEN, *pages.OPEN))
    app.state.keys = keys = None if settings.keys is None else KeyRing(settings.keys)
    if keys is not None:
        metrics.watch_keys(keys)
    app.state.region_rate = read_rate(settings.region_rate, setting="WIKICLIP_REGION_RATE", counted="regions")
    # The last one added sees a request first.
    app.add_middleware(HeadAsGet)
    rate = read_rate(settings.rate, setting="WIKICLIP_RATE", counted="requests")
    app.add_middleware(Access, open_paths=open_paths, keys=keys, rate=rate)
    app.add_middleware(OwnOrigin, hosts=settings.hosts, origins=settings.origins)
    app.add_middleware(RequestLog, metrics=metrics)
    app.add_middleware(AnswerHeaders)
    app.state.document = document = openapi.Document(app, runtime, open_paths)
    app.openapi = document.make  # type: ignore[method-assign]
    return app


async def _keep(runtime: Runtime, announce: Callable[[Runtime], None] | None) -> None:
    """Loads, then follows the published index and tries the one that answers, for as long as the server runs."""
    await _load(runtime, announce)
    if runtime.probe is not None:
        await asyncio.gather(
            _every(runtime.settings.follow_s, partial(asyncio.to_thread, runtime.follower.look)),
            _every(runtime.settings.probe_s, runtime.probe.look),
            _every(runtime.settings.pull_s if runtime.puller else 0, partial(_in_own_thread, runtime.pull)),
        )


async def _every(seconds: float, look: Callable[[], Awaitable[object]]) -> None:
    """Looks again and again; not at all where the seconds are 0."""
    while seconds:
        await asyncio.sleep(seconds)
        try:
            await look()
        except Exception:  # that nobody foresaw: the next look may do
            logger.exception("A regular look failed.")


async def _load(runtime: Runtime, announce: Callable[[Runtime], None] | None) -> None:
    try:
        await _in_own_thread(runtime.load)
    except WikiClipError as error:
        logger.error("%s", error)
    finally:
        if announce is not None:
            announce(runtime)


async def _in_own_thread(work: Callable[[], None]) -> None:
    """In a thread that ends with it, and with it the threads of OpenMP that helped: `cores.one_thread` says why."""
    pool = ThreadPoolExecutor(1, "load")
    try:
        await asyncio.get_running_loop().run_in_executor(pool, work)
    finally:
        pool.shutdown(wait=False)
