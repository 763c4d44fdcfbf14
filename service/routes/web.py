"""The page at `/`: what lies in `service/page`, read once, each file under its own name."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Header, Response

from service.errors import Cause, Problem

FRONT = "index.html"
MEDIA_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
# Pictures that were chosen, and those fetched with a key, are blobs. Nothing is ever written as HTML, so nothing is
# trusted to become any.
ALLOWED = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as it is sent; `etag` is a checksum of its content, in quotes."""

    content: bytes
    media_type: str
    etag: str


def _read() -> Iterator[tuple[str, PageFile]]:
    for file in (files("service") / "page").iterdir():
        media_type = MEDIA_TYPES.get(file.name.rpartition(".")[2])
        if media_type is not None:
            content = file.read_bytes()
            yield file.name, PageFile(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


FILES = dict(_read())
# Without a key, which is only asked for when the page asks for something.
PATHS = ("/", *(f"/page/{name}" for name in FILES))

router = APIRouter(include_in_schema=False)


@router.get("/")
def front(if_none_match: Annotated[str, Header()] = "") -> Response:
    """The page itself."""
    return _sent(FILES[FRONT], if_none_match)


@router.get("/page/{name}")
def part(name: str, if_none_match: Annotated[str, Header()] = "") -> Response:
    """A file that the page asks for."""
    if name not in FILES:
        raise Problem(Cause.NOT_FOUND, "The page has no such file.")
    return _sent(FILES[name], if_none_match)


def _sent(file: PageFile, if_none_match: str) -> Response:
    """The file, or 304 where the browser has it: it asks each time, so that an update is seen at once."""
    headers = {"ETag": file.etag, "Cache-Control": "no-cache", "Content-Security-Policy": ALLOWED}
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    if file.etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
