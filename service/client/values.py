"""What Python users hold, to what a request can carry: pictures to files, NumPy's and pycocotools' values to JSON."""

import io
import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from service.client.connection import LinkError

TagLists = Mapping[str, Iterable[str]]  # under `any`, `all` and `none`
Picture = Any  # a path (`Path` or `str`), a file's bytes, an open file, or a picture of Pillow


def file_of(picture: Picture) -> bytes:
    """The picture's file. A picture of Pillow becomes a PNG, which loses nothing.

    Raises:
        LinkError: it is none of the kinds of picture that there are.
        OSError: the file cannot be read.
    """
    if isinstance(picture, bytes | bytearray | memoryview):
        return bytes(picture)
    if isinstance(picture, str | Path):
        return Path(picture).read_bytes()
    if hasattr(picture, "read"):
        content = picture.read()
        if isinstance(content, bytes):
            return content
    if hasattr(picture, "save") and hasattr(picture, "getbands"):
        stream = io.BytesIO()
        picture.save(stream, format="PNG")
        return stream.getvalue()
    raise LinkError(
        f"A picture is a path, a file's bytes, a file open for reading bytes, or a picture of Pillow, not a"
        f" {type(picture).__name__}."
    )


def tag_lists(tags: TagLists | None) -> dict[str, list[str]] | None:
    """Lists of tags as a request has them.

    Raises:
        LinkError: a text stands where a list of texts belongs.
    """
    if tags is None:
        return None
    if any(isinstance(several, str) for several in tags.values()):
        raise LinkError('Tags are given as lists: {"any": ["bird"]}.')
    return {name: list(several) for name, several in tags.items()}


def region_of(value: object) -> object:
    """A region as JSON has it: a mask [height, width] of NumPy becomes an RLE, all else is taken as it is."""
    return _rle(value) if _is_mask(value) else value


def json_of(value: object, name: str) -> str:
    """A field's value as JSON: NumPy's numbers and arrays as numbers and lists, bytes as the text that they hold.

    Raises:
        LinkError: it holds something else.
    """
    try:
        return json.dumps(value, default=_plain, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise LinkError(f"`{name}` cannot be sent as JSON: {error}.") from error


def _plain(value: Any) -> object:
    if isinstance(value, bytes):  # as `pycocotools.mask.encode` has counts
        return value.decode("ascii")
    if hasattr(value, "tolist"):  # NumPy, and what is like it
        return value.tolist()
    if isinstance(value, tuple | set | frozenset | range):
        return list(value)
    raise TypeError(f"it holds a {type(value).__name__}")


def _is_mask(value: Any) -> bool:
    """Whether it is an array of pixels that are inside or not."""
    return getattr(value, "ndim", 0) == 2 and (
        value.dtype.kind == "b" or (value.dtype.kind in "iu" and min(value.shape) > 4)
    )


def _rle(mask: Any) -> dict[str, object]:
    """COCO's uncompressed RLE: columns first, runs of outside and inside in turn, outside first."""
    inside = mask.astype(bool).ravel(order="F")
    changes = (inside[1:] != inside[:-1]).nonzero()[0].tolist()
    edges = [-1, *changes, len(inside) - 1]
    runs = [end - start for start, end in itertools.pairwise(edges)]
    return {"size": list(mask.shape), "counts": [0, *runs] if inside[0] else runs}
