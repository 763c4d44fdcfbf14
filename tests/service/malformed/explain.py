"""What is wrong with a request to `POST /explain`."""

import json

from service.errors import Cause
from tests.service.malformed.case import (
    BOUNDARY,
    COUNTS,
    MARK,
    PART,
    PNG,
    RLE,
    H,
    W,
    b64,
    body,
    cases_of,
    form,
    raw,
)

KNOWN = {"entity_id": "red-disc"}
CASES = cases_of(
    "/explain",
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
