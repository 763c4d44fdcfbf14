"""The paths of the knowledge base's records."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from service.engine.serving import Serving
from service.errors import Cause, Problem
from service.http.static import SHOWN_ONLY, WholeFile
from service.routes.dependencies import serving_of
from service.routes.openapi import documented
from service.schemas import EntitiesResponse, EntityOut, NeighboursResponse
from wikiclip.picture_files import media_type

router = APIRouter()

EntityId = Annotated[str, Path(description="Percent-encoded where it holds characters such as `/`.")]


@router.get(
    "/entities",
    responses=documented(Cause.INVALID_REQUEST, Cause.NOT_READY),
    summary="Entities by the start of a title",
)
def entities(
    serving: Annotated[Serving, Depends(serving_of)],
    title: Annotated[
        str, Query(max_length=200, description="How the title begins; case and accents do not count.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=100, description="Entities at most.")] = 20,
) -> EntitiesResponse:
    """The first ones in the order of titles."""
    found = serving.linker.index.entities_titled(title, limit)
    return EntitiesResponse(entities=[serving.presenter.entity(each) for each in found])


@router.get(
    "/entities/{entity_id:path}/neighbours",
    responses=documented(Cause.UNKNOWN_ENTITY, Cause.INVALID_REQUEST, Cause.NOT_READY),
    summary="The entities nearest to one",
)
def neighbours(
    entity_id: EntityId,
    serving: Annotated[Serving, Depends(serving_of)],
    top_k: Annotated[int, Query(ge=1, le=100, description="Candidates.")] = 10,
) -> NeighboursResponse:
    """Those whose vectors in the index are nearest to its own, itself left out; the score is their cosine."""
    found = serving.linker.index.neighbours(entity_id, top_k)
    return NeighboursResponse(candidates=serving.presenter.candidates(found))


@router.get(
    "/entities/{entity_id:path}/image",
    response_class=WholeFile,
    responses=documented(Cause.UNKNOWN_ENTITY, Cause.NO_PICTURE, Cause.INVALID_REQUEST, Cause.NOT_READY),
    summary="An entity's picture",
)
def entity_image(
    entity_id: EntityId,
    serving: Annotated[Serving, Depends(serving_of)],
    number: Annotated[int, Query(ge=0, le=1_000_000, description="Which of its pictures.")] = 0,
) -> WholeFile:
    """The file as it is in the knowledge base: JPEG, PNG, WebP or GIF."""
    path = serving.linker.index.picture_path(entity_id, number)
    kind = None if path is None else media_type(path)
    if path is None or kind is None:
        raise Problem(Cause.NO_PICTURE, "The record of the entity lists its pictures.")
    return WholeFile(path, media_type=kind, headers=SHOWN_ONLY)


@router.get(
    "/entities/{entity_id:path}",
    responses=documented(Cause.UNKNOWN_ENTITY, Cause.NOT_READY),
    summary="An entity's record",
)
def entity(entity_id: EntityId, serving: Annotated[Serving, Depends(serving_of)]) -> EntityOut:
    """The whole record, with the paths of its pictures."""
    return serving.presenter.entity(serving.linker.index.entity(entity_id))
