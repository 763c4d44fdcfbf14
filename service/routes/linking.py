"""The paths that link, segment and explain."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from indexer.linker import LinkQuery
from service.engine.answering import Work
from service.engine.linked import Linked
from service.engine.reading import Charge, ExplainQuery, FindQuery, Reader, SegmentQuery, uncharged
from service.errors import Cause, Problem
from service.http.bodies import Bodies, ContentType, content_type
from service.http.door import end_entry
from service.http.rates import Bill, Counted
from service.routes.dependencies import disconnected, runtime_of
from service.routes.openapi import (
    EXPLAIN_BODY,
    EXPLAIN_CAUSES,
    LINK_BODY,
    LINK_CAUSES,
    SEGMENT_BODY,
    SEGMENT_CAUSES,
    documented,
)
from service.routes.parsing import parse
from service.routes.requests import EXPLAIN, LINK, SEGMENT
from service.schemas import (
    ExplainResponse,
    ExplainTimings,
    LinkResponse,
    ResultOut,
    SegmentResponse,
    SegmentTimings,
    Timings,
)
from service.telemetry.tracing import note

PLACED = ("/link", "/segment", "/explain")  # a request to one of them takes a place in the pipeline

Answer = TypeVar("Answer")


class DirectRoute(APIRoute):
    """A route whose function takes the request as it is and gives the response.

    Nothing is injected, parsed or checked on the way, of which there is nothing to do here, and which takes a tenth of
    what a request asks of the event loop. The OpenAPI document has the route as any other.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return endpoint


router = APIRouter(route_class=DirectRoute)


@router.post(
    "/link",
    response_model=LinkResponse,
    responses=documented(*LINK_CAUSES),
    openapi_extra={"requestBody": LINK_BODY},
    summary="Which entities does this region of the picture show?",
)
async def link(request: Request) -> Response:
    """Sends a picture with any number of its regions, and gets the nearest entities for each.

    Nothing is fetched from a URL, and nothing of the request is kept. Sizes, boxes and masks refer to the upright
    picture: its EXIF orientation is applied first. Where no region is given and the picture is partly transparent, what
    is transparent is left out.

    `"regions": "find"` finds what stands out and links it: one result for each, the largest first, with its region.
    With `"whole": true` the last result is that of the whole picture, and the only one without a region.
    """
    linked = await _answered(
        request,
        lambda pipeline, sent: pipeline.link(partial(_link_query, sent), size=len(sent.body)),
    )
    response = LinkResponse(
        results=_with_regions(linked),
        model=linked.model,
        index_version=linked.version,
        reranked=linked.reranked,
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
async def segment(request: Request) -> Response:
    """Sends a picture with a point on a thing or a box around it, and gets its mask, which `/link` takes as a region.

    A point may lie on a part, on the thing and on what the thing belongs to: the likeliest mask comes first. Without
    both it proposes masks of what stands out. Limits, picture and errors are those of `/link`.
    """
    segmented = await _answered(
        request,
        lambda pipeline, sent: pipeline.segment(partial(_segment_query, sent), size=len(sent.body)),
    )
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
async def explain(request: Request) -> Response:
    """Sends a picture, a region of it and an entity's id, and gets what made their score.

    The patches of the region's view, each alone, compared with the entity; the patches of the entity's picture by how
    much of its description they took up; and the description's words by how much of them was taken up. Limits, picture
    and errors are those of `/link`.
    """
    found = await _answered(
        request,
        lambda pipeline, sent: pipeline.explain(partial(_explain_query, sent), size=len(sent.body)),
    )
    response = ExplainResponse(**dict(found.explanation), timings_ms=ExplainTimings(**found.timings))
    return _written(response)


@dataclass(frozen=True, slots=True)
class Sent:
    """What came in: a body, what its head says it is, and where its regions are charged."""

    body: bytes
    kind: ContentType
    charge: Charge


def _link_query(sent: Sent, reader: Reader) -> LinkQuery | FindQuery:
    asked = parse(sent.body, sent.kind, LINK)
    options = asked.options

    def link(reader: Reader, regions: Sequence[object]) -> LinkQuery:
        return reader.link(
            asked.picture,
            regions,
            top_k=options.top_k,
            min_score=options.min_score,
            tags=None if options.tags is None else options.tags.filter(),
            charge=sent.charge,
        )

    if options.finds:
        return reader.find(asked.picture, most=options.most, whole=options.whole, link=link, charge=sent.charge)
    return link(reader, options.asked)


def _segment_query(sent: Sent, reader: Reader) -> SegmentQuery:
    asked = parse(sent.body, sent.kind, SEGMENT)
    return reader.segment(asked.picture, point=asked.options.point, box=asked.options.box, charge=sent.charge)


def _explain_query(sent: Sent, reader: Reader) -> ExplainQuery:
    asked = parse(sent.body, sent.kind, EXPLAIN)
    return reader.explain(asked.picture, asked.options.region, asked.options.entity_id, charge=sent.charge)


def _with_regions(linked: Linked) -> list[ResultOut]:
    """The results, each with its region where regions were found."""
    if linked.regions is None:
        return linked.results
    pairs = zip(linked.results, linked.regions, strict=True)
    return [result.model_copy(update={"region": region}) for result, region in pairs]


def _written(answer: BaseModel) -> Response:
    """It was made here, so FastAPI need not check it once more before it writes it."""
    return Response(answer.model_dump_json(), media_type="application/json")


async def _answered(request: Request, work: Callable[[Work, Sent], Coroutine[Any, Any, Answer]]) -> Answer:
    """Takes a body in and does `work` on it."""
    runtime = await runtime_of(request)
    pipeline = runtime.pipeline
    note(request_id=request.state.request_id)
    kind = content_type(request.headers)
    bodies: Bodies = request.app.state.bodies
    async with bodies.received(request) as body:
        end_entry(request.scope)
        return await _while_connected(request, work(pipeline, Sent(body, kind, _charge_of(request))))


def _charge_of(request: Request) -> Charge:
    """To the caller, where there is a rate of regions."""
    rate: Counted | None = request.app.state.region_rate
    return uncharged if rate is None else Bill(rate, request.state.caller)


async def _while_connected(request: Request, work: Coroutine[Any, Any, Answer]) -> Answer:
    """Does `work` until the caller goes away; then cancels it, so that it costs the encoder nothing."""
    task, gone = asyncio.create_task(work), asyncio.create_task(disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Problem(Cause.CONNECTION_CLOSED, "The answer was not awaited.")
        return task.result()
    finally:
        task.cancel()
        gone.cancel()
