"""Asking about entities of some tags alone, and which tags there are."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from indexer.linker import Linker
from service import batch, examples
from service.client.__main__ import app
from service.client.client import LinkClient
from service.client.connection import LinkError
from service.settings import Settings
from tests.milvus import BACKENDS
from tests.service.conftest import Service

MIND = "no-picture"  # the one entity that has a tag, which is "mind"
IMAGE = base64.b64encode(examples.picture()).decode()
FILTERS: list[tuple[dict[str, Any] | None, int]] = [
    (None, 11),
    ({}, 11),
    ({"any": []}, 11),
    ({"any": ["mind"]}, 1),
    ({"any": ["Mind"]}, 0),
    ({"any": ["nobody", "mind"]}, 1),
    ({"all": ["nobody", "mind"]}, 0),
    ({"none": ["mind"]}, 10),
    ({"any": ["mind"], "none": ["mind"]}, 0),
    ({"none": ["nobody"]}, 11),
]


@pytest.fixture(scope="module", params=BACKENDS)
def service(request: pytest.FixtureRequest, service: Service) -> Service:
    """Of either backend."""
    return request.getfixturevalue("milvus_service") if str(request.param).startswith("milvus") else service


def ids(result: dict[str, Any]) -> list[str]:
    return [found["entity_id"] for found in result["candidates"]]


@pytest.mark.parametrize(("tags", "count"), FILTERS)
def test_candidates_are_those_of_a_search_among_all_that_pass(
    client: httpx.Client, tags: dict[str, Any] | None, count: int
) -> None:
    asked = {"image": IMAGE, "top_k": 100, "regions": [None, {"box": [6, 4, 24, 24]}]}
    every = client.post("/link", json=asked).raise_for_status().json()["results"]
    found = client.post("/link", json={**asked, "tags": tags}).raise_for_status().json()["results"]
    passes = {one for one in ids(every[0]) if count >= 10 or (count == 1) == (one == MIND)} if count else set()
    if count == 10:
        passes.discard(MIND)
    for ours, all_of_them in zip(found, every, strict=True):
        kept = [one for one in all_of_them["candidates"] if one["entity_id"] in passes]
        assert ids(ours) == [one["entity_id"] for one in kept]
        assert len(kept) == count
        for one, other in zip(ours["candidates"], kept, strict=True):
            assert one["score"] == pytest.approx(other["score"], abs=1e-5)
        if count < 10:  # of fewer than ten nothing can be told
            assert ours["confidence"] is None


def test_a_form_has_them_too(client: httpx.Client) -> None:
    parts = {"image": ("p.png", examples.picture(), "image/png"), "tags": (None, json.dumps({"any": ["mind"]}))}
    assert ids(client.post("/link", files=parts).raise_for_status().json()["results"][0]) == [MIND]


def test_requests_that_come_together_do_not_mix(client: httpx.Client) -> None:
    def ask(number: int) -> list[str]:
        tags = FILTERS[number % len(FILTERS)][0]
        answer = client.post("/link", json={"image": IMAGE, "top_k": 100, "tags": tags})
        return ids(answer.raise_for_status().json()["results"][0])

    alone = [ask(number) for number in range(len(FILTERS))]
    assert [len(found) for found in alone] == [count for _, count in FILTERS]
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(ask, range(60))) == [alone[number % len(FILTERS)] for number in range(60)]


@pytest.mark.parametrize(
    ("tags", "pointer"),
    [
        ([], "#/tags"),
        ("mind", "#/tags"),
        ({"some": ["mind"]}, "#/tags"),
        ({"secret-name": 1, "any": []}, "#/tags"),
        ({"any": "mind"}, "#/tags/any"),
        ({"any": [1]}, "#/tags/any/0"),
        ({"all": [""]}, "#/tags/all/0"),
        ({"none": ["x" * 129]}, "#/tags/none/0"),
        ({"any": ["x"] * 65}, "#/tags/any"),
    ],
)
def test_what_is_no_filter_is_refused(client: httpx.Client, tags: Any, pointer: str) -> None:
    answer = client.post("/link", json={"image": IMAGE, "tags": tags})
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert "secret-name" not in answer.text


def test_lists_are_filtered_alike(client: httpx.Client) -> None:
    def listed(query: str) -> tuple[list[str], int]:
        answer = client.get(f"/entities?{query}").raise_for_status().json()
        return [each["entity_id"] for each in answer["entities"]], answer["count"]

    assert listed("tags_any=mind&tags_any=nobody") == ([MIND], 1)
    assert listed("tags_all=mind&tags_all=nobody") == ([], 0)
    assert listed("tags_any=mind&pictured=true") == ([], 0)
    assert listed("tags_any=mind&title=red") == ([], 0)
    others, count = listed("tags_none=mind")
    assert (len(others), count, MIND in others) == (10, 10, False)
    for wrong in ("tags_any=", f"tags_all={'x' * 129}", "&".join(["tags_none=x"] * 65)):
        assert client.get(f"/entities?{wrong}").status_code == 422


def test_a_filtered_list_is_followed_page_by_page(client: httpx.Client) -> None:
    every = client.get("/entities?tags_none=mind&limit=100").json()["entities"]
    found, after = [], ""
    while after is not None:
        page = client.get("/entities", params={"tags_none": "mind", "limit": 3, "after": after}).json()
        found += page["entities"]
        after = page["next"]
    assert found == every


def test_the_tags_that_there_are_are_told(client: httpx.Client) -> None:
    assert client.get("/tags").json() == {"tags": [{"tag": "mind", "entities": 1}], "count": 1, "next": None}
    for wrong in ("after=x", "after=WzFd", "order=size", "limit=0", "limit=1001"):
        assert client.get(f"/tags?{wrong}").status_code == 422, wrong
    assert client.get("/tags?after=WyJtaW5kIiwxXQ").json()["tags"] == []  # what follows the only one


def test_the_client_asks_by_tags(service: Service) -> None:
    with LinkClient(service.url) as client:
        found = client.link(examples.picture(), tags={"any": ("mind",)}).results[0].candidates
        assert [one.entity_id for one in found] == [MIND]
        assert [one.entity_id for one in client.entities(tags={"any": ["mind"]}).entities] == [MIND]
        assert client.entities("red", tags={"none": {"mind"}}).count == 2
        assert [(one.tag, one.entities) for one in client.tags(order="tag").tags] == [("mind", 1)]
        with pytest.raises(LinkError, match="given as lists"):
            client.entities(tags={"any": "mind"})
        with pytest.raises(LinkError, match="under `any`, `all` and `none`"):
            client.link(examples.picture(), tags={"some": []})


def test_the_command_lines_ask_by_tags(
    service: Service, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.png").write_bytes(examples.picture())

    def run(*words: str) -> str:
        return CliRunner().invoke(app, [*words, "--url", service.url], catch_exceptions=False).output

    assert "mind" in run("tags")
    assert json.loads(run("link", str(tmp_path / "p.png"), "--tags-any", "mind", "--json"))["results"][0]["candidates"]
    assert json.loads(run("entities", "", "--tags-none", "mind", "--json"))["count"] == 10
    monkeypatch.setenv("WIKICLIP_INDEX", str(settings.index))
    monkeypatch.setenv("WIKICLIP_THREADS", "1")
    out = tmp_path / "rows.jsonl"
    asked = ["--images", str(tmp_path), "--out", str(out), "--tags-any", "mind", "--tags-any", "nobody"]
    assert CliRunner().invoke(batch.app, asked, catch_exceptions=False).exit_code == 0
    (row,) = map(json.loads, out.read_text().splitlines())
    assert ids(row) == [MIND]


def test_a_linker_in_process_does(linker: Linker) -> None:
    (found,) = linker.link(examples.picture(), tags={"all": ["mind"]}).candidates
    assert found.entity.entity_id == MIND
    regions = linker.link(examples.picture(), regions=[None, None], tags={"none": ["mind"]}, top_k=100)
    assert [len(one.candidates) for one in regions] == [10, 10]
    with pytest.raises(ValueError, match="given as lists"):
        linker.link(examples.picture(), tags={"some": ["mind"]})
