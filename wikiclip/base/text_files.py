"""Text files that people hand over: UTF-8, whose first bytes may be a mark of the byte order, as editors on Windows put
it there."""

import codecs
import re
from pathlib import Path

from wikiclip.base.errors import WikiClipError

# The longer ones first: UTF-32's little-endian mark begins with UTF-16's.
OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
WEB_PAGE = re.compile(rb"\s*<(!doctype\s+html|html|head|body|!--|\?xml)\b", re.IGNORECASE)


def mark_of(start: bytes, path: Path) -> int:
    """How many bytes at the start of a file are UTF-8's mark, and no content.

    Args:
        start: the first four bytes, or more.

    Raises:
        WikiClipError: the mark is another encoding's; names it.
    """
    for mark, name in OTHER_ENCODINGS.items():
        if start.startswith(mark):
            raise WikiClipError(f"{path} is {name}: save it as UTF-8.")
    return len(codecs.BOM_UTF8) if start.startswith(codecs.BOM_UTF8) else 0


def expect_no_page(start: bytes, path: Path) -> None:
    """Refuses a web page under a data file's name: what a server sends who wants a login, or is out of order.

    Args:
        start: the first few hundred bytes, or more.

    Raises:
        WikiClipError: the file begins as a page does.
    """
    if WEB_PAGE.match(start[mark_of(start, path) :]):
        raise WikiClipError(
            f"{path} is a web page and no data: open it in a browser to read what the server wants, such as a login,"
            " and fetch the file again."
        )


def read_text(path: Path) -> str:
    """A small file's text, with line ends as they stand.

    Raises:
        WikiClipError: it cannot be read, or is no text in UTF-8.
    """
    try:
        return decode_text(path.read_bytes(), path)
    except OSError as error:
        raise WikiClipError(f"{path} cannot be read: {error.strerror}.") from error


def decode_text(data: bytes, path: Path) -> str:
    """What a file's bytes say.

    Raises:
        WikiClipError: they are no text in UTF-8; names the file.
    """
    try:
        return data[mark_of(data, path) :].decode("utf-8")
    except UnicodeDecodeError as error:
        raise WikiClipError(f"{path} is no text in UTF-8: {error.reason} at byte {error.start}.") from error
