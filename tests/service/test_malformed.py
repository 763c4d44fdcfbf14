"""Hard input that is wrong: each request has its status and `type`, and the service answers the next good one."""

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
import pytest
from PIL import Image

from service import examples
from service.errors import Cause
from service.schemas import ProblemOut
from wikiclip.images import IMAGE_CODES
from wikiclip.masks import REGION_CODES

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

JSON_CASES = [
    Case("empty body", Cause.MALFORMED_JSON, raw("")),
    Case("not json", Cause.MALFORMED_JSON, raw(f"{MARK}=1")),
    Case("cut-off json", Cause.MALFORMED_JSON, raw(json.dumps({"image": b64(PNG)})[:-5])),
    Case("text after json", Cause.MALFORMED_JSON, raw("{} {}")),
    Case("not utf-8", Cause.MALFORMED_JSON, raw(b'{"image": "\xff\xfe"}')),
    Case("utf-16", Cause.MALFORMED_JSON, raw(json.dumps({"image": b64(PNG)}).encode("utf-16"))),
    Case("byte order mark", Cause.MALFORMED_JSON, raw(b"\xef\xbb\xbf{}")),
    Case("key twice", Cause.MALFORMED_JSON, raw('{"image": "AA==", "image": "AA=="}')),
    Case("key twice inside", Cause.MALFORMED_JSON, raw('{"image": "AA==", "region": {"box": [], "box": []}}')),
    Case("nan", Cause.MALFORMED_JSON, raw('{"image": "AA==", "min_score": NaN}')),
    Case("infinity", Cause.MALFORMED_JSON, raw('{"image": "AA==", "min_score": -Infinity}')),
    Case("float out of range", Cause.MALFORMED_JSON, raw('{"image": "AA==", "min_score": 1e999}')),
    Case("endless integer", Cause.MALFORMED_JSON, raw('{"image": "AA==", "top_k": ' + "9" * 10_000 + "}")),
    Case("deep lists", Cause.MALFORMED_JSON, raw("[" * 100_000)),
    Case("deep objects", Cause.MALFORMED_JSON, raw('{"a":' * 1000 + "1" + "}" * 1000)),
    Case("too many values", Cause.MALFORMED_JSON, raw("[" + "1," * 600_000 + "1]")),
    Case("too many strings", Cause.MALFORMED_JSON, raw("[" + '""' * 1_000_000 + "]")),
    Case("unended string", Cause.MALFORMED_JSON, raw('"' + '\\"' * 500_000)),
    Case("a list", Cause.INVALID_REQUEST, raw("[]"), pointers=["#"]),
    Case("null", Cause.INVALID_REQUEST, raw("null"), pointers=["#"]),
]

FIELD_CASES = [
    Case("no image", Cause.INVALID_REQUEST, raw("{}"), pointers=["#/image"]),
    Case("image null", Cause.INVALID_REQUEST, raw('{"image": null}'), pointers=["#/image"]),
    Case("image a number", Cause.INVALID_REQUEST, raw('{"image": 7}'), pointers=["#/image"]),
    Case("unknown field", Cause.INVALID_REQUEST, body(**{MARK: 1}), pointers=["#"]),
    Case("region and regions", Cause.INVALID_REQUEST, body(region=RLE, regions=[RLE]), pointers=["#"]),
    Case("regions empty", Cause.INVALID_REQUEST, body(regions=[]), pointers=["#/regions"]),
    Case("regions an object", Cause.INVALID_REQUEST, body(regions=RLE), pointers=["#/regions"]),
    Case("regions too many", Cause.TOO_MANY_REGIONS, body(regions=[None] * 9)),
    Case("masks too large together", Cause.TOO_MANY_REGIONS, lambda: large(regions=3)),
    Case("top_k 0", Cause.INVALID_REQUEST, body(top_k=0), pointers=["#/top_k"]),
    Case("top_k 10000", Cause.INVALID_REQUEST, body(top_k=10_000), pointers=["#/top_k"]),
    Case("top_k 101", Cause.INVALID_REQUEST, body(top_k=101), pointers=["#/top_k"]),
    Case("top_k negative", Cause.INVALID_REQUEST, body(top_k=-1), pointers=["#/top_k"]),
    Case("top_k true", Cause.INVALID_REQUEST, body(top_k=True), pointers=["#/top_k"]),
    Case("top_k 1.5", Cause.INVALID_REQUEST, body(top_k=1.5), pointers=["#/top_k"]),
    Case("top_k 1.0", Cause.INVALID_REQUEST, body(top_k=1.0), pointers=["#/top_k"]),
    Case("top_k text", Cause.INVALID_REQUEST, body(top_k="10"), pointers=["#/top_k"]),
    Case("top_k null", Cause.INVALID_REQUEST, body(top_k=None), pointers=["#/top_k"]),
    Case("min_score true", Cause.INVALID_REQUEST, body(min_score=True), pointers=["#/min_score"]),
    Case("min_score text", Cause.INVALID_REQUEST, body(min_score=MARK), pointers=["#/min_score"]),
    Case("min_score 2", Cause.INVALID_REQUEST, body(min_score=2), pointers=["#/min_score"]),
    Case("min_score huge", Cause.INVALID_REQUEST, body(min_score=10**400), pointers=["#/min_score"]),
    Case("two faults", Cause.INVALID_REQUEST, body(top_k=0, min_score=2), pointers=["#/top_k", "#/min_score"]),
]

IMAGE_CASES = [
    Case("not base64", Cause.MALFORMED_BASE64, raw(json.dumps({"image": f"{MARK}!"}))),
    Case("base64 cut off", Cause.MALFORMED_BASE64, raw(json.dumps({"image": b64(PNG)[:-1]}))),
    Case("base64 with line breaks", Cause.MALFORMED_BASE64, raw(json.dumps({"image": "AAAA\nAAAA"}))),
    Case("base64 with a surrogate", Cause.MALFORMED_BASE64, raw('{"image": "\\ud800AAA"}')),
    Case("data url", Cause.MALFORMED_BASE64, raw(json.dumps({"image": f"data:image/png;base64,{b64(PNG)}"}))),
    Case("url", Cause.MALFORMED_BASE64, raw('{"image": "http://127.0.0.1/picture.png"}')),
    Case("zero bytes", Cause.EMPTY_IMAGE, raw('{"image": ""}')),
    Case("text file", Cause.UNSUPPORTED_IMAGE, picture(MARK.encode() * 50)),
    Case("svg", Cause.UNSUPPORTED_IMAGE, picture(b'<svg xmlns="http://www.w3.org/2000/svg"/>')),
    Case("bmp", Cause.UNSUPPORTED_IMAGE, picture(saved(Image.new("RGB", (9, 9)), "BMP"))),
    Case("tiff", Cause.UNSUPPORTED_IMAGE, picture(saved(Image.new("RGB", (9, 9)), "TIFF"))),
    Case("truncated png", Cause.MALFORMED_IMAGE, picture(noise(64, 64)[:-2000])),
    Case("truncated jpeg", Cause.MALFORMED_IMAGE, picture(saved(Image.effect_noise((64, 64), 90), "JPEG")[:400])),
    Case("png signature alone", Cause.MALFORMED_IMAGE, picture(PNG[:8])),
    Case("png without pixels", Cause.MALFORMED_IMAGE, picture(png_header(10, 10))),
    Case("png header 50000 x 50000", Cause.IMAGE_TOO_LARGE, picture(png_header(50_000, 50_000))),
    Case("png header 2147483647 wide", Cause.IMAGE_TOO_LARGE, picture(png_header(2**31 - 1, 2**31 - 1))),
    Case("more pixels than allowed", Cause.IMAGE_TOO_LARGE, picture(saved(Image.new("L", (2001, 2000)), "PNG"))),
    Case("more bytes than allowed", Cause.IMAGE_TOO_LARGE, lambda: {"files": {"image": noise(650, 650)}}),
]

REGION_CASES = [
    Case("region a number", Cause.MALFORMED_REGION, region(7)),
    Case("region a text", Cause.MALFORMED_REGION, region(MARK)),
    Case("region true", Cause.MALFORMED_REGION, region(True)),
    Case("region empty", Cause.MALFORMED_REGION, region({})),
    Case("region of no form", Cause.MALFORMED_REGION, region({MARK: [1, 2, 3, 4]})),
    Case("no counts", Cause.MALFORMED_REGION, region({"size": [H, W]})),
    Case("no size", Cause.MALFORMED_REGION, region({"counts": COUNTS})),
    Case("two forms", Cause.MALFORMED_REGION, region({**RLE, "box": [0, 0, 9, 9]})),
    Case("extra key", Cause.MALFORMED_REGION, region({**RLE, MARK: 1})),
    Case("no rles", Cause.MALFORMED_REGION, region([])),
    Case("rles with another form", Cause.MALFORMED_REGION, region([RLE, {"box": [0, 0, 9, 9]}])),
    Case("rles nested", Cause.MALFORMED_REGION, region([[RLE]])),
    Case("one bad of two", Cause.MALFORMED_RLE, body(regions=[RLE, {"size": [H, W], "counts": "0"}])),
    Case("counts short", Cause.MALFORMED_RLE, region({"size": [H, W], "counts": COUNTS[:-4]})),
    Case("counts empty", Cause.MALFORMED_RLE, region({"size": [H, W], "counts": ""})),
    Case("counts cut off in a number", Cause.MALFORMED_RLE, region({"size": [H, W], "counts": COUNTS + "P"})),
    Case("counts of another alphabet", Cause.MALFORMED_RLE, region({"size": [H, W], "counts": f"!~{COUNTS}"})),
    Case("counts not ascii", Cause.MALFORMED_RLE, region({"size": [H, W], "counts": "\u2603\ud800"})),
    Case("counts long", Cause.MALFORMED_RLE, region({"size": [H, W], "counts": "0" * 100_000})),
    Case("counts a number", Cause.MALFORMED_RLE, region({"size": [H, W], "counts": 5})),
    Case("list short", Cause.MALFORMED_RLE, region({"size": [H, W], "counts": [10, 20]})),
    Case("list long", Cause.MALFORMED_RLE, region({"size": [H, W], "counts": [10, H * W]})),
    Case("list of booleans", Cause.MALFORMED_RLE, region({"size": [H, W], "counts": [True, H * W - 1]})),
    Case("list of floats", Cause.MALFORMED_RLE, region({"size": [H, W], "counts": [1.0, float(H * W - 1)]})),
    Case("list of texts", Cause.MALFORMED_RLE, region({"size": [H, W], "counts": ["1", MARK]})),
    Case("list negative", Cause.MALFORMED_RLE, region({"size": [H, W], "counts": [-1, H * W + 1]})),
    Case("list past 64 bits", Cause.MALFORMED_RLE, region({"size": [H, W], "counts": [2**64, H * W]})),
    Case("size of floats", Cause.MALFORMED_RLE, region({"size": [float(H), float(W)], "counts": COUNTS})),
    Case("size of booleans", Cause.MALFORMED_RLE, region({"size": [True, True], "counts": COUNTS})),
    Case("size of three", Cause.MALFORMED_RLE, region({"size": [H, W, 3], "counts": COUNTS})),
    Case("size the other way round", Cause.MASK_SIZE_MISMATCH, region({"size": [W, H], "counts": COUNTS})),
    Case("size of another picture", Cause.MASK_SIZE_MISMATCH, region({"size": [H + 1, W], "counts": COUNTS})),
    Case("size negative", Cause.MASK_SIZE_MISMATCH, region({"size": [-H, -W], "counts": COUNTS})),
    Case("size huge", Cause.MASK_SIZE_MISMATCH, region({"size": [10**9, 10**9], "counts": COUNTS})),
    Case("mask empty", Cause.EMPTY_MASK, region({"size": [H, W], "counts": [H * W]})),
    Case("too many rles", Cause.REGION_TOO_COMPLEX, region([RLE] * 2000)),
    Case("box of nan", Cause.MALFORMED_JSON, region({"box": [float("nan"), 0, 5, 5]})),
    Case("box of three", Cause.MALFORMED_BOX, region({"box": [0, 0, 5]})),
    Case("box of booleans", Cause.MALFORMED_BOX, region({"box": [0, 0, True, True]})),
    Case("box of texts", Cause.MALFORMED_BOX, region({"box": ["0", 0, 5, MARK]})),
    Case("box negative", Cause.MALFORMED_BOX, region({"box": [5, 5, -3, -3]})),
    Case("box past floats", Cause.MALFORMED_BOX, region({"box": [0, 0, 10**400, 5]})),
    Case("box outside", Cause.OUTSIDE_PICTURE, region({"box": [W, 0, 5, 5]})),
    Case("box without area", Cause.EMPTY_MASK, region({"box": [3, 3, 0, 5]})),
    Case("polygon odd", Cause.MALFORMED_POLYGON, region({"polygon": [[1, 1, 9, 1, 9]]})),
    Case("polygon of two points", Cause.MALFORMED_POLYGON, region({"polygon": [[1, 1, 9, 1]]})),
    Case("polygon flat", Cause.MALFORMED_POLYGON, region({"polygon": [1, 1, 9, 1, 9, 9]})),
    Case("polygon of none", Cause.MALFORMED_POLYGON, region({"polygon": []})),
    Case("polygon outside", Cause.EMPTY_MASK, region({"polygon": [[W, H, W + 9, H, W + 9, H + 9]]})),
    Case("polygon endless", Cause.REGION_TOO_COMPLEX, region({"polygon": [[0, 0, 1e9, 0, 1e9, 1e9]]})),
    Case("png mask of another size", Cause.MASK_SIZE_MISMATCH, region({"png": b64(noise(9, 9))})),
    Case("png mask of a huge header", Cause.MASK_SIZE_MISMATCH, region({"png": b64(png_header(50_000, 50_000))})),
    Case("png mask not base64", Cause.MALFORMED_PNG, region({"png": f"{MARK}!"})),
    Case("png mask a jpeg", Cause.MALFORMED_PNG, region({"png": b64(saved(Image.new("L", (W, H), 255), "JPEG"))})),
    Case("png mask truncated", Cause.MALFORMED_PNG, region({"png": b64(PNG[:60])})),
    Case("png mask black", Cause.EMPTY_MASK, region({"png": b64(saved(Image.new("L", (W, H)), "PNG"))})),
]

FORM_CASES = [
    Case("form without image", Cause.INVALID_REQUEST, {"files": {"top_k": (None, "3")}}, pointers=["#/image"]),
    Case("form image empty", Cause.EMPTY_IMAGE, form(image=("p.png", b""))),
    Case("form image text", Cause.UNSUPPORTED_IMAGE, form(image=("p.png", MARK.encode()))),
    Case("form unknown part", Cause.INVALID_REQUEST, form(**{MARK: (None, "1")}), pointers=["#"]),
    Case("form region not json", Cause.MALFORMED_JSON, form(region=(None, "{" + MARK))),
    Case("form region neither json nor png", Cause.MALFORMED_PNG, form(region=("m.png", MARK.encode()))),
    Case("form mask of another size", Cause.MASK_SIZE_MISMATCH, form(region=("m.png", noise(9, 9)))),
    Case("form top_k text", Cause.MALFORMED_JSON, form(top_k=(None, MARK))),
    Case("form top_k 0", Cause.INVALID_REQUEST, form(top_k=(None, "0")), pointers=["#/top_k"]),
    Case("form top_k true", Cause.INVALID_REQUEST, form(top_k=(None, "true")), pointers=["#/top_k"]),
    Case("form min_score nan", Cause.MALFORMED_JSON, form(min_score=(None, "NaN"))),
    Case("form image twice", Cause.INVALID_REQUEST, {"files": [("image", PNG), ("image", PNG)]}),
    Case("form of many parts", Cause.INVALID_REQUEST, {"files": [(f"p{i}", b"1") for i in range(50)]}),
    Case("form without boundary", Cause.MALFORMED_MULTIPART, raw(PART, "multipart/form-data")),
    Case("form of another boundary", Cause.MALFORMED_MULTIPART, raw(b"--other\r\n\r\n--other--", BOUNDARY)),
    Case("form cut off", Cause.MALFORMED_MULTIPART, raw(PART + PNG, BOUNDARY)),
    Case("form empty", Cause.MALFORMED_MULTIPART, raw(b"", BOUNDARY)),
    Case("form part without name", Cause.MALFORMED_MULTIPART, raw(b"--cut\r\n\r\n1\r\n--cut--", BOUNDARY)),
    Case("form header broken", Cause.MALFORMED_MULTIPART, raw(b"--cut\r\n\x00: 1\r\n\r\n1\r\n--cut--", BOUNDARY)),
]

HTTP_CASES = [
    Case("no content type", Cause.UNSUPPORTED_MEDIA_TYPE, {"content": b"{}"}),
    Case("plain text", Cause.UNSUPPORTED_MEDIA_TYPE, raw("{}", "text/plain")),
    Case("picture as body", Cause.UNSUPPORTED_MEDIA_TYPE, raw(PNG, "image/png")),
    Case("url-encoded", Cause.UNSUPPORTED_MEDIA_TYPE, {"data": {"image": "AA=="}}),
    Case("broken type", Cause.UNSUPPORTED_MEDIA_TYPE, raw("{}", ";;;")),
    Case(
        "compressed body",
        Cause.UNSUPPORTED_MEDIA_TYPE,
        {"content": b"", "headers": {"content-type": "application/json", "content-encoding": "gzip"}},
    ),
    Case("body too large", Cause.BODY_TOO_LARGE, lambda: raw(b" " * 3_000_000)),
    Case(
        "body too large without a length",
        Cause.BODY_TOO_LARGE,
        lambda: {"content": chunked(3_000_000), "headers": {"content-type": "application/json"}},
    ),
    Case("get", Cause.METHOD_NOT_ALLOWED, {}, method="GET"),
    Case("put", Cause.METHOD_NOT_ALLOWED, picture(PNG), method="PUT"),
    Case("delete", Cause.METHOD_NOT_ALLOWED, {}, method="DELETE"),
    Case("post to a record", Cause.METHOD_NOT_ALLOWED, {}, path="/entities/red-disc"),
    Case("another name", Cause.WRONG_HOST, {**picture(PNG), "headers": {"host": f"{MARK}.example"}}),
    Case(
        "another site's page", Cause.FOREIGN_ORIGIN, {**picture(PNG), "headers": {"origin": f"http://{MARK}.example"}}
    ),
    Case("no admin's key", Cause.FORBIDDEN, {}, path="/admin/reload"),
    Case("another path", Cause.NOT_FOUND, picture(PNG), path=f"/{MARK}"),
]

SEGMENT_CASES = [
    Case(name, cause, request, path="/segment", pointers=list(pointers))
    for name, cause, request, *pointers in (
        ("segment empty body", Cause.MALFORMED_JSON, raw("")),
        ("segment not json", Cause.MALFORMED_JSON, raw(MARK)),
        ("segment key twice", Cause.MALFORMED_JSON, raw('{"image": "AA==", "point": [1, 1], "point": [2, 2]}')),
        ("segment point of nan", Cause.MALFORMED_JSON, raw('{"image": "AA==", "point": [NaN, 1]}')),
        ("segment plain text", Cause.UNSUPPORTED_MEDIA_TYPE, raw("{}", "text/plain")),
        ("segment body too large", Cause.BODY_TOO_LARGE, lambda: raw(b" " * 3_000_000)),
        ("segment no image", Cause.INVALID_REQUEST, raw('{"point": [1, 1]}'), "#/image"),
        ("segment image not base64", Cause.MALFORMED_BASE64, raw(json.dumps({"image": f"{MARK}!"}))),
        ("segment image empty", Cause.EMPTY_IMAGE, raw('{"image": ""}')),
        ("segment image a text", Cause.UNSUPPORTED_IMAGE, picture(MARK.encode() * 50)),
        ("segment image truncated", Cause.MALFORMED_IMAGE, picture(PNG[:60])),
        ("segment image of a huge header", Cause.IMAGE_TOO_LARGE, picture(png_header(50_000, 50_000))),
        ("segment region", Cause.INVALID_REQUEST, body(region=RLE), "#"),
        ("segment top_k", Cause.INVALID_REQUEST, body(top_k=3), "#"),
        ("segment point and box", Cause.INVALID_REQUEST, body(point=[1, 1], box=[0, 0, 9, 9]), "#"),
        ("segment point a number", Cause.INVALID_REQUEST, body(point=7), "#/point"),
        ("segment point of one", Cause.INVALID_REQUEST, body(point=[7]), "#/point"),
        ("segment point of three", Cause.INVALID_REQUEST, body(point=[1, 2, 3]), "#/point"),
        ("segment point of texts", Cause.INVALID_REQUEST, body(point=["1", MARK]), "#/point/0", "#/point/1"),
        ("segment point of booleans", Cause.INVALID_REQUEST, body(point=[True, 1]), "#/point/0"),
        ("segment point past floats", Cause.INVALID_REQUEST, body(point=[10**400, 1]), "#/point/0"),
        ("segment point right of it", Cause.OUTSIDE_PICTURE, body(point=[W, 1])),
        ("segment point above it", Cause.OUTSIDE_PICTURE, body(point=[1, -0.1])),
        ("segment box of three", Cause.MALFORMED_BOX, body(box=[0, 0, 5])),
        ("segment box a text", Cause.MALFORMED_BOX, body(box=MARK)),
        ("segment box negative", Cause.MALFORMED_BOX, body(box=[5, 5, -3, -3])),
        ("segment box without area", Cause.EMPTY_MASK, body(box=[3, 3, 0, 5])),
        ("segment box outside", Cause.OUTSIDE_PICTURE, body(box=[W, 0, 5, 5])),
        ("segment form without image", Cause.INVALID_REQUEST, {"files": {"point": (None, "[1, 1]")}}, "#/image"),
        ("segment form point not json", Cause.MALFORMED_JSON, form(point=(None, MARK))),
        ("segment form cut off", Cause.MALFORMED_MULTIPART, raw(PART + PNG, BOUNDARY)),
    )
]

KNOWN = {"entity_id": "red-disc"}
EXPLAIN_CASES = [
    Case(name, cause, request, path="/explain", pointers=list(pointers))
    for name, cause, request, *pointers in (
        ("explain empty body", Cause.MALFORMED_JSON, raw("")),
        ("explain not json", Cause.MALFORMED_JSON, raw(MARK)),
        ("explain id twice", Cause.MALFORMED_JSON, raw('{"image": "AA==", "entity_id": "a", "entity_id": "b"}')),
        ("explain plain text", Cause.UNSUPPORTED_MEDIA_TYPE, raw("{}", "text/plain")),
        ("explain body too large", Cause.BODY_TOO_LARGE, lambda: raw(b" " * 3_000_000)),
        ("explain nothing", Cause.INVALID_REQUEST, raw("{}"), "#/image", "#/entity_id"),
        ("explain no entity", Cause.INVALID_REQUEST, body(region=RLE), "#/entity_id"),
        ("explain entity a number", Cause.INVALID_REQUEST, body(entity_id=7), "#/entity_id"),
        ("explain entity null", Cause.INVALID_REQUEST, body(entity_id=None), "#/entity_id"),
        ("explain entity unknown", Cause.UNKNOWN_ENTITY, body(entity_id=MARK)),
        ("explain entity empty", Cause.UNKNOWN_ENTITY, body(entity_id="")),
        (
            "explain entity a surrogate",
            Cause.UNKNOWN_ENTITY,
            raw(json.dumps({"image": b64(PNG)})[:-1] + ', "entity_id": "\\ud800"}'),
        ),
        ("explain regions", Cause.INVALID_REQUEST, body(**KNOWN, regions=[RLE]), "#"),
        ("explain image not base64", Cause.MALFORMED_BASE64, raw(json.dumps({**KNOWN, "image": f"{MARK}!"}))),
        ("explain image empty", Cause.EMPTY_IMAGE, raw(json.dumps({**KNOWN, "image": ""}))),
        ("explain image a text", Cause.UNSUPPORTED_IMAGE, raw(json.dumps({**KNOWN, "image": b64(b"x" * 99)}))),
        ("explain image truncated", Cause.MALFORMED_IMAGE, raw(json.dumps({**KNOWN, "image": b64(PNG[:60])}))),
        ("explain region a text", Cause.MALFORMED_REGION, body(**KNOWN, region=MARK)),
        ("explain rle short", Cause.MALFORMED_RLE, body(**KNOWN, region={"size": [H, W], "counts": COUNTS[:-4]})),
        (
            "explain rle of another size",
            Cause.MASK_SIZE_MISMATCH,
            body(**KNOWN, region={"size": [W, H], "counts": COUNTS}),
        ),
        ("explain mask empty", Cause.EMPTY_MASK, body(**KNOWN, region={"size": [H, W], "counts": [H * W]})),
        ("explain box outside", Cause.OUTSIDE_PICTURE, body(**KNOWN, region={"box": [W, 0, 5, 5]})),
        ("explain polygon odd", Cause.MALFORMED_POLYGON, body(**KNOWN, region={"polygon": [[1, 1, 9, 1, 9]]})),
        ("explain png not base64", Cause.MALFORMED_PNG, body(**KNOWN, region={"png": f"{MARK}!"})),
        ("explain form without entity", Cause.INVALID_REQUEST, form(), "#/entity_id"),
        ("explain form entity unknown", Cause.UNKNOWN_ENTITY, form(entity_id=(None, b"\xff" + MARK.encode()))),
        ("explain form cut off", Cause.MALFORMED_MULTIPART, raw(PART + PNG, BOUNDARY)),
    )
]

CASES = JSON_CASES + FIELD_CASES + IMAGE_CASES + REGION_CASES + FORM_CASES + HTTP_CASES + SEGMENT_CASES + EXPLAIN_CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_a_malformed_request_gets_its_problem_and_the_next_is_answered(client: httpx.Client, case: Case) -> None:
    answer = case.send(client)
    assert (answer.json()["type"], answer.status_code) == (case.cause.type, case.cause.status)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = ProblemOut.model_validate_json(answer.content)
    assert problem.title == case.cause.title
    assert [error.pointer for error in problem.errors or []] == case.pointers
    assert MARK not in answer.text
    good = client.post("/link", json={"image": b64(PNG), "region": RLE, "top_k": 1})
    assert good.status_code == 200


def test_every_cause_that_a_caller_can_bring_about_is_in_the_table() -> None:
    elsewhere = {
        Cause.NO_PICTURE,
        Cause.UNKNOWN_SCENE,
        Cause.CONNECTION_CLOSED,
        Cause.INTERNAL_ERROR,
        Cause.NOT_READY,
        Cause.BUSY,
        Cause.UNREADABLE_IMAGE,
        Cause.MALFORMED_HTTP,
        # of who asks, and how slowly: tests of their own
        Cause.UNAUTHORIZED,
        Cause.RATE_LIMITED,
        Cause.BODY_TOO_SLOW,
        Cause.DEADLINE,
    }
    assert {case.cause for case in CASES} == set(Cause) - elsewhere


def test_every_code_of_the_model_s_package_is_a_cause() -> None:
    assert {*IMAGE_CODES, *REGION_CODES} <= {cause.code for cause in Cause}


def test_a_refusal_of_the_method_names_those_that_work(client: httpx.Client) -> None:
    assert client.get("/link").headers["allow"] == "POST"


def test_as_many_masks_as_fit_are_linked(client: httpx.Client) -> None:
    assert len(client.post("/link", **large(regions=2)).raise_for_status().json()["results"]) == 2
