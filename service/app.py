"""The web application."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from service import errors, openapi
from service.routes import router
from service.runtime import Runtime
from service.settings import Settings
from wikiclip.errors import WikiClipError

logger = logging.getLogger(__name__)


def create_app(settings: Settings | None = None, *, announce: Callable[[Runtime], None] | None = None) -> FastAPI:
    """Makes the application. It answers `/healthz` at once, and loads model and index beside that.

    Args:
        settings: read from the environment if absent.
        announce: called once loading has ended, well or badly.
    """
    runtime = Runtime(settings or Settings())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(_load(runtime, announce))
        yield
        await loading
        await asyncio.to_thread(runtime.close)

    app = FastAPI(
        title="WikiCLIP Service",
        summary="Open-domain visual entity linking",
        version=version("wikiclip-service"),
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.runtime = runtime
    app.include_router(router)
    errors.install(app)
    app.openapi = openapi.document(app, runtime)  # type: ignore[method-assign]
    return app


async def _load(runtime: Runtime, announce: Callable[[Runtime], None] | None) -> None:
    try:
        await asyncio.to_thread(runtime.load)
    except WikiClipError as error:
        logger.error("%s", error)
    finally:
        if announce is not None:
            announce(runtime)
