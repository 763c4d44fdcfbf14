"""The OpenAPI document: what code cannot tell FastAPI about the POST routes, and examples that work when pasted."""

from collections.abc import Callable, Collection
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service import examples
from service.engine.runtime import Runtime
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
EXPLAIN_CAUSES = (*(cause for cause in LINK_CAUSES if cause is not Cause.TOO_MANY_REGIONS), Cause.UNKNOWN_ENTITY)
SEGMENT_CAUSES = tuple(
    cause
    for cause in LINK_CAUSES
    if cause not in _OF_REGIONS or cause in (Cause.MALFORMED_BOX, Cause.OUTSIDE_PICTURE, Cause.EMPTY_MASK)
)

_REGION_PART = {
    "oneOf": [
        {"type": "string", "format": "binary", "description": "A PNG mask of the picture's size."},
        REGION_SCHEMA,
    ],
    "description": "One region, as JSON or as a PNG; absent for the whole picture.",
}


def _body(shape: Shape[Any], shown: dict[str, dict[str, Any]]) -> dict[str, Any]:
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
                "encoding": {name: {"contentType": JSON} for name in ("regions", "point", "box") if name in parts},
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


LINK_BODY = _body(LINK, examples.link_requests())
EXPLAIN_BODY = _body(EXPLAIN, examples.explain_requests())
SEGMENT_BODY = _body(SEGMENT, examples.segment_requests())


def document(app: FastAPI, runtime: Runtime, open_paths: Collection[str]) -> Callable[[], dict[str, Any]]:
    """What makes the document of `app`. Once an index is loaded, the examples name entities that are in it.

    Args:
        open_paths: where no key is asked for.
    """

    def make() -> dict[str, Any]:
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
            for path in schema["paths"].keys() & set(open_paths):
                for operation in schema["paths"][path].values():
                    operation["security"] = []
        for name in ("HTTPValidationError", "ValidationError"):
            components.pop(name, None)
        if runtime.is_ready:
            _name_entities(schema["paths"], runtime)
        return schema

    return make


def _mend(operation: dict[str, Any]) -> None:
    """FastAPI documents an error of its own for every route with parameters; ours are problem documents."""
    content = operation["responses"].get("422", {}).get("content", {})
    if JSON in content:
        del operation["responses"]["422"]


def _name_entities(paths: dict[str, Any], runtime: Runtime) -> None:
    index, sample = runtime.serving.linker.index, runtime.serving.sample
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
