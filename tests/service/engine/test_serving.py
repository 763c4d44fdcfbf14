"""A service that follows its index: swaps under load, versions that are bad, a folder that is gone."""

import base64
import hashlib
import json
import shutil
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from indexer.update import app as update_app
from indexer.version import make_current, read_version
from service import examples
from service.settings import Settings
from tests.service.conftest import Service, ready

CONTENT = json.dumps({"image": base64.b64encode(examples.picture()).decode(), "top_k": 20}).encode()
POST = {"content": CONTENT, "headers": {"content-type": "application/json"}}


@pytest.fixture
def home(index_home: Path, tmp_path: Path) -> Path:
    """A copy of the index, which a test may change."""
    return Path(shutil.copytree(index_home, tmp_path / "index"))


@pytest.fixture
def admin(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A file of keys, and the header of an admin's."""
    path = tmp_path / "keys"
    path.write_text(f"ops admin {hashlib.sha256(b'wk_ops').hexdigest()}\n")
    return path, {"authorization": "Bearer wk_ops"}


def publish(home: Path, tmp_path: Path, number: int) -> str:
    """Adds an entity, and returns the version that has it."""
    line = {"entity_id": f"new-{number}", "title": f"new {number}", "text": f"A thing of the number {number}."}
    (tmp_path / "changes.jsonl").write_text(json.dumps(line) + "\n")
    done = CliRunner().invoke(update_app, ["--out", str(home), "--records", str(tmp_path / "changes.jsonl")])
    assert done.exception is None, done.exception
    return read_version(home).id


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def state(service: Service, **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"{service.url}/readyz", **options).json()
    return answer


def test_versions_are_swapped_under_load_and_no_answer_mixes_two(
    start: Callable[[Settings], Service], settings: Settings, home: Path, tmp_path: Path
) -> None:
    entities = {read_version(home).id: 11}
    service = ready(start(settings.model_copy(update={"index": home, "follow_s": 0.1})))
    stop, answers, failures = threading.Event(), [], []

    def ask() -> None:
        with httpx.Client(base_url=service.url, timeout=60) as client:
            while not stop.is_set():
                answer = client.post("/link", **POST)
                if answer.status_code != 200:
                    failures.append(answer.text)
                    return
                answers.append(answer.json())

    first = weakref.ref(service.app.state.runtime.serving.linker.index)
    callers = [threading.Thread(target=ask) for _ in range(3)]
    for caller in callers:
        caller.start()
    for number in range(3):
        version = publish(home, tmp_path, number)
        entities[version] = 12 + number
        wait_for(lambda version=version: any(answer["index_version"] == version for answer in answers))
    stop.set()
    for caller in callers:
        caller.join()
    assert failures == []
    assert first() is None, "an index that answers no more is let go without waiting for the garbage collector"
    assert {answer["index_version"] for answer in answers} == set(entities)
    for answer in answers:
        found = [candidate["entity_id"] for candidate in answer["results"][0]["candidates"]]
        assert len(found) == entities[answer["index_version"]]
        assert sum(entity_id.startswith("new-") for entity_id in found) == entities[answer["index_version"]] - 11
    text = httpx.get(f"{service.url}/metrics").text
    assert 'wikiclip_index_reloads_total{outcome="taken"} 3.0' in text
    assert f'wikiclip_index_info{{version="{version}"}} 1.0' in text
    assert "wikiclip_index_entities 14.0" in text


def test_a_bad_version_is_refused_and_the_old_one_goes_on(
    start: Callable[[Settings], Service], settings: Settings, home: Path, tmp_path: Path, admin: Any
) -> None:
    keys, key = admin
    old = read_version(home)
    new = publish(home, tmp_path, 0)
    spoiled = next((home / "versions" / new / "shards" / "00001").glob("*.faiss"))
    whole = spoiled.read_bytes()
    spoiled.unlink()  # it may be one file with the old version's
    spoiled.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    make_current(old, home)
    service = ready(start(settings.model_copy(update={"index": home, "follow_s": 0.1, "keys": keys})))
    assert state(service)["refused"] is None

    make_current(read_version(home, new), home)
    wait_for(lambda: state(service)["refused"] is not None)
    told = state(service)
    assert (told["index_version"], told["refused"]["index_version"]) == (old.id, new)
    assert str(home) not in json.dumps(told), "anyone may ask /readyz, and paths are nobody's business"
    assert (
        httpx.post(f"{service.url}/link", **{**POST, "headers": POST["headers"] | key}).json()["index_version"]
        == old.id
    )
    assert 'reloads_total{outcome="refused"} 1.0' in httpx.get(f"{service.url}/metrics", headers=key).text

    asked = httpx.post(f"{service.url}/admin/reload", headers=key, timeout=60).json()
    assert asked["index_version"] == old.id
    assert "exact.faiss" in asked["refused"]["why"]

    assert httpx.post(f"{service.url}/admin/reload").status_code == 401
    spoiled.write_bytes(whole)  # mended
    wait_for(lambda: state(service)["index_version"] == new)
    answer = httpx.post(f"{service.url}/admin/reload", headers=key, timeout=60).json()
    assert answer == {"index_version": new, "refused": None}


def test_a_folder_that_is_gone_stops_nothing(
    start: Callable[[Settings], Service], settings: Settings, home: Path
) -> None:
    service = ready(start(settings.model_copy(update={"index": home, "follow_s": 0.1})))
    version = state(service)["index_version"]
    home.rename(home.with_name("away"))
    wait_for(lambda: state(service)["refused"] is not None)
    assert state(service)["refused"]["index_version"] is None
    assert httpx.post(f"{service.url}/link", **POST).json()["index_version"] == version
    assert httpx.get(f"{service.url}/entities/red-disc").status_code == 200
    home.with_name("away").rename(home)
    wait_for(lambda: state(service)["refused"] is None)
