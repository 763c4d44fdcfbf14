"""The lines of a text file that may be gzipped, numbered from 1, in memory that does not grow with the file."""

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tqdm import tqdm

from wikiclip.base.errors import WikiClipError
from wikiclip.base.text_files import expect_no_page, mark_of

LONGEST_LINE = 32 * 2**20  # bytes; the longest Wikipedia article is near 2 MB, so more than this is not a record
BLOCK = 2**20


def read_lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Yields (line number, line); the line is None where it is too long to be a record. Blank lines are left out.

    Raises:
        WikiClipError: the file cannot be read, is no UTF-8, or its compressed data is damaged or ends early.
    """
    with _opened(path) as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if number == 1:
                line = line[mark_of(line, path) :]
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                _skip_to_next_line(file)
                yield number, None
            elif line.strip():
                yield number, line


def expect_one_object_a_line(path: Path) -> None:
    """Raises WikiClipError where a file that should hold an object a line is an array, objects over several lines, or a
    web page.

    Each of its lines would be a bad record, and a knowledge base of none of them.
    """
    with _opened(path) as file:
        start = file.read(BLOCK)
    expect_no_page(start, path)
    first, _, second = start[mark_of(start, path) :].lstrip().partition(b"\n")
    if first.startswith(b"["):
        raise WikiClipError(f"{path} is a JSON array; write one object a line: `jq -c '.[]' FILE > FILE.jsonl`.")
    if first.strip() == b"{" and second.lstrip().startswith(b'"'):
        raise WikiClipError(f"{path} has an object over several lines; write one a line: `jq -c . FILE > FILE.jsonl`.")


def count_lines(path: Path) -> int:
    """How many lines there are, blank ones included; reads the file once and parses nothing."""
    lines, block = 0, b"\n"
    with _opened(path) as file:
        while following := file.read(BLOCK):
            block = following
            lines += block.count(b"\n")
    return lines if block.endswith(b"\n") else lines + 1


def expect_whole(path: Path) -> None:
    """Reads a compressed file to its end, with a progress bar: that it was cut off shows nowhere else.

    Raises:
        WikiClipError: it was.
    """
    with _opened(path) as file:
        if not isinstance(file, gzip.GzipFile):
            return
        what = f"Looking whether {path.name} is whole"
        with tqdm(total=path.stat().st_size, unit="B", unit_scale=True, desc=what) as bar:
            while file.read(BLOCK):
                bar.update(os.lseek(file.fileno(), 0, os.SEEK_CUR) - bar.n)


def _skip_to_next_line(file: IO[bytes] | gzip.GzipFile) -> None:
    while (rest := file.readline(BLOCK)) and not rest.endswith(b"\n"):
        pass


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == b"\x1f\x8b"  # a download is often renamed, so the name does not tell
            raw.seek(0)
            if compressed:
                with gzip.open(raw) as file:
                    yield file
            else:
                yield raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise WikiClipError(f"{path} is damaged or was cut off ({error}); fetch it again.") from error
    except OSError as error:
        raise WikiClipError(f"{path} could not be read: {error.strerror or error}.") from error
