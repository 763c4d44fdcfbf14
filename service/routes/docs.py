"""The interactive description at `/docs`: Swagger UI out of a package, so that no other server is asked."""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

router = APIRouter(include_in_schema=False)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>WikiCLIP Service</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="description"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
START = 'SwaggerUIBundle({ url: "openapi.json", dom_id: "#description", deepLinking: true });\n'
ALLOWED = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@router.get("/docs")
def page() -> HTMLResponse:
    """The page, which may load nothing but what follows."""
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": ALLOWED})


@router.get("/docs/start.js")
def start() -> Response:
    """A file of its own: the page allows no script in itself."""
    return Response(START, media_type="text/javascript")


@router.get("/docs/swagger-ui-bundle.js")
def script() -> Response:
    """Swagger UI."""
    return _file("swagger-ui-bundle.js", "text/javascript")


@router.get("/docs/swagger-ui.css")
def style() -> Response:
    """Its style sheet."""
    return _file("swagger-ui.css", "text/css")


def _file(name: str, media_type: str) -> Response:
    return Response(_content(name), media_type=media_type, headers={"Cache-Control": "public, max-age=86400"})


@cache  # 1.6 MB, and none where nobody reads the description
def _content(name: str) -> bytes:
    return (files("fastapi_swagger.resources") / name).read_bytes()
