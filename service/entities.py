"""The paths of the knowledge base's records."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import FileResponse

from indexer.errors import UnknownEntity
from service.dependencies import serving_of
from service.errors import Cause, Problem, documented
from service.pictures import SHOWN_ONLY, media_type
from service.schemas import EntityOut
from service.serving import Serving

router = APIRouter()

EntityId = Annotated[str, Path(description="Percent-encoded where it holds characters such as `/`.")]


@router.get(
    "/entities/{entity_id:path}/image",
    response_class=FileResponse,
    responses=documented(Cause.UNKNOWN_ENTITY, Cause.NO_PICTURE, Cause.INVALID_REQUEST, Cause.NOT_READY),
    summary="An entity's picture",
)
def entity_image(
    entity_id: EntityId,
    serving: Annotated[Serving, Depends(serving_of)],
    number: Annotated[int, Query(ge=0, le=1_000_000, description="Which of its pictures.")] = 0,
) -> FileResponse:
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
    return FileResponse(
        path,
        media_type=kind,
        headers=SHOWN_ONLY,
    )


@router.get(
    "/entities/{entity_id:path}",
    responses=documented(Cause.UNKNOWN_ENTITY, Cause.NOT_READY),
    summary="An entity's record",
)
def entity(entity_id: EntityId, serving: Annotated[Serving, Depends(serving_of)]) -> EntityOut:
    """The whole record, with the paths of its pictures."""
    try:
        return serving.answers.entity(serving.linker.index.entity(entity_id))
    except UnknownEntity:
        raise Problem(Cause.UNKNOWN_ENTITY, "Take the id from an answer of /link.") from None
