"""Pictures behind links, as they are served: those that were asked for, and nothing that a link leads to since."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from PIL import Image

from indexer.build import build
from indexer.kb import KnowledgeBaseName
from service.settings import Settings
from tests.service.conftest import Service, ready

NAMES = ("plain.png", "out.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    root.mkdir()
    Image.new("RGB", (40, 30), "red").save(root / "plain.png")
    Image.new("RGB", (40, 30), "blue").save(tmp_path / "elsewhere.png")
    (root / "out.png").symlink_to("../elsewhere.png")
    lines = ({"entity_id": name, "title": "t", "text": "", "images": [name]} for name in NAMES)
    (root / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return root


def put(root: Path, harm: str) -> None:
    """Puts something else where the two pictures were."""
    (root.parent / "secret").write_text("root:x:0:0")
    os.mkfifo(root.parent / "pipe")
    targets = {
        "a secret": "../secret",
        "a pipe": "../pipe",
        "a device": "/dev/zero",
        "a loop": "plain.png",
        "gone": "-",
    }
    for name in NAMES:
        (root / name).unlink()
        (root / name).symlink_to(targets[harm])


@pytest.mark.parametrize("harm", ["a secret", "a pipe", "a device", "a loop", "gone"])
def test_a_link_that_leads_to_something_else_since_is_no_picture(
    folder: Path, harm: str, start: Callable[[Settings], Service], settings: Settings
) -> None:
    home = folder.parent / "index"
    options = {"records": folder / "records.jsonl", "images": folder, "model": settings.model, "out": home}
    build(kb=KnowledgeBaseName.JSONL, follow_links=True, **options)
    service = ready(start(settings.model_copy(update={"index": home})))
    with httpx.Client(base_url=service.url, timeout=20) as client:
        for name, place in zip(NAMES, (folder / "plain.png", folder.parent / "elsewhere.png"), strict=True):
            shown = client.get(f"/entities/{name}/image").raise_for_status()
            assert (shown.content, shown.headers["content-type"]) == (place.read_bytes(), "image/png")
            assert client.get(f"/entities/{name}").json()["images"] == [f"/entities/{name}/image"]
        put(folder, harm)
        for name in NAMES:
            assert client.get(f"/entities/{name}/image").json()["type"] == "urn:wikiclip:problem:no-picture"


def test_without_the_option_a_picture_that_becomes_a_link_out_is_none(
    folder: Path, start: Callable[[Settings], Service], settings: Settings
) -> None:
    home = folder.parent / "index"
    build(kb=KnowledgeBaseName.JSONL, records=folder / "records.jsonl", images=folder, model=settings.model, out=home)
    service = ready(start(settings.model_copy(update={"index": home})))
    with httpx.Client(base_url=service.url, timeout=20) as client:
        client.get("/entities/plain.png/image").raise_for_status()
        (folder / "plain.png").unlink()
        (folder / "plain.png").symlink_to("../elsewhere.png")
        for name in NAMES:
            assert client.get(f"/entities/{name}/image").json()["type"] == "urn:wikiclip:problem:no-picture"
