"""The paths the service answers."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from indexer.errors import UnknownEntity
from service import bodies
from service.errors import Cause, Problem, documented
from service.metrics import CONTENT_TYPE
from service.openapi import LINK_BODY, LINK_CAUSES
from service.pictures import PictureFile, media_type
from service.runtime import Runtime
from service.schemas import EntityOut, Health, LinkResponse, Readiness, RefusedOut, RefusedWhyOut, Reloaded, Timings
from service.serving import Serving
from service.tracing import note

router = APIRouter()

T = TypeVar("T")


def _runtime(request: Request) -> Runtime:
    runtime = request.app.state.runtime
    assert isinstance(runtime, Runtime)
    return runtime


def _serving(runtime: Annotated[Runtime, Depends(_runtime)]) -> Serving:
    return runtime.serving


EntityId = Annotated[str, Path(description="Percent-encoded where it holds characters such as `/`.")]


@router.post(
    "/link",
    response_model=LinkResponse,
    responses=documented(*LINK_CAUSES),
    openapi_extra={"requestBody": LINK_BODY},
    summary="Which entities does this region of the picture show?",
)
async def link(request: Request, runtime: Annotated[Runtime, Depends(_runtime)]) -> Response:
    """Sends a picture with any number of its regions, and gets the nearest entities for each.

    Nothing is fetched from a URL, and nothing of the request is kept. Sizes, boxes and masks refer to the upright
    picture: its EXIF orientation is applied first. Where no region is given and the picture is partly transparent, what
    is transparent is left out.
    """
    note(request_id=request.state.request_id)
    bodies.check_type(request.headers)
    pipeline, settings = runtime.pipeline, runtime.settings
    pipeline.expect_room()
    receiving = bodies.received(
        request, max_bytes=settings.max_body_bytes, seconds=settings.body_s, budget=runtime.bodies
    )
    async with receiving as body:
        linked = await _while_connected(request, pipeline.link(body, request.headers))
    response = LinkResponse(
        results=linked.results,
        model=linked.serving.linker.model.name,
        index_version=linked.serving.version,
        timings_ms=Timings(
            decode=round(linked.decode_ms, 2),
            wait=round(linked.wait_ms, 2),
            encode=round(linked.encode_ms, 2),
            search=round(linked.search_ms, 2),
            total=round(linked.total_ms, 2),
        ),
    )
    return Response(response.model_dump_json(), media_type="application/json")


@router.get(
    "/entities/{entity_id:path}/image",
    response_class=PictureFile,
    responses=documented(Cause.UNKNOWN_ENTITY, Cause.NO_PICTURE, Cause.INVALID_REQUEST, Cause.NOT_READY),
    summary="An entity's picture",
)
def entity_image(
    entity_id: EntityId,
    serving: Annotated[Serving, Depends(_serving)],
    number: Annotated[int, Query(ge=0, le=1_000_000, description="Which of its pictures.")] = 0,
) -> PictureFile:
    """The file as it is in the knowledge base: JPEG, PNG, WebP or GIF."""
    try:
        path = serving.linker.index.picture_path(entity_id, number)
        kind = None if path is None else media_type(path)
    except UnknownEntity:
        raise Problem(Cause.UNKNOWN_ENTITY, "Take the id from an answer of /link.") from None
    except OSError:
        kind = None
    if path is None or kind is None:
        raise Problem(Cause.NO_PICTURE, "The record of the entity lists its pictures.")
    return PictureFile(
        path,
        media_type=kind,
        # The file is someone else's: whatever it holds, a browser shall only ever show it as a picture.
        headers={
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "public, max-age=3600",
            "Accept-Ranges": "none",
        },
    )


@router.get(
    "/entities/{entity_id:path}",
    responses=documented(Cause.UNKNOWN_ENTITY, Cause.NOT_READY),
    summary="An entity's record",
)
def entity(entity_id: EntityId, serving: Annotated[Serving, Depends(_serving)]) -> EntityOut:
    """The whole record, with the paths of its pictures."""
    try:
        return serving.answers.entity(serving.linker.index.entity(entity_id))
    except UnknownEntity:
        raise Problem(Cause.UNKNOWN_ENTITY, "Take the id from an answer of /link.") from None


@router.get("/healthz", responses=documented(), summary="Is the process alive?")
async def healthz() -> Health:
    """Says nothing about model and index: see `/readyz`."""
    return Health(status="alive")


@router.get("/readyz", responses=documented(Cause.NOT_READY), summary="Can it link?")
async def readyz(runtime: Annotated[Runtime, Depends(_runtime)]) -> Readiness:
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
        search=index.where,
        refused=None if refused is None else RefusedOut(index_version=refused.version),
    )


@router.post(
    "/admin/reload",
    responses=documented(Cause.FORBIDDEN, Cause.FOREIGN_ORIGIN, Cause.NOT_READY),
    summary="Look for a newly published index now",
)
def reload(runtime: Annotated[Runtime, Depends(_runtime)]) -> Reloaded:
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
async def metrics(runtime: Annotated[Runtime, Depends(_runtime)]) -> Response:
    """Time, queue and batches of each stage; pictures decoded lately; requests; the index version that answers."""
    return Response(runtime.metrics.text(), media_type=CONTENT_TYPE)


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
