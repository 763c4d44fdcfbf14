"""The path of the tags that there are."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from indexer.records.tags import CountedTag, Order
from service.engine.answering import Answers
from service.errors import Cause
from service.routes.cursors import no_cursor, packed, unpacked
from service.routes.dependencies import serving_of
from service.routes.openapi import documented
from service.schemas import TagOut, TagsResponse

router = APIRouter()


@router.get(
    "/tags",
    responses=documented(Cause.INVALID_REQUEST, Cause.NOT_READY, Cause.INDEX_DAMAGED),
    summary="The tags of entities",
)
def tags(
    serving: Annotated[Answers, Depends(serving_of)],
    order: Annotated[Order, Query(description="The most frequent first, or by themselves.")] = "count",
    limit: Annotated[int, Query(ge=1, le=1000, description="Tags at most.")] = 100,
    after: Annotated[str, Query(max_length=4000, description="What the answer before told as `next`.")] = "",
) -> TagsResponse:
    """What `tags` of `/link` and of `/entities` can name, and how many entities have each."""
    records = serving.records
    records.files.expect_whole()
    found = records.tags.listed(limit + 1, order=order, after=_place(after) if after else None)
    shown = found[:limit]
    return TagsResponse(
        tags=[TagOut(tag=each.tag, entities=each.entities) for each in shown],
        count=len(records.tags),
        next=packed([shown[-1].tag, shown[-1].entities]) if len(found) > limit else None,
    )


def _place(cursor: str) -> CountedTag:
    """Raises Problem where a word is none that an answer told."""
    match unpacked(cursor):
        case [str(tag), int(entities)]:
            return CountedTag(tag, entities)
    raise no_cursor()
