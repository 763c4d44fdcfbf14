"""The paths of the knowledge base's records."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Query
from fastapi import Path as PathParameter
from fastapi.routing import APIRoute
from pydantic import BeforeValidator
from starlette.routing import Match
from starlette.types import Scope

from indexer.records.tag_filter import TagFilter
from indexer.words.finding import FoundEntity
from indexer.words.ranking import Tier
from service.engine.answering import Answers
from service.errors import Cause, Problem
from service.http.static import SHOWN_ONLY, OpenedFile, WholeFile
from service.routes.cursors import cursor_of, cursor_of_words, place_of, place_of_words
from service.routes.dependencies import serving_of
from service.routes.openapi import documented
from service.routes.wanted_tags import tags_of
from service.schemas import EntitiesResponse, EntityOut, FoundResponse, NeighboursResponse
from wikiclip.base.regular_files import open_regular
from wikiclip.picture_files.reading import media_type_of

SLASH_OF_ID, BREAK_OF_ID = "\ud800", "\ud801"  # halves of characters, which no decoded path holds


def path_as_sent(scope: Scope) -> str:
    """A path, decoded, in which a slash of an id is told from one between parts; so is a line break, at which the
    patterns of paths end. Bytes that are no UTF-8 are kept apart, each as the half of a character."""
    path: str = scope["path"]
    if raw := scope.get("raw_path"):
        path = SLASH_OF_ID.join(
            unquote(part, errors="surrogateescape") for part in re.split("(?i)%2f", raw.decode("latin-1"))
        )
    return path.replace("\n", BREAK_OF_ID)


class EntityRoute(APIRoute):
    """A route whose path tells a slash of an id, which comes as %2F, from one between two parts of the path.

    So `/entities/a%2Fimage` is the record of "a/image", and `/entities/a/image` the picture of "a". A slash that comes
    as it is belongs to the id where nothing else can be meant.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As Starlette does, on the path as it was sent."""
        match, child = super().matches({**scope, "path": path_as_sent(scope)})
        if "entity_id" in child.get("path_params", {}):
            entity_id = child["path_params"]["entity_id"]
            child["path_params"]["entity_id"] = entity_id.replace(SLASH_OF_ID, "/").replace(BREAK_OF_ID, "\n")
        return match, child


router = APIRouter(route_class=EntityRoute)


def _known(entity_id: str) -> str:
    if not _is_text(entity_id):
        raise Problem(Cause.UNKNOWN_ENTITY, "Take the id from an answer of /link.")
    return entity_id


def _possible(entity_id: str) -> str:
    if not _is_text(entity_id):
        raise Problem(Cause.INVALID_REQUEST, "The id in the path is not UTF-8, percent-encoded.")
    return entity_id


def _is_text(entity_id: str) -> bool:
    """Whether the path had UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in entity_id)


_WRITTEN = "Percent-encoded where it holds characters such as `/`."
_ONE_LINE = r"^(?!\.{1,2}$)[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"
EntityId = Annotated[str, PathParameter(description=_WRITTEN), BeforeValidator(_known)]
RecordId = Annotated[  # of one that may be new; what the document says is looked at by the rules of records
    str,
    PathParameter(description=_WRITTEN, json_schema_extra={"minLength": 1, "maxLength": 256, "pattern": _ONE_LINE}),
    BeforeValidator(_possible),
]


@router.get(
    "/entities",
    responses=documented(Cause.INVALID_REQUEST, Cause.NOT_READY, Cause.INDEX_DAMAGED, Cause.DEADLINE),
    summary="Entities by words, or by the start of a title",
)
def entities(
    serving: Annotated[Answers, Depends(serving_of)],
    title: Annotated[
        str, Query(max_length=200, description="How the title begins; case and accents do not count.")
    ] = "",
    q: Annotated[
        str | None,
        Query(
            description="Words that are in title, other names or text, or an id. The last may go on; 16 are looked for."
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Entities at most.")] = 20,
    after: Annotated[str, Query(max_length=4000, description="What the answer before told as `next`.")] = "",
    pictured: Annotated[
        bool | None, Query(description="Only those with a picture, or only those without; both where it is absent.")
    ] = None,
    tags: Annotated[TagFilter | None, Depends(tags_of)] = None,
) -> EntitiesResponse | FoundResponse:
    """The first ones in the order of titles, or with `q` the best. Of a text that is longer than 2,000 characters they
    show the beginning."""
    if q is not None:
        if title:
            raise Problem(Cause.INVALID_REQUEST, "Give `q` or `title`, not both.")
        return _holding(serving, q, limit, after, pictured, tags)
    records, place = serving.records, place_of(after) if after else None
    found = records.entities_titled(title, limit + 1, after=place, pictured=pictured, tags=tags)
    shown = found[:limit]
    return EntitiesResponse(
        entities=[serving.presenter.listed(each) for each in shown],
        count=records.count_titled(title, pictured=pictured, tags=tags),
        next=cursor_of(shown[-1]) if len(found) > limit else None,
    )


def _holding(
    serving: Answers, question: str, limit: int, after: str, pictured: bool | None, tags: TagFilter | None
) -> FoundResponse:
    """What holds the words of a question; in a version that keeps no words, what is titled so."""
    records = serving.records
    if records.keeps_words:
        page = records.entities_holding(
            question, limit, after=place_of_words(after) if after else None, pictured=pictured, tags=tags
        )
        found, following = page.found, None if page.next is None else cursor_of_words(page.next)
    else:
        titled = records.entities_titled(
            question, limit + 1, after=place_of(after) if after else None, pictured=pictured, tags=tags
        )
        found = [FoundEntity(each, Tier.BEGINNING) for each in titled[:limit]]
        following = cursor_of(titled[limit - 1]) if len(titled) > limit else None
    return FoundResponse(entities=[serving.presenter.found(each, question) for each in found], next=following)


@router.get(
    "/entities/{entity_id:path}/neighbours",
    responses=documented(
        Cause.UNKNOWN_ENTITY, Cause.INVALID_REQUEST, Cause.NOT_READY, Cause.INDEX_DAMAGED, Cause.INDEX_UNREACHABLE
    ),
    summary="The entities nearest to one",
)
def neighbours(
    entity_id: EntityId,
    serving: Annotated[Answers, Depends(serving_of)],
    top_k: Annotated[int, Query(ge=1, le=100, description="Candidates.")] = 10,
) -> NeighboursResponse:
    """Those whose vectors in the index are nearest to its own, itself left out; the score is their cosine."""
    found = serving.neighbours(entity_id, top_k)
    return NeighboursResponse(candidates=serving.presenter.candidates(found))


@router.get(
    "/entities/{entity_id:path}/image",
    response_class=WholeFile,
    responses=documented(
        Cause.UNKNOWN_ENTITY, Cause.NO_PICTURE, Cause.INVALID_REQUEST, Cause.NOT_READY, Cause.INDEX_DAMAGED
    ),
    summary="An entity's picture",
)
def entity_image(
    entity_id: EntityId,
    serving: Annotated[Answers, Depends(serving_of)],
    number: Annotated[int, Query(ge=0, le=1_000_000, description="Which of its pictures.")] = 0,
) -> OpenedFile:
    """The file as it is in the knowledge base: JPEG, PNG, WebP or GIF."""
    path = serving.records.picture_path(entity_id, number)
    picture = None if path is None else _opened(path)
    if picture is None:
        raise Problem(Cause.NO_PICTURE, "The record of the entity lists its pictures.")
    return picture


@router.get(
    "/entities/{entity_id:path}",
    responses=documented(Cause.UNKNOWN_ENTITY, Cause.NOT_READY, Cause.INDEX_DAMAGED),
    summary="An entity's record",
)
def entity(entity_id: EntityId, serving: Annotated[Answers, Depends(serving_of)]) -> EntityOut:
    """The whole record, with the paths of its pictures."""
    return serving.presenter.entity(serving.records.entity(entity_id))


def _opened(path: Path) -> OpenedFile | None:
    """The picture of a file, opened once: a name may lead to a picture now, and to a secret in a moment."""
    try:
        file = open_regular(path)
        kind = media_type_of(file)
    except OSError:
        return None
    if kind is None:
        file.close()
        return None
    return OpenedFile(file, media_type=kind, headers=SHOWN_ONLY)
