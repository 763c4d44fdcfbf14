"""Bodies that are short to write and long to read: JSON of very many values, parts without end, pieces of a byte."""

import base64
from collections.abc import Callable

from benchmarks.hostile.bodies import GOOD, JSON_TYPE, NOWHERE, multipart, part
from benchmarks.hostile.bombs.bomb import BOUNDARY, MEGABYTE, Throw, asking, of_json
from benchmarks.hostile.case import Case, case, head
from service import examples

VALUES = 490_000  # of one body's JSON, all but
FORM = b"multipart/form-data; boundary=" + BOUNDARY


def _text(body: bytes) -> Callable[[], Case]:
    return lambda: case("bomb", body, JSON_TYPE)


def _form(body: bytes) -> Callable[[], Case]:
    return lambda: case("bomb", body, FORM)


def _in_pieces() -> Case:
    """A body whose chunks are of a byte each: six times as much on the way as it holds."""
    content = of_json({"image": GOOD, "region": NOWHERE, "top_k": 3}).request.partition(b"\r\n\r\n")[2]
    content = b" " * (MEGABYTE - len(content)) + content
    lines = [(b"Host", b"localhost"), (b"Content-Type", JSON_TYPE), (b"Transfer-Encoding", b"chunked")]
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in content)
    return Case("bomb", "POST", "/link", head("POST", "/link", lines) + pieces + b"0\r\n\r\n")


def _image_of(text: str) -> Callable[[], Case]:
    return lambda: of_json({"image": text, "region": NOWHERE})


CASES: dict[str, Callable[[], Case]] = {
    "an ordinary request": lambda: of_json({"image": GOOD, "region": NOWHERE}),
    "490,000 unknown keys": lambda: of_json({f"{number}": 0 for number in range(VALUES)}),
    "490,000 unknown keys in a region": lambda: of_json(
        {"image": GOOD, "region": {f"{number}": 0 for number in range(VALUES)}}
    ),
    "490,000 objects of one key": lambda: of_json({"image": GOOD, "region": [{"a": 0}] * (VALUES // 2)}),
    "490,000 regions": lambda: of_json({"image": GOOD, "regions": [None] * VALUES}),
    "490,000 numbers for a point": lambda: of_json({"image": GOOD, "point": [0.5] * VALUES}, target="/segment"),
    "490,000 strings": lambda: of_json({"image": GOOD, "region": ["ab\\"] * VALUES}),
    "15 levels of 30,000 lists": lambda: of_json({"image": GOOD, "region": [[[[[[[[[[[[[[]]]]]]]]]]]]]] * 30_000}),
    "30 million brackets": _text(b'{"region": ' + b"[" * (30 * MEGABYTE)),
    "30 million brackets in pairs": _text(b'{"region": [' + b"[]" * (15 * MEGABYTE)),
    "15 million escaped quotes": _text(b'{"image": "' + b'\\"' * (15 * MEGABYTE) + b'"}'),
    "15 million strings": _text(b"[" + b'""' * (15 * MEGABYTE) + b"]"),
    "a number of 30 million digits": _text(b'{"top_k": ' + b"9" * (30 * MEGABYTE) + b"}"),
    "a fraction of 30 million digits": _text(b'{"min_score": 0.' + b"9" * (30 * MEGABYTE) + b"}"),
    "30 million spaces": _text(b" " * (30 * MEGABYTE) + b"{}"),
    "base64 of 26 million line breaks": _image_of(GOOD + "\n" * (13 * MEGABYTE)),
    "base64 of 20 MB, no picture": _image_of(base64.b64encode(bytes(19 * MEGABYTE)).decode()),
    "base64 of 30 million wrong letters": _image_of("!" * (30 * MEGABYTE)),
    "a million parts": _form(multipart([part(b'name="a"', b"")] * 500_000, BOUNDARY)),
    "a part of 15 million line breaks": _form(multipart([part(b'name="image"', b"\r\n" * (15 * MEGABYTE))], BOUNDARY)),
    "a part of boundaries, all but": _form(
        multipart([part(b'name="image"', b"\r\n--edg" * (30 * MEGABYTE // 7))], BOUNDARY)
    ),
    "a preamble of 30 MB": _form(b"\r\n-" * (10 * MEGABYTE) + multipart([part(b'name="image"', b"a")], BOUNDARY)),
    "heads of a part without end": _form(b"--edge\r\n" + b"X: y\r\n" * (5 * MEGABYTE)),
    "a body in pieces of a byte": _in_pieces,
    "a picture of 48 x 32 as a form": lambda: case(
        "bomb", multipart([part(b'name="image"', examples.picture())], BOUNDARY), FORM
    ),
}
BODY_BOMBS: dict[str, Throw] = {name: asking(make) for name, make in CASES.items()}
