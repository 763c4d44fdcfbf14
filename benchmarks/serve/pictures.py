"""Requests that carry a picture never sent before: parts of the demo's scene, each cut out elsewhere."""

import base64
import io
import json
from collections.abc import Iterator
from itertools import cycle, islice

import numpy as np
from PIL import Image

from training.demo import demo_scene
from wikiclip.masks import encode_rle

Size = tuple[int, int]  # width and height
SIZE = (640, 427)  # a photograph as web pages show it
DISTINCT = 200  # pictures that differ in more than a comment
QUALITY = 90
COMMENT_BYTES = 16


def many_requests(seed: int, *, distinct: int = DISTINCT, size: Size = SIZE) -> Iterator[bytes]:
    """The same without end and without cost: files that were never sent before, of so many different pictures.

    Only the comment that each file carries is new, which is enough to be no other file's double.
    """
    parts = [_around_comment(body) for body in islice(requests(seed, size), distinct)]
    own = np.random.default_rng(seed).bytes(COMMENT_BYTES - 8)
    for number, (head, before, after, tail) in enumerate(cycle(parts)):
        yield head + base64.b64encode(before + own + number.to_bytes(8, "big") + after) + tail


def _around_comment(body: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """What stands in a request before and after the part that its file's comment settles, whose own first and last
    bytes are those between the two: base64 has four characters for each three bytes."""
    file = base64.b64decode(json.loads(body)["image"])
    comment = file.index(b"\xff\xfe") + 4  # after its marker and length
    first, last = comment // 3, -(-(comment + COMMENT_BYTES) // 3)
    image = body.index(b'"image": "') + len(b'"image": "')
    return (
        body[: image + 4 * first],
        file[3 * first : comment],
        file[comment + COMMENT_BYTES : 3 * last],
        body[image + 4 * last :],
    )


def requests(seed: int, size: Size = SIZE) -> Iterator[bytes]:
    """JSON bodies of `POST /link`, each a JPEG, of some 60 kB at SIZE, and the RLE of an ellipse that covers the same
    share of it at every size; another seed has others."""
    random = np.random.default_rng(seed)
    scene = demo_scene().picture.convert("RGB")
    scale = 1.5 * max(size[0] / scene.width, size[1] / scene.height)
    scene = scene.resize((round(scene.width * scale), round(scene.height * scale)), Image.Resampling.BICUBIC)
    y_HW, x_HW = np.mgrid[: size[1], : size[0]]
    while True:
        left, top = (random.uniform(0, whole - part) for whole, part in zip(scene.size, size, strict=True))
        part = scene.resize(size, Image.Resampling.BILINEAR, box=(left, top, left + size[0], top + size[1]))
        file = io.BytesIO()
        part.save(file, "JPEG", quality=QUALITY, comment=random.bytes(COMMENT_BYTES))
        width, height = random.uniform(60, 200, size=2) * size[0] / SIZE[0]
        mask_HW = ((x_HW - size[0] / 2) / width) ** 2 + ((y_HW - size[1] / 2) / height) ** 2 < 1
        body = {"image": base64.b64encode(file.getvalue()).decode(), "region": encode_rle(mask_HW), "top_k": 10}
        yield json.dumps(body).encode()
