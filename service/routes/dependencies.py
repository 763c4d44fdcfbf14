"""What routes ask FastAPI for. Coroutines, since it would take a plain function to another thread."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request

from service.engine.answering import Answering, Answers
from service.errors import Cause, Problem, index_damaged


async def runtime_of(request: Request) -> Answering:
    """What lives as long as the server."""
    runtime: Answering = request.app.state.runtime
    return runtime


async def serving_of(runtime: Annotated[Answering, Depends(runtime_of)]) -> Answers:
    """What answers now. Raises Problem where nothing is loaded, or the index must not be read."""
    serving = runtime.serving
    if serving.is_damaged:
        raise index_damaged()
    return serving


async def disconnected(request: Request) -> None:
    """Returns once the caller is gone. The body has been read, or none is wanted."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


@asynccontextmanager
async def awaited(request: Request) -> AsyncIterator[Callable[[], None]]:
    """Yields what raises Problem once the caller is gone: what nobody waits for is not kept."""
    gone = asyncio.create_task(disconnected(request))

    def expect_awaited() -> None:
        if gone.done():
            raise Problem(Cause.CONNECTION_CLOSED, "The answer was not awaited, and nothing is kept.")

    try:
        yield expect_awaited
    finally:
        gone.cancel()
