"""What routes ask FastAPI for. Coroutines, since it would take a plain function to another thread."""

from typing import Annotated

from fastapi import Depends, Request

from service.engine.runtime import Runtime
from service.engine.serving import Serving
from service.errors import index_damaged


async def runtime_of(request: Request) -> Runtime:
    """What lives as long as the server."""
    runtime = request.app.state.runtime
    assert isinstance(runtime, Runtime)
    return runtime


async def serving_of(runtime: Annotated[Runtime, Depends(runtime_of)]) -> Serving:
    """What answers now. Raises Problem where nothing is loaded, or the index must not be read."""
    serving = runtime.serving
    if serving.is_damaged:
        raise index_damaged()
    return serving
