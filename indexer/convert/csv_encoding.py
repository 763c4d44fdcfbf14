"""Text whose characters take two bytes or four, as some spreadsheets save it."""

import codecs

START = 1024  # bytes that are looked at
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # which begins as the next one does
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WIDE = ("utf-16", "utf-32")


def is_wide(encoding: str) -> bool:
    """Raises LookupError where there is no such encoding."""
    return codecs.lookup(encoding).name.startswith(WIDE)


def wide_encoding(start: bytes) -> str | None:
    """Which of these encodings a file is in, by its first bytes; None where it is in none.

    Without a mark at its start it is where most of every second byte is zero, and hardly any of the others, as it is of
    Latin letters.
    """
    for mark, name in MARKS:
        if start.startswith(mark):
            return name
    first, second = (start[place::2] for place in (0, 1))
    for high, low, name in ((second, first, "utf-16-le"), (first, second, "utf-16-be")):
        if high.count(0) * 2 > len(high) and low.count(0) * 8 <= len(low):
            return name
    return None
