"""The paths by which the service is looked after: whether it lives and is ready, its metrics, another index."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from service.engine.answering import Answering
from service.errors import Cause
from service.http.access import key_of
from service.http.key_ring import KeyRing, Role
from service.routes.dependencies import runtime_of
from service.routes.openapi import documented
from service.schemas import Health, Readiness, Reloaded
from service.telemetry.metrics import CONTENT_TYPE

router = APIRouter()
OPEN = ("/healthz", "/readyz")  # they say nothing that is secret, and no balancer has a key


@router.get("/healthz", responses=documented(), summary="Is the process alive?")
async def healthz() -> Health:
    """Says nothing about model and index: see `/readyz`."""
    return Health(status="alive")


@router.get(
    "/readyz",
    responses=documented(Cause.NOT_READY, Cause.INDEX_DAMAGED, Cause.INDEX_UNREACHABLE, Cause.SEARCH_FAILED),
    summary="Can it link?",
)
async def readyz(request: Request, runtime: Annotated[Answering, Depends(runtime_of)]) -> Readiness:
    """Model and index are loaded, the index's files are whole, and a search, tried every few seconds, finds what it
    should. An admin's key is told of the keys, too."""
    if (problem := runtime.why_not_ready()) is not None:
        raise problem
    keys: KeyRing | None = request.app.state.keys
    asks = key_of(request.headers, keys)
    fault = keys.fault if keys is not None and asks is not None and asks.role is Role.ADMIN else None
    return runtime.readiness().model_copy(update={"keys": fault})


@router.post(
    "/admin/reload",
    responses=documented(Cause.FORBIDDEN, Cause.FOREIGN_ORIGIN, Cause.NOT_READY),
    summary="Look for a newly published index now",
)
async def reload(runtime: Annotated[Answering, Depends(runtime_of)]) -> Reloaded:
    """Tries the version that is current, also one that was refused before. The service follows it by itself, too."""
    return await runtime.reload()


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {CONTENT_TYPE: {}}}, **documented(Cause.FORBIDDEN)},
    summary="Prometheus metrics",
)
async def metrics(request: Request) -> Response:
    """Time, queue and batches of each stage; pictures decoded lately; requests; the index version that answers."""
    text: Callable[[], Awaitable[bytes]] = request.app.state.metrics
    return Response(await text(), media_type=CONTENT_TYPE)
