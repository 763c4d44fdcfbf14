"""Base64 as people write it: strict, but for the line breaks that many tools put in."""

import pybase64

BREAKS = b"\r\n\t "


def from_base64(text: str) -> bytes:
    """What the text holds; line breaks and blanks do not count (RFC 2045, section 6.8).

    Raises:
        ValueError: it is not base64.
    """
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        return pybase64.b64decode(text.encode("ascii").translate(None, BREAKS), validate=True)
