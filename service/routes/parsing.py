"""A body that has come, JSON or multipart, to the fields that a route takes."""

from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, cast

import pybase64
from pydantic import ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser

from service.errors import Cause, Problem
from service.http import strict_json
from service.http.bodies import JSON, MULTIPART, ContentType
from service.routes.requests import FIND, Options, Shape
from wikiclip.base.base64_text import from_base64
from wikiclip.picture_files.reading import sniff_format

MAX_PARTS = 16
MOST_FAULTS = 10  # that are told one by one
TEXT_PARTS = ("entity_id", "answered")  # which a form sends as they are; every other one but a picture is JSON


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
        raise _fields_at_fault(error) from None


def _fields_at_fault(error: ValidationError) -> Problem:
    """The problem for fields that break the schema, of which the first are told one by one."""
    errors = [
        {"pointer": "#" + "".join(f"/{part}" for part in detail["loc"]), "detail": f"{detail['msg']}."}
        for detail in error.errors(include_url=False, include_input=False)[:MOST_FAULTS]
    ]
    return _problem_of(errors, error.error_count())


def _unknown(what: str, places: Sequence[int], known: Sequence[str]) -> Problem:
    """The problem for fields or parts that nothing is known of. Their names are the caller's, which no answer repeats:
    they are told by their places, and the `known` by their names."""
    message = f"Unknown {what}s are not accepted; known ones are {', '.join(known)}."
    errors = [{"pointer": "#", "detail": f"{what.capitalize()} {n}: {message}"} for n in places[:MOST_FAULTS]]
    return _problem_of(errors, len(places))


def _problem_of(errors: list[dict[str, str]], count: int) -> Problem:
    """The problem for so many faults, the first of which are `errors`."""
    detail = "See `errors` for each field at fault."
    if count > len(errors):
        detail = f"{count:,} fields are at fault; `errors` has the first {len(errors)}."
    return Problem(Cause.INVALID_REQUEST, detail, errors=errors)


def _parse_json(body: bytes, shape: Shape[Options]) -> Asked[Options]:
    fields = _loads(body, "The body")
    known = list(shape.request.model_fields)
    if isinstance(fields, dict) and not fields.keys() <= set(known):
        # Before pydantic, which would make an error of each of many.
        raise _unknown("field", [n for n, name in enumerate(fields, start=1) if name not in known], known)
    request = shape.request.model_validate(fields)
    try:
        image = from_base64(request.image)
    except ValueError:
        raise Problem(
            Cause.MALFORMED_BASE64,
            "`image` is the picture's file in base64 (RFC 4648, section 4), without a data: prefix; no URL is fetched.",
        ) from None
    return Asked(image, cast(Options, request))


def _parse_multipart(body: bytes, boundary: bytes | None, shape: Shape[Options]) -> Asked[Options]:
    fields: dict[str, Any] = {}
    parts, known = _split(body, boundary), list(shape.form.model_fields)
    if not parts.keys() <= set(known):
        raise _unknown("part", [n for n, name in enumerate(parts, start=1) if name not in known], known)
    for name, content in parts.items():
        if name == "image":
            fields[name] = content
        elif name == "region" and not _looks_like_json(content):
            if sniff_format(content) != "PNG":
                raise Problem(
                    Cause.MALFORMED_PNG,
                    "`region` is neither JSON nor a PNG file. With curl `region=<FILE` sends what a file holds.",
                )
            fields[name] = {"png": pybase64.b64encode_as_string(content)}
        elif name == "regions" and content == FIND.encode():
            fields[name] = FIND  # a form need not put a word in quotes
        elif name in TEXT_PARTS:
            # Other bytes are the halves of characters, which no id has: with one sign for all, two ids would be one.
            fields[name] = content.decode("utf-8", errors="surrogateescape")
        else:
            fields[name] = _loads(content, f"The part `{name}`")
    form = shape.form.model_validate(fields)
    return Asked(form.image, cast(Options, form))


def _looks_like_json(content: bytes) -> bool:
    """Whether a region is meant as JSON: UTF-16 is, too, so that it is named for what it is."""
    return content.startswith(strict_json.UTF_16) or content.removeprefix(BOM_UTF8).lstrip().startswith(
        (b"{", b"[", b"null")
    )


def _loads(text: bytes, what: str) -> Any:
    try:
        return strict_json.loads(text)
    except strict_json.NotStrictJson as error:
        raise Problem(Cause.MALFORMED_JSON, f"{what}: {error}") from None


def _without_preamble(body: bytes, boundary: bytes) -> bytes:
    """What stands before the first boundary is nothing that was sent (RFC 2046, section 5.1.1)."""
    delimiter = b"--" + boundary
    place = 0 if body.startswith(delimiter) else body.find(b"\r\n" + delimiter) + 2
    return body if place < 2 else body[place:]


def _split(body: bytes, boundary: bytes | None) -> dict[str, bytes]:
    """The parts by name. Raises Problem."""
    return dict(parts_of(body, boundary))


def parts_of(
    body: bytes, boundary: bytes | None, *, repeated: Mapping[str, int] = MappingProxyType({})
) -> list[tuple[str, bytes]]:
    """The parts of a multipart body in their order, each with its name.

    Args:
        repeated: names that may come more than once, and how often.

    Raises:
        Problem: it is none, another name comes twice, or there are too many parts.
    """
    parts: list[tuple[str, bytes]] = []
    names = Counter[str]()
    most = MAX_PARTS + sum(repeated.values())
    ended = False

    def keep(name: bytes | None, content: bytes) -> None:
        key = (name or b"").decode("utf-8", errors="replace")
        if names[key] == repeated.get(key, 1):
            often = repeated.get(key)
            raise Problem(
                Cause.INVALID_REQUEST,
                "A part is given twice." if often is None else f"There are more than {often} parts `{key}`.",
            )
        if len(parts) == most:
            raise Problem(Cause.INVALID_REQUEST, f"There are more than {most} parts.")
        names[key] += 1
        parts.append((key, content))

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
        parser.write(_without_preamble(body, boundary or b""))
        parser.finalize()
    except FormParserError:
        raise Problem(
            Cause.MALFORMED_MULTIPART, "A boundary or the header of a part is not as RFC 7578 has it."
        ) from None
    if not ended:
        raise Problem(Cause.MALFORMED_MULTIPART, "The closing boundary is missing.")
    return parts
