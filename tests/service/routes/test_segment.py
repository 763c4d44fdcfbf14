"""`POST /segment`: its masks are near the true ones, and are regions that `/link` takes."""

import base64
import json

import httpx
import numpy as np
import pytest

from service import examples
from wikiclip.masks import decode_region

W, H = examples.WIDTH, examples.HEIGHT
IMAGE = base64.b64encode(examples.picture()).decode()
DISC = decode_region(examples.regions()["rle"], height=H, width=W)
BLOCK = decode_region(examples.regions()["polygon"], height=H, width=W)


@pytest.mark.parametrize(
    ("asked", "truth"),
    [
        ({"point": [18, 15]}, DISC),
        ({"point": [18.9, 15.9]}, DISC),
        ({"box": [2, 1, 31, 30]}, DISC),
        ({"point": [39, 20]}, BLOCK),
        ({"box": [31.5, 11.5, 900, 900]}, BLOCK),
    ],
)
def test_a_point_or_a_box_gives_the_thing_s_mask(client: httpx.Client, asked: dict, truth: np.ndarray) -> None:
    answer = client.post("/segment", json={"image": IMAGE, **asked}).raise_for_status().json()
    assert set(answer) == {"regions", "method", "timings_ms"}
    assert answer["method"] == "tower"
    assert set(answer["timings_ms"]) == {"decode", "wait", "segment", "total"}
    region, *others = answer["regions"]
    assert not others or "point" in asked
    mask = decode_region(region["rle"], height=H, width=W)
    assert (mask & truth).sum() / (mask | truth).sum() > 0.75
    x, y, width, height = region["box"]
    assert mask[y : y + height, x : x + width].sum() == mask.sum()
    assert mask[y].any()
    assert mask[:, x + width - 1].any()
    assert region["area"] == pytest.approx(mask.mean(), abs=1e-6)


def test_without_both_what_stands_out_is_proposed(client: httpx.Client) -> None:
    regions = client.post("/segment", json={"image": IMAGE}).raise_for_status().json()["regions"]
    masks = [decode_region(region["rle"], height=H, width=W) for region in regions]
    for mask, truth in zip(masks, (DISC, BLOCK), strict=True):
        assert (mask & truth).sum() / (mask | truth).sum() > 0.75


def test_a_mask_it_gives_can_be_linked(client: httpx.Client) -> None:
    region = client.post("/segment", json={"image": IMAGE, "point": [18, 15]}).json()["regions"][0]["rle"]
    linked = client.post("/link", json={"image": IMAGE, "region": region, "top_k": 1}).raise_for_status().json()
    assert len(linked["results"][0]["candidates"]) == 1


@pytest.mark.parametrize("asked", [{"point": [18, 15]}, {"box": [2, 1, 31, 30]}, {}])
def test_multipart_answers_as_json_does(client: httpx.Client, asked: dict) -> None:
    as_json = client.post("/segment", json={"image": IMAGE, **asked}).json()
    form = {name: json.dumps(value) for name, value in asked.items()}
    as_form = client.post("/segment", files={"image": ("p.png", examples.picture())}, data=form).raise_for_status()
    assert as_form.json()["regions"] == as_json["regions"]


def test_metrics_tell_of_the_stage(client: httpx.Client) -> None:
    client.post("/segment", json={"image": IMAGE})
    told = client.get("/metrics").text
    assert 'wikiclip_stage_seconds_count{stage="segment"}' in told
    assert 'wikiclip_queue_depth{stage="segment"} 0.0' in told
