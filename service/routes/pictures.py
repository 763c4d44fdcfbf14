"""Which picture files of a knowledge base may be served, and as what: decided by their first bytes, not their name."""

from pathlib import Path

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send


class WholeFile(FileResponse):
    """A whole file: a request for a range of it is passed over, as HTTP lets a server do.

    Starlette refuses ranges that it does not like in plain text, and cuts a file into as many parts as a caller names.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


# Such a file is someone else's: whatever it holds, a browser shall only ever show it as a picture.
SHOWN_ONLY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "public, max-age=3600",
    "Accept-Ranges": "none",
}


def media_type(path: Path) -> str | None:
    """The media type of a picture that a browser shows without running anything, or None for any other file."""
    with path.open("rb") as file:
        head = file.read(12)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return None
