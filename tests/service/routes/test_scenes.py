"""`GET /scenes`: what `python -m training.demo` wrote, and nothing else of the disk."""

import json
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from service.errors import Cause
from tests.service.conftest import Service, answer_as
from wikiclip.masks import encode_rle


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: Service) -> Path:
    """The folder of a server in this process, whose index is of the demo's knowledge base."""
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    answer_as("wikipedia", service, monkeypatch)
    folder = tmp_path / "demo"
    folder.mkdir()
    return folder


def test_without_the_demo_there_are_none(client: httpx.Client, demo: Path) -> None:
    demo.rmdir()
    assert client.get("/scenes").raise_for_status().json() == {"scenes": []}


def test_a_scene_comes_with_its_masks(client: httpx.Client, demo: Path) -> None:
    Image.new("RGB", (40, 30), (9, 9, 9)).save(demo / "scene.png")
    mask = np.zeros((30, 40), dtype=np.bool_)
    mask[3:9, 5:20] = True
    rle = encode_rle(mask)
    (demo / "violin.json").write_text(json.dumps(rle))
    (demo / "other.json").write_text(json.dumps({**rle, "size": [40, 30]}))
    (demo / "broken.json").write_text("{")
    (demo / "broken.png").write_text("none")
    (scene,) = client.get("/scenes").raise_for_status().json()["scenes"]
    assert scene.pop("attribution")
    assert scene == {
        "name": "scene",
        "image": "/scenes/scene.png",
        "width": 40,
        "height": 30,
        "regions": [{"rle": rle, "title": "violin"}],
    }
    shown = client.get(scene["image"]).raise_for_status()
    assert shown.content == (demo / "scene.png").read_bytes()
    assert shown.headers["content-type"] == "image/png"
    assert "sandbox" in shown.headers["content-security-policy"]


def test_a_photograph_comes_without_masks_and_first(client: httpx.Client, demo: Path) -> None:
    Image.new("RGB", (40, 30)).save(demo / "scene.png")
    Image.new("RGB", (50, 30)).save(demo / "photograph.png")
    (demo / "violin.json").write_text(json.dumps(encode_rle(np.ones((30, 40), dtype=np.bool_))))
    found = client.get("/scenes").raise_for_status().json()["scenes"]
    assert [(scene["name"], len(scene["regions"])) for scene in found] == [("photograph", 0), ("scene", 1)]


def test_an_index_of_ones_own_is_not_tried_on_them(
    client: httpx.Client, demo: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (40, 30), (9, 9, 9)).save(demo / "scene.png")
    assert len(client.get("/scenes").json()["scenes"]) == 1
    answer_as("jsonl", service, monkeypatch)
    assert client.get("/scenes").raise_for_status().json() == {"scenes": []}
    assert client.get("/scenes/scene.png").json()["type"] == Cause.UNKNOWN_SCENE.type


@pytest.mark.parametrize(
    "name", ["none.png", "violin.json", "..%2Fsecret.png", "%2e%2e%2fsecret.png", "*.png", "scene"]
)
def test_nothing_else_is_served(client: httpx.Client, demo: Path, name: str) -> None:
    Image.new("RGB", (4, 3)).save(demo / "scene.png")
    Image.new("RGB", (4, 3)).save(demo.parent / "secret.png")
    (demo / "violin.json").write_text("{}")
    answer = client.get(f"/scenes/{name}")
    assert answer.status_code == 404
    assert answer.json()["type"] in (Cause.UNKNOWN_SCENE.type, Cause.NOT_FOUND.type)
