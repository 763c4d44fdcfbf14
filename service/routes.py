"""The paths that link, segment and explain, and those that look after the service."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from starlette.datastructures import Headers

from service import bodies
from service.dependencies import runtime_of
from service.door import end_entry
from service.errors import Cause, Problem, documented
from service.metrics import CONTENT_TYPE
from service.openapi import EXPLAIN_BODY, EXPLAIN_CAUSES, LINK_BODY, LINK_CAUSES, SEGMENT_BODY, SEGMENT_CAUSES
from service.runtime import Runtime
from service.schemas import (
    ExplainResponse,
    ExplainTimings,
    Health,
    LinkResponse,
    Readiness,
    RefusedOut,
    RefusedWhyOut,
    Reloaded,
    SegmentResponse,
    SegmentTimings,
    Timings,
)
from service.tracing import note

router = APIRouter()

T = TypeVar("T")


@router.post(
    "/link",
    response_model=LinkResponse,
    responses=documented(*LINK_CAUSES),
    openapi_extra={"requestBody": LINK_BODY},
    summary="Which entities does this region of the picture show?",
)
async def link(request: Request, runtime: Annotated[Runtime, Depends(runtime_of)]) -> Response:
    """Sends a picture with any number of its regions, and gets the nearest entities for each.

    Nothing is fetched from a URL, and nothing of the request is kept. Sizes, boxes and masks refer to the upright
    picture: its EXIF orientation is applied first. Where no region is given and the picture is partly transparent, what
    is transparent is left out.
    """
    linked = await _answered(request, runtime, runtime.pipeline.link)
    response = LinkResponse(
        results=linked.results,
        model=linked.serving.linker.model.name,
        index_version=linked.serving.version,
        timings_ms=Timings(**linked.timings),
    )
    return _written(response)


@router.post(
    "/segment",
    response_model=SegmentResponse,
    responses=documented(*SEGMENT_CAUSES),
    openapi_extra={"requestBody": SEGMENT_BODY},
    summary="What is the outline of the thing at this place?",
)
async def segment(request: Request, runtime: Annotated[Runtime, Depends(runtime_of)]) -> Response:
    """Sends a picture with a point on a thing or a box around it, and gets its mask, which `/link` takes as a region.

    Without both it proposes masks of what stands out. Limits, picture and errors are those of `/link`.
    """
    segmented = await _answered(request, runtime, runtime.pipeline.segment)
    response = SegmentResponse(
        regions=segmented.regions, method=segmented.method, timings_ms=SegmentTimings(**segmented.timings)
    )
    return _written(response)


@router.post(
    "/explain",
    response_model=ExplainResponse,
    responses=documented(*EXPLAIN_CAUSES),
    openapi_extra={"requestBody": EXPLAIN_BODY},
    summary="Why may this region show that entity?",
)
async def explain(request: Request, runtime: Annotated[Runtime, Depends(runtime_of)]) -> Response:
    """Sends a picture, a region of it and an entity's id, and gets what made their score.

    The patches of the region's view, each alone, compared with the entity; the patches of the entity's picture by how
    much of its description they took up; and the description's words by how much of them was taken up. Limits, picture
    and errors are those of `/link`.
    """
    found = await _answered(request, runtime, runtime.pipeline.explain)
    response = ExplainResponse(**dict(found.explanation), timings_ms=ExplainTimings(**found.timings))
    return _written(response)


@router.get("/healthz", responses=documented(), summary="Is the process alive?")
async def healthz() -> Health:
    """Says nothing about model and index: see `/readyz`."""
    return Health(status="alive")


@router.get("/readyz", responses=documented(Cause.NOT_READY), summary="Can it link?")
async def readyz(runtime: Annotated[Runtime, Depends(runtime_of)]) -> Readiness:
    """Model and index are loaded, and a search has answered."""
    linker = runtime.serving.linker
    refused = runtime.follower.refused
    model, index = linker.model, linker.index
    return Readiness(
        status="ready",
        model=model.name,
        fingerprint=model.fingerprint,
        index_version=index.version,
        entities=len(index),
        encode=linker.where,
        search=index.where,
        refused=None if refused is None else RefusedOut(index_version=refused.version),
    )


@router.post(
    "/admin/reload",
    responses=documented(Cause.FORBIDDEN, Cause.FOREIGN_ORIGIN, Cause.NOT_READY),
    summary="Look for a newly published index now",
)
def reload(runtime: Annotated[Runtime, Depends(runtime_of)]) -> Reloaded:
    """Tries the version that is current, also one that was refused before. The service follows it by itself, too."""
    follower = runtime.follower
    version, refused = follower.look(again=True), follower.refused
    why = None if refused is None else RefusedWhyOut(index_version=refused.version, why=refused.why)
    return Reloaded(index_version=version, refused=why)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {CONTENT_TYPE: {}}}, **documented(Cause.FORBIDDEN)},
    summary="Prometheus metrics",
)
async def metrics(runtime: Annotated[Runtime, Depends(runtime_of)]) -> Response:
    """Time, queue and batches of each stage; pictures decoded lately; requests; the index version that answers."""
    return Response(runtime.metrics.text(), media_type=CONTENT_TYPE)


def _written(answer: BaseModel) -> Response:
    """It was made here, so FastAPI need not check it once more before it writes it."""
    return Response(answer.model_dump_json(), media_type="application/json")


async def _answered(request: Request, runtime: Runtime, work: Callable[[bytes, Headers], Coroutine[Any, Any, T]]) -> T:
    """Takes a body in and does `work` on it. Refuses before the body is read where that would be for nothing."""
    note(request_id=request.state.request_id)
    bodies.check_type(request.headers)
    runtime.pipeline.expect_room()
    settings = runtime.settings
    receiving = bodies.received(
        request, max_bytes=settings.max_body_bytes, seconds=settings.body_s, budget=runtime.bodies
    )
    async with receiving as body:
        end_entry(request.scope)
        return await _while_connected(request, work(body, request.headers))


async def _while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Does `work` until the caller goes away; then cancels it, so that it costs the encoder nothing."""
    task, gone = asyncio.create_task(work), asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Problem(Cause.CONNECTION_CLOSED, "The answer was not awaited.")
        return task.result()
    finally:
        task.cancel()
        gone.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
