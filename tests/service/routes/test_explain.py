"""`POST /explain`: its numbers are those of the model, and belong to what `/link` answered."""

import base64
import json

import httpx
import numpy as np
import pytest

from service import examples
from wikiclip.presets import PRESETS

W, H = examples.WIDTH, examples.HEIGHT
IMAGE = base64.b64encode(examples.picture()).decode()
RLE = examples.regions()["rle"]


def test_it_explains_the_score_that_link_gives(client: httpx.Client) -> None:
    linked = client.post("/link", json={"image": IMAGE, "region": RLE, "top_k": 3}).json()["results"][0]["candidates"]
    for candidate in linked:
        asked = {"image": IMAGE, "region": RLE, "entity_id": candidate["entity_id"]}
        told = client.post("/explain", json=asked).raise_for_status().json()
        assert set(told) == {"entity", "score", "mention", "picture", "words", "timings_ms"}
        assert set(told["timings_ms"]) == {"decode", "wait", "explain", "total"}
        assert told["entity"]["entity_id"] == candidate["entity_id"]
        if len(told["entity"]["images"]) > 1:  # it was found by the best of them, and is explained by the first
            assert told["score"] <= candidate["score"] + 5e-3
        else:
            assert told["score"] == pytest.approx(candidate["score"], abs=5e-3)
        grid = np.array(told["mention"]["similarity"], dtype=np.float64)
        assert grid.shape[0] == grid.shape[1]
        assert (np.abs(grid[~np.isnan(grid)]) <= 1).all()
        assert sum(word["weight"] for word in told["words"]) == pytest.approx(1, abs=1e-3)
        assert told["words"][0]["word"] == candidate["title"].split()[0]
        assert np.sum(told["picture"]["attention"]) == pytest.approx(1, abs=1e-3)
        assert told["picture"]["image"] == candidate["image"]


def test_the_grid_lies_around_the_region_and_is_empty_outside(client: httpx.Client) -> None:
    asked = {"image": IMAGE, "region": {"polygon": [[2, 2, 22, 2, 2, 22]]}, "entity_id": "red-disc"}
    mention = client.post("/explain", json=asked).raise_for_status().json()["mention"]
    x, y, width, height = mention["frame"]
    margin = PRESETS["tiny"].mention.margin
    side = width / (1 + 2 * margin)
    assert width == height
    assert side == pytest.approx(20, abs=1)
    assert (x, y) == pytest.approx((2 - margin * side, 2 - margin * side), abs=1)
    assert mention["similarity"][0][0] is not None
    assert mention["similarity"][-1][-1] is None  # of a triangle's square the corner across
    whole = client.post("/explain", json={"image": IMAGE, "entity_id": "red-disc"}).json()["mention"]
    assert whole["frame"] == [0, (H - W) / 2, W, W]  # padded to a square
    assert whole["similarity"][0] == [None] * len(whole["similarity"])


def test_a_record_without_a_picture_has_words_alone(client: httpx.Client) -> None:
    told = client.post("/explain", json={"image": IMAGE, "entity_id": "no-picture"}).raise_for_status().json()
    assert told["picture"] is None
    assert [word["word"] for word in told["words"]][:5] == ["idea:", "The", "content", "of", "cognition."]
    titled = client.post("/explain", json={"image": IMAGE, "entity_id": "no-text"}).raise_for_status().json()
    assert titled["words"] == [{"word": "nothing", "weight": 1}]


def test_multipart_answers_as_json_does(client: httpx.Client) -> None:
    as_json = client.post("/explain", json={"image": IMAGE, "region": RLE, "entity_id": "red-disc"}).json()
    form = {"region": json.dumps(RLE), "entity_id": "red-disc"}
    as_form = client.post("/explain", files={"image": ("p.png", examples.picture())}, data=form).raise_for_status()
    assert {**as_form.json(), "timings_ms": 0} == {**as_json, "timings_ms": 0}


def test_metrics_tell_of_the_stage(client: httpx.Client) -> None:
    client.post("/explain", json={"image": IMAGE, "entity_id": "red-disc"})
    assert 'wikiclip_stage_seconds_count{stage="explain"}' in client.get("/metrics").text
