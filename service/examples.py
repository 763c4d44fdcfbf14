"""Requests that work as they stand, made by code: a small picture and regions of it, shown in the OpenAPI document."""

import base64
import io
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from wikiclip.masks import encode_rle

WIDTH, HEIGHT = 48, 32
_DISC = (6, 4, 29, 27)


@cache
def picture() -> bytes:
    """A PNG of 48 x 32 pixels: an orange disc and a green block on a grey ground."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (200, 205, 210))
    draw = ImageDraw.Draw(image)
    draw.ellipse(_DISC, fill=(235, 130, 20))
    draw.rectangle((34, 14, 43, 27), fill=(40, 140, 60))
    return _png(image)


@cache
def _disc() -> Image.Image:
    mask = Image.new("L", (WIDTH, HEIGHT), 0)
    ImageDraw.Draw(mask).ellipse(_DISC, fill=255)
    return mask


@cache
def regions() -> dict[str, Any]:
    """One region of each form, by its name."""
    rle = encode_rle(np.asarray(_disc()) > 0)
    return {
        "rle": rle,
        "rles": [rle],
        "polygon": {"polygon": [[34, 14, 44, 14, 44, 28, 34, 28]]},
        "box": {"box": [6, 4, 24, 24]},
        "png": {"png": base64.b64encode(_png(_disc())).decode("ascii")},
    }


@cache
def link_requests() -> dict[str, dict[str, Any]]:
    """Bodies of `POST /link` by name, as OpenAPI examples."""
    image = base64.b64encode(picture()).decode("ascii")
    forms = {
        "rle": "a compressed RLE",
        "rles": "a list of RLEs, OR-ed",
        "polygon": "a polygon",
        "box": "a box",
        "png": "a PNG mask",
    }
    examples: dict[str, dict[str, Any]] = {
        name: {"summary": f"One region, as {what}", "value": {"image": image, "region": regions()[name], "top_k": 3}}
        for name, what in forms.items()
    }
    examples["whole"] = {"summary": "The whole picture", "value": {"image": image, "top_k": 3}}
    examples["several"] = {
        "summary": "Several regions of one picture, with a threshold",
        "value": {"image": image, "regions": [regions()["rle"], regions()["box"]], "top_k": 5, "min_score": 0.1},
    }
    examples["find"] = {
        "summary": "Whatever stands out in the picture",
        "value": {"image": image, "regions": "find", "most": 3, "top_k": 3},
    }
    examples["find-and-whole"] = {
        "summary": "Whatever stands out in the picture, and the whole picture",
        "value": {"image": image, "regions": "find", "whole": True, "top_k": 3},
    }
    return examples


@cache
def segment_requests() -> dict[str, dict[str, Any]]:
    """Bodies of `POST /segment` by name, as OpenAPI examples."""
    image = base64.b64encode(picture()).decode("ascii")
    return {
        "point": {"summary": "The thing at a point", "value": {"image": image, "point": [18, 15]}},
        "box": {"summary": "The thing in a box", "value": {"image": image, "box": [31, 11, 16, 20]}},
        "proposals": {"summary": "Whatever stands out", "value": {"image": image}},
    }


@cache
def explain_requests(entity_id: str = "") -> dict[str, dict[str, Any]]:
    """Bodies of `POST /explain` by name, as OpenAPI examples, about an entity of the index that answers."""
    asked = {"image": base64.b64encode(picture()).decode("ascii"), "entity_id": entity_id}
    return {
        "region": {"summary": "A region and an entity", "value": {**asked, "region": regions()["rle"]}},
        "whole": {"summary": "The whole picture and an entity", "value": asked},
    }


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return stream.getvalue()
