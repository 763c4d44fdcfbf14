"""What is wrong with a request to `POST /segment`."""

import json

from service.errors import Cause
from tests.service.malformed.case import (
    BOUNDARY,
    MARK,
    PART,
    PNG,
    RLE,
    W,
    body,
    cases_of,
    form,
    picture,
    png_header,
    raw,
)

CASES = cases_of(
    "/segment",
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
