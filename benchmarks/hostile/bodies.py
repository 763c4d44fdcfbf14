"""Hostile bodies of `POST /link`: JSON that is none or holds too much, and multipart that does not end as it began."""

import base64
import json
from functools import cache
from typing import Any

from hypothesis import strategies as st

from benchmarks.hostile.case import MARK, Case, case
from benchmarks.hostile.mutations import mutated
from benchmarks.hostile.pictures import masks, picture_files
from benchmarks.hostile.regions import json_values, numbers, regions
from service import examples

JSON_TYPE = b"application/json"
GOOD = base64.b64encode(examples.picture()).decode()
# Refused once the picture has been read, whatever picture it is: so a picture that can be read costs no encoding.
NOWHERE = {"box": [-9, -9, 1, 1]}
FIELDS = ("image", "region", "regions", "top_k", "min_score")
NAMES = (*FIELDS, "", MARK, "Image", "image[]", "__proto__")
CONTENT_TYPES = (
    *[b"multipart/form-data; boundary=BOUNDARY"] * 8,
    b'multipart/form-data; boundary="BOUNDARY"',
    b"multipart/form-data; boundary=edge",
    b"multipart/form-data",
    b"Multipart/Form-Data; charset=x; boundary=edge; boundary=other",
    b"multipart/form-data; boundary*=utf-8''edge",
    b"multipart/form-data; boundary=" + b"x" * 500,
    b"multipart/mixed; boundary=edge",
)


@cache
def pictures() -> st.SearchStrategy[Case]:
    """Hostile pictures, by JSON and by multipart; most with a region that lies outside of any."""
    region = st.sampled_from([NOWHERE] * 11 + [None])
    return st.builds(_picture, picture_files(), region, st.booleans())


def _picture(file: bytes, region: Any, as_form: bool) -> Case:
    if as_form:
        parts = [part(b'name="image"; filename="a"', file), part(b'name="region"', json.dumps(region).encode())]
        return case("picture", multipart(parts, b"edge"), b"multipart/form-data; boundary=edge")
    return case("picture", _json({"image": base64.b64encode(file).decode(), "region": region}), JSON_TYPE)


@cache
def region_bodies() -> st.SearchStrategy[Case]:
    """Hostile regions of a good picture."""
    fields = st.one_of(
        regions().map(lambda value: {"region": value}),
        regions().map(lambda value: {"region": value}),
        st.lists(regions(), max_size=3).map(lambda values: {"regions": values}),
    )
    return fields.map(lambda found: case("region", _json({"image": GOOD, **found}), JSON_TYPE))


@cache
def json_bodies() -> st.SearchStrategy[Case]:
    """JSON with wrong fields, and texts that are nearly JSON."""
    text = st.one_of(_fields(), _fields(), _broken_texts(), st.sampled_from(_oversized()))
    return text.map(lambda body: case("json", body, JSON_TYPE))


@cache
def _fields() -> st.SearchStrategy[bytes]:
    """An object whose fields may be unknown, of any type, and there twice."""
    images = st.sampled_from([GOOD, GOOD, GOOD, f"{MARK}!", "", GOOD[:-1], f"data:image/png;base64,{GOOD}"])
    names = st.sampled_from(NAMES) | st.sampled_from(FIELDS)
    pairs = st.one_of(
        st.tuples(st.just("image"), images),
        st.tuples(st.just("region"), regions()),
        st.tuples(st.just("regions"), st.lists(regions(), max_size=3)),
        st.tuples(st.sampled_from(["top_k", "min_score"]), numbers()),
        st.tuples(names, json_values()),
    )
    with_image = st.builds(lambda found: [("image", GOOD), *found], st.lists(pairs, max_size=4))
    return (with_image | st.lists(pairs, max_size=5)).map(_object)


def _object(pairs: list[tuple[str, Any]]) -> bytes:
    """JSON that may hold a name twice."""
    return ("{" + ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in pairs) + "}").encode()


@cache
def _broken_texts() -> st.SearchStrategy[bytes]:
    good = _json({"image": GOOD[:40], "region": NOWHERE, "top_k": 3, "min_score": -0.5})
    lone = json.dumps({"image": MARK + "\ud800", "top_k": 10**400}).encode()
    coded = st.sampled_from(["utf-16", "utf-32", "utf-8-sig", "utf-7"]).map(lambda name: good.decode().encode(name))
    return st.one_of(mutated([good, lone]), coded, st.binary(max_size=80), json_values().map(_json))


def _oversized() -> list[bytes]:
    """Short to write and long to read."""
    return [
        b'{"top_k": ' + b"9" * 5000 + b"}",
        b'{"min_score": 1e' + b"9" * 400 + b"}",
        b"[" * 50_000,
        b'{"a":' * 5000,
        b'"' + b'\\"' * 100_000,
        b'"' * 50_001,
        b"[" + b"0," * 50_000 + b"0]",
        b'{"image": "' + b"\\u0041" * 20_000 + b'"}',
        b'{"image": "' + "\U0001f600".encode() * 20_000 + b'"}',
        b'{"image": "' + b"A" * 200_000 + b'"}',
        b" " * 100_000,
    ]


@cache
def forms() -> st.SearchStrategy[Case]:
    """Multipart with parts missing, repeated, without names or with odd heads, and boundaries that are not kept to."""
    few = st.lists(_parts(), max_size=5)
    many = st.builds(lambda parts, count: parts * count, few, st.integers(2, 400))
    parts = st.sampled_from([few] * 19 + [many]).flatmap(lambda kind: kind)
    boundaries = st.sampled_from([b"edge", b"edge", b"edge", b"e", b"-" * 70, b"edge--", b"a b", b"\xff\xfe", b""])
    return st.tuples(parts, boundaries, st.sampled_from(CONTENT_TYPES)).flatmap(_of_parts)


def _of_parts(chosen: tuple[list[bytes], bytes, bytes]) -> st.SearchStrategy[Case]:
    parts, boundary, content_type = chosen
    body = multipart(parts, boundary)
    return (st.just(body) | mutated([body])).map(
        lambda data: case("multipart", data, content_type.replace(b"BOUNDARY", boundary))
    )


@cache
def _parts() -> st.SearchStrategy[bytes]:
    names = st.sampled_from([name.encode() for name in NAMES])
    dispositions = st.one_of(
        names.map(lambda name: b'name="' + name + b'"'),
        names.map(lambda name: b'name="' + name + b'"; filename="../' + MARK.encode() + b'"'),
        st.sampled_from([b"", b"name=", b"name=image", b'name="', b"name*=utf-8''image", b'filename="a"', b"\0;=;"]),
        st.binary(max_size=20).map(lambda data: data.replace(b"\n", b"")),
    )
    values = st.one_of(
        st.sampled_from([examples.picture(), *masks(), b"", b"null", b"3", b"true", MARK.encode()]),
        st.binary(max_size=100),
        regions().map(_json),
        json_values().map(_json),
    )
    heads = st.sampled_from(
        [b""] * 8
        + [
            b"Content-Type: application/json\r\n",
            b"Content-Type: text/html; charset=utf-16\r\n",
            b"Content-Transfer-Encoding: base64\r\n",
            b"Content-Transfer-Encoding: quoted-printable\r\n",
            b"Content-Transfer-Encoding: " + MARK.encode() + b"\r\n",
            b"Content-Disposition: attachment\r\n",
            b": \r\n",
            b"X: " + b"y" * 9000 + b"\r\n",
            b"X: y\r\n" * 100,
        ]
    )
    return st.builds(part, dispositions, values, heads)


def part(disposition: bytes, value: bytes, more: bytes = b"") -> bytes:
    return b"Content-Disposition: form-data; " + disposition + b"\r\n" + more + b"\r\n" + value + b"\r\n"


def multipart(parts: list[bytes], boundary: bytes) -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + part for part in parts) + b"--" + boundary + b"--\r\n"


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
