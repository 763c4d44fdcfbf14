"""Files in the shape of COCO: a JSON object with lists of `images` and `annotations`.

The largest do not fit in memory, so a list is read as a stream.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import ijson
from tqdm import tqdm

from wikiclip.base.errors import WikiClipError
from wikiclip.base.text_files import expect_no_page, mark_of

BLOCK = 2**10  # bytes that show what a file is

# Python writes a missing number so, as iNaturalist's files have it, and JSON knows none.
NAN = re.compile(rb"(?<=[:,\[\s])NaN(?=[\s,}\]])")


def items(path: Path, key: str, *, bar: bool = True, nan: bool = False) -> Iterator[object]:
    """What a top-level list of the file holds; nothing where there is no list of that name.

    Args:
        bar: shows progress.
        nan: reads NaN, which is not JSON, as null; or else it ends the file.

    Raises:
        WikiClipError: the file is not JSON, at the place where that shows.
    """
    given = 0
    try:
        for found in _items(path, key, bar=bar, nan=nan, use_float=True):
            yield found
            given += 1
    except (ijson.JSONError, UnicodeDecodeError) as error:
        if "overflow" not in str(error):
            raise _not_json(path, error) from error
        # The fast way ends at a number past 64 bits, which JSON has as any other; the slow one reads what is left.
        try:
            for found in islice(_items(path, key, bar=bar, nan=nan, use_float=False), given, None):
                yield _with_floats(found)
        except (ijson.JSONError, UnicodeDecodeError) as fault:
            raise _not_json(path, fault) from fault


def _items(path: Path, key: str, *, bar: bool, nan: bool, use_float: bool) -> Iterator[object]:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(expect_json(path))
        with tqdm.wrapattr(file, "read", total=size, desc=key, unit="B", unit_scale=True, disable=not bar) as stream:
            yield from ijson.items(WithoutNan(stream) if nan else stream, f"{key}.item", use_float=use_float)


class _Stream(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class WithoutNan:
    """A stream in which null stands for what is not a number; within a text too, where that reads like one."""

    def __init__(self, stream: _Stream) -> None:
        self._stream, self._before = stream, b""

    def read(self, size: int = -1) -> bytes:
        """Returns up to some bytes more than `size`: one that may be split at its end is read on to."""
        block = self._stream.read(size)
        while block.endswith((b"N", b"a")) and (following := self._stream.read(1)):
            block += following
        with_context, before = self._before + block, len(self._before)
        self._before = block[-1:]
        return NAN.sub(b"null", with_context)[before:] if b"NaN" in block else block


def expect_json(path: Path) -> int:
    """Where a file's JSON begins. Of the file no more is looked at than its start.

    Raises:
        WikiClipError: it is a web page, or of another encoding than UTF-8.
    """
    with path.open("rb") as file:
        start = file.read(BLOCK)
    expect_no_page(start, path)
    return mark_of(start, path)


def _not_json(path: Path, error: Exception) -> WikiClipError:
    return WikiClipError(f"{path} is not JSON, or is cut off ({str(error).splitlines()[0]}); fetch or write it again.")


def _with_floats(value: object) -> object:
    """The value as Python's own reader gives it, which knows no decimals."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_with_floats(part) for part in value]
    return {name: _with_floats(part) for name, part in value.items()} if isinstance(value, dict) else value


def plain_id(value: object) -> object:
    """An id as it is, but that 1.0 is 1."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def region_of(annotation: Mapping[str, Any]) -> object:
    """The region of an annotation for `wikiclip.regions.decode`: its segmentation, else its box, else None.

    A flat `bbox` is COCO's [x, y, width, height]; a list of boxes is MaskOVEN's, each [left, top, right, bottom].
    A segmentation that is one polygon without the list around it is read as meant, and one of empty polygons is none.
    """
    segmentation, bbox = annotation.get("segmentation"), annotation.get("bbox")
    if isinstance(segmentation, list):
        segmentation = [part for part in segmentation if part not in ([], None)]
    if segmentation:
        if not isinstance(segmentation, list):
            return segmentation
        if all(type(number) in (int, float) for number in segmentation):
            return {"polygon": [segmentation]}
        return {"polygon": segmentation} if isinstance(segmentation[0], list) else segmentation
    if not bbox:
        return None
    if isinstance(bbox, list) and all(isinstance(box, list) and len(box) == 4 for box in bbox):
        return {"polygon": [[x0, y0, x1, y0, x1, y1, x0, y1] for x0, y0, x1, y1 in bbox]}
    return {"box": bbox}
