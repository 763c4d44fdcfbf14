"""A body that has come, JSON or multipart, to the fields that a route takes."""

from dataclasses import dataclass
from typing import Any, Generic, cast

import pybase64
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser

from service.errors import Cause, Problem
from service.http import strict_json
from service.http.bodies import JSON, MULTIPART, ContentType
from service.routes.requests import Options, Shape
from wikiclip.picture_files import sniff_format

MAX_PARTS = 16
TEXT_PARTS = ("entity_id",)  # which a form sends as they are; every other one but a picture is JSON


@dataclass(frozen=True, slots=True)
class Asked(Generic[Options]):
    """A request whose fields are in order; picture and regions have not been looked into."""

    picture: bytes
    options: Options


def parse(body: bytes, kind: ContentType, shape: Shape[Options]) -> Asked[Options]:
    """Checks the fields of a body. Takes long for a large one: not for the event loop. Raises Problem."""
    try:
        if kind.media_type == JSON:
            return _parse_json(body, shape)
        return _parse_multipart(body, kind.boundary, shape)
    except ValidationError as error:
        raise _fields_at_fault(
            error.errors(include_url=False, include_input=False), known=list(shape.request.model_fields)
        ) from None


def _fields_at_fault(details: list[ErrorDetails], *, known: list[str]) -> Problem:
    """The problem for fields that break the schema. An unknown field's name is the caller's: the `known` are told, all
    those that there are."""
    unknown = f"Unknown fields are not accepted; known ones are {', '.join(known)}."
    errors = []
    for detail in details:
        place = detail["loc"][:-1] if detail["type"] == "extra_forbidden" else detail["loc"]
        message = unknown if detail["type"] == "extra_forbidden" else f"{detail['msg']}."
        errors.append({"pointer": "#" + "".join(f"/{part}" for part in place), "detail": message})
    return Problem(Cause.INVALID_REQUEST, "See `errors` for each field at fault.", errors=errors)


def _parse_json(body: bytes, shape: Shape[Options]) -> Asked[Options]:
    request = shape.request.model_validate(_loads(body, "The body"))
    try:
        image = pybase64.b64decode(request.image, validate=True)
    except ValueError:
        raise Problem(
            Cause.MALFORMED_BASE64,
            "`image` is the picture's file in base64 (RFC 4648, section 4), without a data: prefix; no URL is fetched.",
        ) from None
    return Asked(image, cast(Options, request))


def _parse_multipart(body: bytes, boundary: bytes | None, shape: Shape[Options]) -> Asked[Options]:
    fields: dict[str, Any] = {}
    for name, content in _split(body, boundary).items():
        if name == "image":
            fields[name] = content
        elif name == "region" and not content.lstrip().startswith((b"{", b"[", b"null")):
            if sniff_format(content) != "PNG":
                raise Problem(
                    Cause.MALFORMED_PNG,
                    "`region` is neither JSON nor a PNG file. With curl `region=<FILE` sends what a file holds.",
                )
            fields[name] = {"png": pybase64.b64encode_as_string(content)}
        elif name in TEXT_PARTS:
            fields[name] = content.decode("utf-8", errors="replace")
        else:
            fields[name] = _loads(content, "A part other than `image` and a mask")
    form = shape.form.model_validate(fields)
    return Asked(form.image, cast(Options, form))


def _loads(text: bytes, what: str) -> Any:
    try:
        return strict_json.loads(text)
    except strict_json.NotStrictJson as error:
        raise Problem(Cause.MALFORMED_JSON, f"{what}: {error}") from None


def _split(body: bytes, boundary: bytes | None) -> dict[str, bytes]:
    """The parts by name. Raises Problem."""
    parts: dict[str, bytes] = {}
    ended = False

    def keep(name: bytes | None, content: bytes) -> None:
        key = (name or b"").decode("utf-8", errors="replace")
        if key in parts:
            raise Problem(Cause.INVALID_REQUEST, "A part is given twice.")
        if len(parts) == MAX_PARTS:
            raise Problem(Cause.INVALID_REQUEST, f"There are more than {MAX_PARTS} parts.")
        parts[key] = content

    def end() -> None:
        nonlocal ended
        ended = True

    def on_field(field: Field) -> None:
        keep(field.field_name, field.value or b"")

    def on_file(file: File) -> None:
        file.file_object.seek(0)
        keep(file.field_name, file.file_object.read())

    try:
        parser = FormParser(
            MULTIPART,
            on_field,
            on_file,
            end,
            boundary=boundary,
            # The body is in memory already, and was bounded on its way in.
            config={"MAX_MEMORY_FILE_SIZE": float("inf"), "UPLOAD_ERROR_ON_BAD_CTE": True},
        )
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise Problem(
            Cause.MALFORMED_MULTIPART, "A boundary or the header of a part is not as RFC 7578 has it."
        ) from None
    if not ended:
        raise Problem(Cause.MALFORMED_MULTIPART, "The closing boundary is missing.")
    return parts
