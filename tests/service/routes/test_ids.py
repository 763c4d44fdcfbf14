"""Ids that are hard to write in a path: each is reached at each of its paths, and none is taken for another's."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from PIL import Image

from indexer.build import build
from indexer.kb import KnowledgeBaseName
from service.settings import Settings
from tests.service.conftest import Service, ready

PICTURED = ("a", "a/../b")
IDS = (*PICTURED, "a/image", "a/neighbours", "a/", "/a", "a%2Fimage", "...", "%", "%2e", "a;b&c=d", "+", "ä", "a//b")


@pytest.fixture(scope="module")
def own(
    start_for_module: Callable[[Settings], Service], settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("ids")
    Image.new("RGB", (40, 30), (200, 30, 30)).save(folder / "red.png")
    lines = [
        {"entity_id": one, "title": "hard", "text": "", "images": ["red.png"] if one in PICTURED else []}
        for one in (*IDS, ".", "..")
    ]
    records = folder / "records.jsonl"
    records.write_text("".join(json.dumps(line) + "\n" for line in lines))
    build(kb=KnowledgeBaseName.JSONL, records=records, images=folder, model=settings.model, out=folder / "index")
    service = ready(start_for_module(settings.model_copy(update={"index": folder / "index"})))
    with httpx.Client(base_url=service.url, timeout=60) as client:
        yield client


@pytest.mark.parametrize("entity_id", IDS)
def test_an_id_is_reached_at_each_of_its_paths(own: httpx.Client, entity_id: str) -> None:
    path = f"/entities/{quote(entity_id, safe='')}"
    record = own.get(path).raise_for_status().json()
    assert record["entity_id"] == entity_id
    found = own.get(f"{path}/neighbours").raise_for_status().json()["candidates"]
    assert {one["entity_id"] for one in found} < {*IDS} - {entity_id}
    shown = own.get(f"{path}/image")
    if entity_id in PICTURED:
        assert record["images"] == [f"{path}/image"]
        assert shown.raise_for_status().headers["content-type"] == "image/png"
    else:
        assert shown.json()["type"] == "urn:wikiclip:problem:no-picture"


def test_a_slash_that_comes_as_it_is_belongs_to_the_id_where_nothing_else_is_meant(own: httpx.Client) -> None:
    assert own.get("/entities/a//b").json()["entity_id"] == "a//b"
    assert own.get("/entities/a/image").headers["content-type"] == "image/png"


def test_an_id_that_no_path_can_hold_is_left_out(own: httpx.Client, tmp_path: Path) -> None:
    """Callers take dots as a segment for the folder or the one above it, however they are encoded."""
    assert own.get("/readyz").json()["entities"] == len(IDS)
