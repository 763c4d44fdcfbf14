"""The OpenAPI document: what code cannot tell FastAPI about the POST routes, and examples that work when pasted."""

import asyncio
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from service import examples
from service.engine.answering import Answering
from service.errors import Cause
from service.http.bodies import JSON, MULTIPART
from service.http.problems import MEDIA_TYPE
from service.routes.requests import EXPLAIN, LINK, REGION_SCHEMA, SEGMENT, Shape
from service.schemas import ProblemOut
from wikiclip.masks import REGION_CODES

DESCRIPTION = """A picture and a mask in, the entities it shows out.

Every error is a problem document (RFC 9457, `application/problem+json`) whose `type` is stable:

"""

PROBLEM_SCHEMA = "#/components/schemas/Problem"

_ELSEWHERE = {
    Cause.UNKNOWN_ENTITY,
    Cause.NO_PICTURE,
    Cause.UNKNOWN_SCENE,
    Cause.NOT_FOUND,
    Cause.METHOD_NOT_ALLOWED,
    Cause.UNREADABLE_IMAGE,
    Cause.FORBIDDEN,
    Cause.SEARCH_FAILED,
    Cause.CHANGES_OFF,
    Cause.FEEDBACK_OFF,
    Cause.UNKNOWN_JOB,
    Cause.NO_ROOM,
}
# What protocol and middleware answer, whatever route is asked for.
ANYWHERE = (
    Cause.MALFORMED_HTTP,
    Cause.UNAUTHORIZED,
    Cause.WRONG_HOST,
    Cause.RATE_LIMITED,
    Cause.INTERNAL_ERROR,
    Cause.BUSY,
)
_OF_REGIONS = {cause for cause in Cause if cause.code in REGION_CODES} | {Cause.TOO_MANY_REGIONS}
LINK_CAUSES = tuple(cause for cause in Cause if cause not in _ELSEWHERE)
_NOT_TO_EXPLAIN = (Cause.TOO_MANY_REGIONS, Cause.INDEX_UNREACHABLE)
EXPLAIN_CAUSES = (*(cause for cause in LINK_CAUSES if cause not in _NOT_TO_EXPLAIN), Cause.UNKNOWN_ENTITY)
SEGMENT_CAUSES = tuple(
    cause
    for cause in LINK_CAUSES
    if cause not in (*_OF_REGIONS, Cause.INDEX_DAMAGED, Cause.INDEX_UNREACHABLE)
    or cause in (Cause.MALFORMED_BOX, Cause.OUTSIDE_PICTURE, Cause.EMPTY_MASK)
)

_REGION_PART = {
    "oneOf": [
        {"type": "string", "format": "binary", "description": "A PNG mask of the picture's size."},
        REGION_SCHEMA,
    ],
    "description": "One region, as JSON or as a PNG; absent for the whole picture.",
}


def body_of(shape: Shape[Any], shown: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The `requestBody` of a route: what it takes as JSON, with examples, and as multipart."""
    options = shape.options.model_json_schema()
    parts = options["properties"]
    if "region" in parts:
        parts["region"] = _REGION_PART
    picture = {"type": "string", "format": "binary", "description": "The picture's file."}
    return {
        "required": True,
        "content": {
            JSON: {"schema": shape.request.model_json_schema(), "examples": shown},
            MULTIPART: {
                "schema": {
                    "type": "object",
                    "properties": {"image": picture, **parts},
                    "required": ["image", *options.get("required", ())],
                    "additionalProperties": False,
                },
                "encoding": {
                    name: {"contentType": JSON} for name in ("regions", "point", "box", "tags") if name in parts
                },
            },
        },
    }


def documented(*causes: Cause) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI `responses` of a route that answers these causes, beside those that may come before any route."""
    responses: dict[int | str, dict[str, Any]] = {}
    for cause in (cause for cause in Cause if cause in (*causes, *ANYWHERE)):
        entry = responses.setdefault(
            cause.status,
            {"description": "", "content": {MEDIA_TYPE: {"schema": {"$ref": PROBLEM_SCHEMA}, "examples": {}}}},
        )
        entry["description"] = f"{entry['description']} `{cause.type}`: {cause.title}".strip()
        entry["content"][MEDIA_TYPE]["examples"][cause.code] = {
            "value": {"type": cause.type, "title": cause.title, "status": cause.status, "detail": "..."}
        }
    return responses


LINK_BODY = body_of(LINK, examples.link_requests())
EXPLAIN_BODY = body_of(EXPLAIN, examples.explain_requests())
SEGMENT_BODY = body_of(SEGMENT, examples.segment_requests())


class Document:
    """The OpenAPI document of `app`: made once for each index that answers, and sent as the same bytes to whoever asks.

    Once an index is loaded, the examples name entities that are in it.

    Args:
        open_paths: where no key is asked for.
    """

    def __init__(self, app: FastAPI, runtime: Answering, open_paths: Collection[str]) -> None:
        self._app = app
        self._runtime = runtime
        self._open_paths = open_paths
        self._lock = asyncio.Lock()
        self._sent: Sent | None = None

    async def sent(self) -> "Sent":
        """The document as it is sent; takes a tenth of a second of another thread where there is none yet."""
        version = self._version()
        if self._sent is None or self._sent.version != version:
            async with self._lock:
                if self._sent is None or self._sent.version != version:
                    self._sent = await asyncio.to_thread(self._written, version)
        return self._sent

    def make(self) -> dict[str, Any]:
        """The document as JSON values."""
        app, runtime = self._app, self._runtime
        schema = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=DESCRIPTION + "\n".join(f"- `{cause.type}` ({cause.status}): {cause.title}" for cause in Cause),
            routes=app.routes,
        )
        components = schema["components"]["schemas"]
        components["Problem"] = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}")
        components.update(components["Problem"].pop("$defs"))
        for path in schema["paths"].values():
            for operation in path.values():
                _mend(operation)
        if runtime.settings.keys is not None:
            schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            schema["security"] = [{"key": []}]
            for path in schema["paths"].keys() & set(self._open_paths):
                for operation in schema["paths"][path].values():
                    operation["security"] = []
        for name in ("HTTPValidationError", "ValidationError"):
            components.pop(name, None)
        if runtime.is_ready:
            _name_entities(schema["paths"], runtime)
        return schema

    def _version(self) -> str | None:
        return self._runtime.serving.version if self._runtime.is_ready else None

    def _written(self, version: str | None) -> "Sent":
        content = JSONResponse(self.make()).body
        return Sent(version, bytes(content), f'"{hashlib.sha256(content).hexdigest()[:32]}"')


@dataclass(frozen=True, slots=True)
class Sent:
    """A document's bytes, the index version that its examples are of, and the checksum that a browser asks with."""

    version: str | None
    content: bytes
    etag: str


router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
async def openapi(request: Request, if_none_match: Annotated[str, Header()] = "") -> Response:
    """The document, or 304 where the caller has it."""
    document: Document = request.app.state.document
    sent = await document.sent()
    headers = {"ETag": sent.etag, "Cache-Control": "no-cache"}
    if sent.etag in {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(sent.content, media_type=JSON, headers=headers)


def _mend(operation: dict[str, Any]) -> None:
    """FastAPI documents an error of its own for every route with parameters; ours are problem documents."""
    content = operation["responses"].get("422", {}).get("content", {})
    if JSON in content:
        del operation["responses"]["422"]


def _name_entities(paths: dict[str, Any], runtime: Answering) -> None:
    index, sample = runtime.serving.records, runtime.serving.sample
    if sample:
        named = examples.explain_requests(sample[0].entity.entity_id)
        paths["/explain"]["post"]["requestBody"]["content"][JSON]["examples"] = named
    pictured = [found for found in sample if index.picture_path(found.entity.entity_id) is not None]
    for path, candidates in (
        ("/entities/{entity_id}", sample),
        ("/entities/{entity_id}/neighbours", sample),
        ("/entities/{entity_id}/image", pictured),
    ):
        for parameter in paths[path]["get"]["parameters"]:
            if parameter["name"] == "entity_id" and candidates:
                parameter["example"] = candidates[0].entity.entity_id
