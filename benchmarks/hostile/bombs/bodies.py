"""Bodies that are short to write and long to read: JSON of very many values, parts without end, pieces of a byte."""

import base64
from collections.abc import Callable

from benchmarks.hostile.bodies import GOOD, JSON_TYPE, NOWHERE, multipart, part
from benchmarks.hostile.bombs.bomb import BOUNDARY, MEGABYTE, Throw, asking, of_json
from benchmarks.hostile.case import Case, case, head
from service import examples

VALUES = 490_000  # of one body's JSON, all but
FORM = b"multipart/form-data; boundary=" + BOUNDARY


def _text(body: bytes) -> Case:
    return case("bomb", body, JSON_TYPE)


def _form(body: bytes) -> Case:
    return case("bomb", body, FORM)


def _in_pieces() -> Case:
    """A body whose chunks are of a byte each: six times as much on the way as it holds."""
    content = of_json({"image": GOOD, "region": NOWHERE, "top_k": 3}).request.partition(b"\r\n\r\n")[2]
    content = b" " * (MEGABYTE - len(content)) + content
    lines = [(b"Host", b"localhost"), (b"Content-Type", JSON_TYPE), (b"Transfer-Encoding", b"chunked")]
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in content)
    return Case("bomb", "POST", "/link", head("POST", "/link", lines) + pieces + b"0\r\n\r\n")


def _image_of(text: str) -> Case:
    return of_json({"image": text, "region": NOWHERE})


# Each is made where it is thrown: together they take half a gigabyte.
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
    "30 million brackets": lambda: _text(b'{"region": ' + b"[" * (30 * MEGABYTE)),
    "30 million brackets in pairs": lambda: _text(b'{"region": [' + b"[]" * (15 * MEGABYTE)),
    "15 million escaped quotes": lambda: _text(b'{"image": "' + b'\\"' * (15 * MEGABYTE) + b'"}'),
    "15 million strings": lambda: _text(b"[" + b'""' * (15 * MEGABYTE) + b"]"),
    "a number of 30 million digits": lambda: _text(b'{"top_k": ' + b"9" * (30 * MEGABYTE) + b"}"),
    "a fraction of 30 million digits": lambda: _text(b'{"min_score": 0.' + b"9" * (30 * MEGABYTE) + b"}"),
    "30 million spaces": lambda: _text(b" " * (30 * MEGABYTE) + b"{}"),
    "base64 of 26 million line breaks": lambda: _image_of(GOOD + "\n" * (13 * MEGABYTE)),
    "base64 of 20 MB, no picture": lambda: _image_of(base64.b64encode(bytes(19 * MEGABYTE)).decode()),
    "base64 of 30 million wrong letters": lambda: _image_of("!" * (30 * MEGABYTE)),
    "a million parts": lambda: _form(multipart([part(b'name="a"', b"")] * 500_000, BOUNDARY)),
    "a part of 15 million line breaks": lambda: _form(
        multipart([part(b'name="image"', b"\r\n" * (15 * MEGABYTE))], BOUNDARY)
    ),
    "a part of boundaries, all but": lambda: _form(
        multipart([part(b'name="image"', b"\r\n--edg" * (30 * MEGABYTE // 7))], BOUNDARY)
    ),
    "a preamble of 30 MB": lambda: _form(
        b"\r\n-" * (10 * MEGABYTE) + multipart([part(b'name="image"', b"a")], BOUNDARY)
    ),
    "heads of a part without end": lambda: _form(b"--edge\r\n" + b"X: y\r\n" * (5 * MEGABYTE)),
    "a body in pieces of a byte": _in_pieces,
    "a picture of 48 x 32 as a form": lambda: _form(multipart([part(b'name="image"', examples.picture())], BOUNDARY)),
}
BODY_BOMBS: dict[str, Throw] = {name: asking(make) for name, make in CASES.items()}
