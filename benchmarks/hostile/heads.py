"""Hostile heads: of every path of the document and of none, and bodies that are not framed as their heads say."""

from hypothesis import strategies as st

from benchmarks.hostile.bodies import GOOD, JSON_TYPE, NOWHERE, _json
from benchmarks.hostile.case import MARK, Case, Header, case, head
from benchmarks.hostile.mutations import Draw, mutated

METHODS = (
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "X-" + MARK,
)
SEGMENTS = (
    "%00", "%2e%2e", "..", "%2F", "%252F", "%ff%fe", "%", "%zz", "%u0041", "a" * 3000, "~", ";x=y", "%F0%9F%98%80",
    "%ED%A0%80", MARK, "'--", "{entity_id}", "image", "%0d%0aX:%20y",
)  # fmt: skip
QUERIES = (
    "", "", "?number=0", "?number=-1", "?number=99999999999999999999", "?number=x", "?number=0&number=1", "?%00=%ff",
    f"?{MARK}={MARK}", "?title=", "?title=%00", "?title=%F0%9F%98%80", "?" + "a=b&" * 500, "?number=%E0%A5%A7",
)  # fmt: skip
CONTENT_TYPES = (
    b"", b"text/plain", b"application/json; charset=utf-16", b"APPLICATION/JSON", b"application/json;;;", b"*/*", b";",
    b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=\"", b"image/png", b"\xff\xfe", b"a" * 5000,
    b"application/problem+json", b"application/json, multipart/form-data",
)  # fmt: skip
HEADERS: tuple[Header, ...] = (
    (b"Content-Encoding", b"gzip"), (b"Content-Encoding", b"identity"), (b"Content-Encoding", MARK.encode()),
    (b"Expect", b"100-continue"), (b"Expect", b"200-ok"), (b"Range", b"bytes=0-0"), (b"Range", b"bytes=5-1"),
    (b"Range", b"bytes=99999999-"), (b"Range", MARK.encode()), (b"Range", b"bytes=" + b"0-0," * 50 + b"1-1"),
    (b"If-Range", b'"x"'), (b"If-None-Match", b"*"), (b"If-Modified-Since", b"never"),
    (b"Origin", b"null"), (b"Origin", b"http://" + MARK.encode()), (b"Origin", b"\xff"),
    (b"Sec-Fetch-Site", b"cross-site"),
    (b"Host", b"localhost"), (b"Host", MARK.encode()), (b"X-Forwarded-For", b"\0"), (b"Forwarded", b"for=_"),
    (b"Authorization", b"Bearer " + MARK.encode()), (b"Authorization", b"Bearer"), (b"Authorization", b"\xff"),
    (b"X-Request-Id", b"../../x"), (b"X-Request-Id", b"y" * 65),
    (b"traceparent", b"00-zz-zz-zz"), (b"traceparent", b"\xff"),
    (b"Connection", b"close"), (b"Connection", b"upgrade"), (b"Upgrade", b"websocket"), (b"Upgrade", b"h2c"),
    (b"Accept", b"text/html"), (b"Accept-Encoding", b"*;q=0"), (b"Cookie", b"a=" + b"b" * 4000), (b"TE", b"trailers"),
    (b"Transfer-Encoding", b"chunked"), (b"Transfer-Encoding", b"gzip, chunked"), (b"Content-Length", b"5"),
    (b"Content-Length", b"-1"), (b"Content-Length", b"9" * 30), (b"Content-Length", b"0x10"),
    (b"Content-Length", b" 7"),
    (b"X" * 300, b"y"), (b"X y", b"z"), (b"", b"z"), (b"X", b"a\0b"), (b"X", b"a\r\n b"), (b"X", b"z" * 70_000),
)  # fmt: skip
# A head with one of these says something else about where the request ends, or about whether it is one.
FRAMING = (
    b"Transfer-Encoding",
    b"Content-Length",
    b"Connection",
    b"Upgrade",
    b"Expect",
    b"Host",
    b"X y",
    b"",
    b"X",
    b"TE",
)
BODY = _json({"image": GOOD, "region": NOWHERE})


def targets(paths: list[str]) -> st.SearchStrategy[str]:
    """Paths of the document, as they are and with more to them, and others; with and without a query."""
    known = st.sampled_from(paths)
    odd = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=3).map("/".join)
    path = st.one_of(known, known, st.builds("{}/{}".format, known, odd), odd.map(lambda found: f"/{found}"))
    other = st.sampled_from(
        ["*", "http://localhost/healthz", f"//{MARK}/healthz", "localhost:80", "/", "//", "/.", "x"]
    )
    return st.just("/link") | st.builds("{}{}".format, path, st.sampled_from(QUERIES)) | other


@st.composite
def well_framed(draw: Draw, paths: st.SearchStrategy[str]) -> Case:
    """Odd methods, paths, content types and headers, of one whole request."""
    fine = [header for header in HEADERS if header[0] not in FRAMING]
    return case(
        "head",
        draw(st.sampled_from([BODY, b"", b"{}", b"\xff"])),
        draw(st.sampled_from([JSON_TYPE, *CONTENT_TYPES])),
        method=draw(st.sampled_from(["POST", "POST", "GET", "GET", *METHODS])),
        target=draw(paths),
        headers=draw(st.lists(st.sampled_from(fine), max_size=3)),
    )


@st.composite
def badly_framed(draw: Draw, paths: st.SearchStrategy[str]) -> Case:
    """Requests that are cut off, say a wrong length, are chunked wrongly, or are no HTTP."""
    method, target = draw(st.sampled_from(["POST", "POST", "GET", MARK])), draw(paths)
    lines = [(b"Host", b"localhost"), (b"Content-Type", draw(st.sampled_from([JSON_TYPE, *CONTENT_TYPES])))]
    lines += draw(st.lists(st.sampled_from(HEADERS), max_size=3))
    match draw(st.integers(0, 5)):
        case 0:  # a length that is not the body's
            length = draw(st.sampled_from([0, 1, len(BODY) - 1, len(BODY) + 1, 10**6, 10**9, 10**18]))
            request = head(method, target, [*lines, (b"Content-Length", b"%d" % length)]) + BODY
        case 1 | 2:  # chunks
            request = head(method, target, [*lines, (b"Transfer-Encoding", b"chunked")]) + draw(_chunks())
        case 3:  # of another version, or none
            version = draw(st.sampled_from([b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.1 ", b"", b"ICY"]))
            request = head(method, target, lines, version=version) + BODY
        case 4:  # nearly HTTP
            whole = head("POST", "/link", [*lines, (b"Content-Length", b"%d" % len(BODY))]) + BODY
            request = draw(mutated([whole]))
        case _:  # no HTTP at all
            request = draw(
                st.binary(max_size=200) | st.sampled_from([b"\x16\x03\x01\x02\0\x01\0", b"PRI * HTTP/2.0\r\n\r\n"])
            )
    return Case("framing", method, target, request, framed=False)


@st.composite
def _chunks(draw: Draw) -> bytes:
    sizes = st.sampled_from([b"%x" % len(BODY), b"0", b"1", b"-1", b"ffffffffffffffffff", b"g", b"", b"5;x=y", b"5 "])
    ends = st.sampled_from(
        [b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"0\r\n" + b"X: y\r\n" * 500 + b"\r\n", b""]
    )
    chunks = draw(st.lists(st.tuples(sizes, st.sampled_from([BODY, b"", b"x", b"{}"])), max_size=4))
    return b"".join(size + b"\r\n" + content + b"\r\n" for size, content in chunks) + draw(ends)
