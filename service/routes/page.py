"""The page at `/`: what lies in `service/page`, each file under its own name."""

from importlib.resources import files

from fastapi import APIRouter, Request, Response

from service.http.static import PackagedFiles

FRONT = "index.html"
# Pictures that were chosen, and those fetched with a key, are blobs. Nothing is ever written as HTML, so nothing is
# trusted to become any.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
FILES = PackagedFiles(
    [("service", "page")],
    names=[file.name for file in (files("service") / "page").iterdir()],
    # A browser asks each time, so that an update is seen at once.
    headers={"Cache-Control": "no-cache", "Content-Security-Policy": POLICY},
)
# Without a key, which is only asked for when the page asks for something.
OPEN = ("/", *(f"/page/{name}" for name in FILES.names))

router = APIRouter(include_in_schema=False)


@router.get("/")
async def front(request: Request) -> Response:
    """The page itself."""
    return await FILES.get_response(FRONT, request.scope)


@router.get("/page/{name}")
async def part(name: str, request: Request) -> Response:
    """A file that the page asks for."""
    return await FILES.get_response(name, request.scope)
