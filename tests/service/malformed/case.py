"""A malformed request with the answer it must get, and what such requests are made of."""

import base64
import io
import json
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from PIL import Image

from service import examples
from service.errors import Cause

W, H = examples.WIDTH, examples.HEIGHT
PNG = examples.picture()
RLE = examples.regions()["rle"]
COUNTS = RLE["counts"]
MARK = "hunter2"  # stands in input wherever a message could repeat it


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises `width` x `height` pixels and holds none."""
    chunks = b""
    for name, data in ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IEND", b"")):
        chunks += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return b"\x89PNG\r\n\x1a\n" + chunks


def saved(image: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def noise(width: int, height: int) -> bytes:
    return saved(Image.frombytes("RGB", (width, height), random.Random(0).randbytes(width * height * 3)), "PNG")


@dataclass(frozen=True)
class Case:
    """A request and the answer it must get; `request` is what httpx sends."""

    name: str
    cause: Cause
    request: dict[str, Any] | Callable[[], dict[str, Any]]
    method: str = "POST"
    path: str = "/link"
    pointers: list[str] = field(default_factory=list)

    def send(self, client: httpx.Client) -> httpx.Response:
        request = self.request if isinstance(self.request, dict) else self.request()
        return client.request(self.method, self.path, **request)


def cases_of(path: str, *rows: tuple[Any, ...]) -> list[Case]:
    """Of rows that hold a name, a cause, a request and the pointers of its faults."""
    return [Case(name, cause, request, path=path, pointers=list(pointers)) for name, cause, request, *pointers in rows]


def raw(text: str | bytes, content_type: str = "application/json") -> dict[str, Any]:
    content = text.encode() if isinstance(text, str) else text
    return {"content": content, "headers": {"content-type": content_type}}


def picture(data: bytes) -> dict[str, Any]:
    return {"json": {"image": b64(data)}}


def region(value: object) -> dict[str, Any]:
    # Python's own writer, since httpx's refuses NaN.
    return raw(json.dumps({"image": b64(PNG), "region": value}))


def body(**fields: object) -> dict[str, Any]:
    return raw(json.dumps({"image": b64(PNG), **fields}))


def large(*, regions: int) -> dict[str, Any]:
    """Four million pixels in a small file, and so many whole pictures to link."""
    return {"json": {"image": b64(saved(Image.new("RGB", (2000, 2000)), "PNG")), "regions": [None] * regions}}


def form(**fields: object) -> dict[str, Any]:
    parts = {"image": ("p.png", PNG), **fields}
    return {"files": {name: part for name, part in parts.items() if part is not None}}


def chunked(size: int) -> Iterator[bytes]:
    for _ in range(size // 65536):
        yield b" " * 65536


BOUNDARY = "multipart/form-data; boundary=cut"
PART = b'--cut\r\nContent-Disposition: form-data; name="image"; filename="p.png"\r\n\r\n'
