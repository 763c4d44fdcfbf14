"""What routes ask FastAPI for."""

from typing import Annotated

from fastapi import Depends, Request

from service.runtime import Runtime
from service.serving import Serving


def runtime_of(request: Request) -> Runtime:
    """What lives as long as the server."""
    runtime = request.app.state.runtime
    assert isinstance(runtime, Runtime)
    return runtime


def serving_of(runtime: Annotated[Runtime, Depends(runtime_of)]) -> Serving:
    """What answers now. Raises Problem where nothing is loaded."""
    return runtime.serving
