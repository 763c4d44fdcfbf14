"""`POST /link` with `"regions": "find"`: what stands out is found and linked by one request."""

import base64
import io
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from service import examples
from service.client import LinkClient
from service.settings import Settings
from tests.service.conftest import Service, ready
from wikiclip.masks import decode_region

W, H = examples.WIDTH, examples.HEIGHT
IMAGE = base64.b64encode(examples.picture()).decode()
FIND = {"image": IMAGE, "regions": "find"}


def ask(client: httpx.Client, **asked: object) -> dict:
    answer: dict = client.post("/link", json={**FIND, "top_k": 3, **asked}).raise_for_status().json()
    return answer


def test_what_is_found_is_what_is_proposed_and_linked_as_if_it_were_named(client: httpx.Client) -> None:
    proposed = client.post("/segment", json={"image": IMAGE}).json()["regions"]
    assert len(proposed) == 2
    answer = ask(client)
    assert [result["region"] for result in answer["results"]] == proposed
    assert set(answer["timings_ms"]) == {"decode", "segment", "wait", "encode", "search", "rerank", "total"}
    assert answer["timings_ms"]["segment"] > 0
    assert answer["timings_ms"]["encode"] > 0
    named = {"image": IMAGE, "regions": [region["rle"] for region in proposed], "top_k": 3}
    other = client.post("/link", json=named).json()
    for found, told in zip(answer["results"], other["results"], strict=True):
        assert told["region"] is None
        assert [one["entity_id"] for one in found["candidates"]] == [one["entity_id"] for one in told["candidates"]]
        assert [one["score"] for one in found["candidates"]] == pytest.approx(
            [one["score"] for one in told["candidates"]], abs=1e-3
        )


def test_no_more_than_are_asked_for_are_found_and_the_largest_are(client: httpx.Client) -> None:
    (first,) = ask(client, most=1)["results"]
    every = ask(client)["results"]
    assert first["region"] == every[0]["region"]
    assert every[0]["region"]["area"] > every[1]["region"]["area"]
    box = first["region"]["box"]
    mask = decode_region(first["region"]["rle"], height=H, width=W)
    assert mask[box[1] : box[1] + box[3], box[0] : box[0] + box[2]].sum() == mask.sum()


def plain_picture() -> str:
    stream = io.BytesIO()
    Image.fromarray(np.full((40, 60, 3), 120, np.uint8)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def test_the_whole_picture_comes_last_and_alone_has_no_region(client: httpx.Client) -> None:
    found = ask(client)["results"]
    (alone,) = client.post("/link", json={"image": IMAGE, "top_k": 3}).raise_for_status().json()["results"]
    for asked, regions in (({}, 2), ({"most": 1}, 1)):
        *parts, whole = ask(client, whole=True, **asked)["results"]
        assert [part["region"] for part in parts] == [part["region"] for part in found[:regions]]
        assert whole["region"] is None
        assert [one["entity_id"] for one in whole["candidates"]] == [one["entity_id"] for one in alone["candidates"]]
        assert [one["score"] for one in whole["candidates"]] == pytest.approx(
            [one["score"] for one in alone["candidates"]], abs=1e-3
        )
    assert ask(client, whole=False)["results"] == found


def test_where_nothing_stands_out_the_whole_picture_is_linked_where_it_is_asked_for(client: httpx.Client) -> None:
    answer = ask(client, image=plain_picture(), whole=True)
    (whole,) = answer["results"]
    assert whole["region"] is None
    assert len(whole["candidates"]) == 3
    assert answer["timings_ms"]["segment"] > 0
    assert answer["timings_ms"]["encode"] > 0


def test_a_picture_in_which_nothing_stands_out_has_no_results(client: httpx.Client) -> None:
    answer = ask(client, image=plain_picture())
    assert answer["results"] == []
    assert answer["timings_ms"]["encode"] == 0.0
    assert answer["index_version"] == ask(client)["index_version"]


def test_a_form_asks_for_the_whole_picture_as_json_does(client: httpx.Client) -> None:
    form = {"regions": "find", "whole": "true", "top_k": "3"}
    answer = client.post("/link", files={"image": ("p.png", examples.picture())}, data=form).raise_for_status().json()
    assert answer["results"] == ask(client, whole=True)["results"]


@pytest.mark.parametrize("word", ["find", '"find"'])
def test_a_form_answers_as_json_does(client: httpx.Client, word: str) -> None:
    form = {"regions": word, "most": "1", "top_k": "3"}
    answer = client.post("/link", files={"image": ("p.png", examples.picture())}, data=form).raise_for_status().json()
    assert answer["results"] == ask(client, most=1)["results"]


@pytest.mark.parametrize(
    ("asked", "pointer", "said"),
    [
        ({"regions": "all"}, "#/regions", 'a valid list, or "find"'),
        ({"regions": []}, "#/regions", "at least 1 item"),
        ({"regions": 3}, "#/regions", 'a valid list, or "find"'),
        ({"most": 0}, "#/most", "greater than or equal to 1"),
        ({"most": 13}, "#/most", "less than or equal to 12"),
        ({"most": True}, "#/most", "valid integer"),
        ({"region": {"box": [1, 1, 4, 4]}}, "#", "not both"),
        ({"regions": [None], "whole": True}, "#", "among named regions null is the whole picture"),
    ],
)
def test_what_is_asked_amiss_is_told_where(client: httpx.Client, asked: dict, pointer: str, said: str) -> None:
    answer = client.post("/link", json={**FIND, **asked})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert said in error["detail"]


def test_a_word_of_another_kind_in_a_form_is_no_json(client: httpx.Client) -> None:
    answer = client.post("/link", files={"image": ("p.png", examples.picture())}, data={"regions": "all"})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:wikiclip:problem:malformed-json")


def test_no_more_are_linked_than_masks_of_such_a_picture_may_be(
    client: httpx.Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = service.app.state.runtime.pipeline._reader
    assert len(ask(client)["results"]) == 2
    for bound, value in (("_max_mask_pixels", W * H), ("_max_mask_pixels", 1), ("_max_regions", 1)):
        monkeypatch.setattr(reader, bound, value)
        assert [bool(one["region"]) for one in ask(client)["results"]] == [True]
        assert [bool(one["region"]) for one in ask(client, whole=True)["results"]] == [False]
        monkeypatch.undo()
    monkeypatch.setattr(reader, "_max_regions", 2)
    assert [bool(one["region"]) for one in ask(client, whole=True)["results"]] == [True, False]


def test_the_look_and_what_was_found_count_as_regions(start: Callable[[Settings], Service], settings: Settings) -> None:
    limited = ready(start(settings.model_copy(update={"region_rate": "9 per hour"})))
    with httpx.Client(base_url=limited.url, timeout=60) as client:
        ask(client)  # one, and the two that it finds
        ask(client, whole=True)  # one, those two and the whole picture
        ask(client, most=1)
        answer = client.post("/link", json={"image": IMAGE})
    assert (answer.status_code, answer.json()["type"]) == (429, "urn:wikiclip:problem:rate-limited")


def test_who_may_never_have_so_many_is_not_told_to_try_again(
    start: Callable[[Settings], Service], settings: Settings
) -> None:
    """The look and the two that it finds are three, which no window of two will ever have room for."""
    limited = ready(start(settings.model_copy(update={"region_rate": "2 per second"})))
    with httpx.Client(base_url=limited.url, timeout=60) as client:
        answer = client.post("/link", json=FIND)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:wikiclip:problem:too-many-regions")
        time.sleep(1.1)
        assert len(ask(client, most=1)["results"]) == 1


def test_the_deadline_holds_for_all_of_it(
    client: httpx.Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline, looked = service.app.state.runtime.pipeline, threading.Event()
    find = pipeline._segmenter.segment

    def slowly(*arguments: Any, **named: Any) -> Any:
        looked.set()
        time.sleep(0.5)
        return find(*arguments, **named)

    monkeypatch.setattr(pipeline, "_settings", pipeline._settings.model_copy(update={"deadline_s": 0.3}))
    monkeypatch.setattr(pipeline._segmenter, "segment", slowly)
    answer = client.post("/link", json=FIND)
    assert (answer.status_code, answer.json()["type"]) == (504, "urn:wikiclip:problem:deadline")
    assert looked.is_set()


def test_the_client_finds(service: Service, client: httpx.Client) -> None:
    with LinkClient(service.url) as linking:
        answer = linking.link(examples.picture(), regions="find", most=2, top_k=3)
    told = ask(client)["results"]
    assert [result.region.model_dump() for result in answer.results if result.region] == [one["region"] for one in told]
    with LinkClient(service.url) as linking:
        regions = [result.region for result in linking.link(examples.picture(), regions="find", whole=True).results]
    assert [region is None for region in regions] == [False, False, True]
    assert json.loads(answer.model_dump_json())["timings_ms"]["segment"] > 0
