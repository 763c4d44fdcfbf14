"""The body of a POST, JSON or multipart, to what it asks; every limit holds before work is done."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, cast

import pybase64
from pydantic import ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

from service.errors import Cause, Problem, from_validation
from service.http import strict_json
from service.http.budget import ByteBudget
from service.routes.requests import Options, Shape
from wikiclip.picture_files import sniff_format

JSON, MULTIPART = "application/json", "multipart/form-data"
MAX_PARTS = 16
TEXT_PARTS = ("entity_id",)  # which a form sends as they are; every other one but a picture is JSON


@dataclass(frozen=True, slots=True)
class Asked(Generic[Options]):
    """A request whose fields are in order; picture and regions have not been looked into."""

    image: bytes
    options: Options


@asynccontextmanager
async def received(request: Request, *, max_bytes: int, seconds: float, budget: ByteBudget) -> AsyncIterator[bytes]:
    """The body, counted while it streams in. The budget has its bytes back on leaving.

    Args:
        max_bytes: of this body.
        seconds: how long it may take to come.
        budget: for all bodies together.

    Raises:
        Problem: it is too large, too slow, or breaks off; or there is no room.
    """
    held = 0

    def count(chunk: bytes) -> None:
        nonlocal held
        budget.take(len(chunk))
        held += len(chunk)

    try:
        try:
            async with asyncio.timeout(seconds):
                body = await _receive(request, max_bytes=max_bytes, count=count)
        except TimeoutError:
            raise Problem(
                Cause.BODY_TOO_SLOW, f"A body may take {seconds:g} s to come.", headers={"Connection": "close"}
            ) from None
        yield body
    finally:
        budget.give_back(held)


async def _receive(request: Request, *, max_bytes: int, count: Callable[[bytes], None]) -> bytes:
    too_large = Problem(Cause.BODY_TOO_LARGE, f"A request may have {max_bytes:,} bytes.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise too_large
    body = bytearray()
    try:
        async for chunk in request.stream():
            count(chunk)
            body += chunk
            if len(body) > max_bytes:
                raise too_large
    except ClientDisconnect:
        raise Problem(Cause.CONNECTION_CLOSED, "The body had not ended.") from None
    return bytes(body)


def check_type(headers: Headers) -> str:
    """Returns the body's media type, JSON or MULTIPART. Raises Problem for any other, and for a compressed body."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (JSON, MULTIPART):
        raise Problem(
            Cause.UNSUPPORTED_MEDIA_TYPE,
            f"Send {JSON} or {MULTIPART}.",
            headers={"Accept-Post": f"{JSON}, {MULTIPART}"},
        )
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Problem(
            Cause.UNSUPPORTED_MEDIA_TYPE,
            "Send the body without a content coding.",
            headers={"Accept-Encoding": "identity"},
        )
    return media_type


def parse(body: bytes, headers: Headers, shape: Shape[Options]) -> Asked[Options]:
    """Checks the fields of a body. Takes long for a large one: not for the event loop. Raises Problem."""
    try:
        return _parse_json(body, shape) if check_type(headers) == JSON else _parse_multipart(body, headers, shape)
    except ValidationError as error:
        raise from_validation(
            error.errors(include_url=False, include_input=False), fields=list(shape.request.model_fields)
        ) from None


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


def _parse_multipart(body: bytes, headers: Headers, shape: Shape[Options]) -> Asked[Options]:
    fields: dict[str, Any] = {}
    for name, content in _split(body, headers).items():
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


def _split(body: bytes, headers: Headers) -> dict[str, bytes]:
    """The parts by name. Raises Problem."""
    _, options = parse_options_header(headers["content-type"])
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
            boundary=options.get(b"boundary"),
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
