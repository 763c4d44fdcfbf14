"""The interactive description at `/docs`: Swagger UI out of a package, so that no other server is asked."""

from fastapi import APIRouter, Request, Response

from service.http.static import PackagedFiles

FRONT = "index.html"
# What the page may load is what lies beside it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
FILES = PackagedFiles(
    [("service", "reference"), ("fastapi_swagger", "resources")],
    names=(FRONT, "start.js", "swagger-ui-bundle.js", "swagger-ui.css"),
    headers={"Cache-Control": "no-cache", "Content-Security-Policy": POLICY},
)
OPEN = ("/openapi.json", "/docs", *(f"/docs/{name}" for name in FILES.names))

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def front(request: Request) -> Response:
    """The page itself."""
    return await FILES.get_response(FRONT, request.scope)


@router.get("/docs/{name}")
async def part(name: str, request: Request) -> Response:
    """A file that the page asks for."""
    return await FILES.get_response(name, request.scope)
