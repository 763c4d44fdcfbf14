"""What people look at: the page at `/`, and the interactive description at `/docs`, Swagger UI out of a package.

Both lie in folders of the service, each file under its own name, so that no other server is asked.
"""

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePath

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from service.http.static import MEDIA_TYPES, PackagedFiles

FRONT = "index.html"
STYLES = "styles.css"
# A later one says otherwise than those before it.
STYLE_SHEETS = ("base", "controls", "frame", "welcome", "board", "panel", "answers", "knowledge", "dialogs", "narrow")
# A browser asks each time, so that an update is seen at once.
CACHING = {"Cache-Control": "no-cache"}
# Pictures that were chosen, and those fetched with a key, are blobs. Nothing is ever written as HTML, so nothing is
# trusted to become any.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
REFERENCE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def names_in(folder: Traversable) -> Iterator[str]:
    """The files of a folder and of those in it, each as it is called from there; what an editor or a system leaves
    beside them is none of the page."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from (f"{entry.name}/{name}" for name in names_in(entry))
        elif PurePath(entry.name).suffix in MEDIA_TYPES:
            yield entry.name


PAGE_HEADERS = {**CACHING, "Content-Security-Policy": PAGE_POLICY}
PAGE = PackagedFiles(
    [("service", "page")],
    names=tuple(names_in(files("service") / "page")),
    headers=PAGE_HEADERS,
)
REFERENCE = PackagedFiles(
    [("service", "reference"), ("fastapi_swagger", "resources")],
    names=(FRONT, "start.js", "swagger-ui-bundle.js", "swagger-ui.css"),
    headers={**CACHING, "Content-Security-Policy": REFERENCE_POLICY},
)
# No browser has a key for them; it is only asked for when the page asks for something.
OPEN = (
    "/",
    f"/page/{STYLES}",
    *(f"/page/{name}" for name in PAGE.names),
    "/openapi.json",
    "/docs",
    *(f"/docs/{name}" for name in REFERENCE.names),
)

router = APIRouter(include_in_schema=False)


@router.get("/")
async def page(request: Request) -> Response:
    """The page itself."""
    return await PAGE.get_response(FRONT, request.scope)


@router.get(f"/page/{STYLES}")
def styles(request: Request) -> Response:
    """The page's style sheets as one: a browser shows nothing before it has all, and takes six files at a time."""
    home = files("service") / "page" / "styles"
    content = "\n".join((home / f"{name}.css").read_text(encoding="utf-8") for name in STYLE_SHEETS).encode()
    headers = {**PAGE_HEADERS, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
    answer = Response(content, media_type=MEDIA_TYPES[".css"], headers=headers)
    if PAGE.is_not_modified(answer.headers, request.headers):
        return Response(status_code=304, headers=headers)
    return answer


@router.get("/page/{name:path}")
async def page_file(name: str, request: Request) -> Response:
    """A file that the page asks for."""
    return await PAGE.get_response(name, request.scope)


@router.get("/docs")
async def reference(request: Request) -> Response:
    """The description itself."""
    return await REFERENCE.get_response(FRONT, request.scope)


@router.get("/docs/{name}")
async def reference_file(name: str, request: Request) -> Response:
    """A file that the description asks for. Its own page is at `/docs`, from where its links lead somewhere."""
    if name == FRONT:
        return RedirectResponse("../docs", status_code=308)
    return await REFERENCE.get_response(name, request.scope)
