"""Which picture files of a knowledge base may be served, and as what: decided by their first bytes, not their name."""

from pathlib import Path

# Such a file is someone else's: whatever it holds, a browser shall only ever show it as a picture.
SHOWN_ONLY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "public, max-age=3600",
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
