"""A service that pulls its index from a remote: from nothing, under load, and past what it must not take."""

import base64
import json
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from indexer.bundles.signing import make_keys
from indexer.version import version_ids
from service import examples
from service.errors import Cause
from service.settings import Settings
from tests.service.conftest import Service, ready
from tests.service.pushed import Versions, make_versions, push
from wikiclip.base.errors import WikiClipError

CONTENT = json.dumps({"image": base64.b64encode(examples.picture()).decode(), "top_k": 20}).encode()
POST = {"content": CONTENT, "headers": {"content-type": "application/json"}}


@pytest.fixture(scope="module")
def versions(index_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Versions:
    return make_versions(index_home, tmp_path_factory.mktemp("versions"))


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where to push to; nothing is there yet. What is pulled comes into an empty home."""
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path / "var"))
    return tmp_path / "remote"


@pytest.fixture
def following(settings: Settings, remote: Path, tmp_path: Path) -> Settings:
    """Knows nothing but where to pull from: not even the checkpoint."""
    told = {"pull_from": str(remote), "pull_s": 0.2, "follow_s": 0.2, "probe_s": 0.2, "model": "none"}
    return settings.model_copy(update={**told, "index": tmp_path / "var" / "index"})


def state(service: Service) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"{service.url}/readyz").json()
    return answer


def answers_with(service: Service, version: str) -> bool:
    return bool(state(service)["index_version"] == version)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def metric(service: Service, name: str) -> float:
    lines = httpx.get(f"{service.url}/metrics").text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(name))


@pytest.mark.slow
def test_from_an_address_alone_it_pulls_serves_and_swaps_under_load(
    start: Callable[[Settings], Service], following: Settings, remote: Path, versions: Versions
) -> None:
    first = push(remote, versions, 0)
    service = start(following.model_copy(update={"pull_bytes_per_s": 6_000_000}))
    said = set()
    while (answer := httpx.get(f"{service.url}/readyz")).status_code == 503:
        said.add(answer.json()["detail"])
        time.sleep(0.05)
    assert any(each.startswith("Pulling ") and each.endswith("of 0.0 GB.") for each in said), said
    assert state(service)["index_version"] == first
    assert state(service)["pictured"] == 0, "they stayed where it was pushed from"
    image = httpx.get(f"{service.url}/entities/red-disc/image")
    assert (image.status_code, image.json()["type"]) == (404, Cause.NO_PICTURE.type)
    answers, stop = [], threading.Event()

    def call() -> None:
        with httpx.Client(base_url=service.url, timeout=60) as client:
            while not stop.is_set():
                answers.append(client.post("/link", **POST))

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    try:
        for number in (1, 2):
            newer = push(remote, versions, number)
            wait_for(partial(answers_with, service, newer))
        push(remote, versions, 0)  # back again: it is pulled anew where it was removed
        wait_for(partial(answers_with, service, first))
    finally:
        stop.set()
        for caller in callers:
            caller.join()
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["index_version"] for answer in answers} == set(versions[1])
    wait_for(lambda: metric(service, 'wikiclip_index_pulls_total{outcome="taken"}') == 4)
    wait_for(lambda: len(version_ids(following.index)) == 2)  # older ones are removed


@pytest.mark.slow
def test_what_is_not_signed_is_refused_said_once_and_taken_once_it_is(
    start: Callable[[Settings], Service],
    following: Settings,
    remote: Path,
    versions: Versions,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    public = make_keys(tmp_path / "key")
    service = start(following.model_copy(update={"pull_key": public}))
    wait_for(lambda: "tried again" in state(service).get("detail", ""))
    push(remote, versions, 0)
    wait_for(lambda: "is not signed" in caplog.text)
    time.sleep(1)
    assert caplog.text.count("is not signed") == 1
    first = push(remote, versions, 0, tmp_path / "key")
    assert state(ready(service))["index_version"] == first
    push(remote, versions, 1)
    wait_for(lambda: caplog.text.count("is not signed") == 2)
    assert httpx.post(f"{service.url}/link", **POST).json()["index_version"] == first
    newer = push(remote, versions, 1, tmp_path / "key")
    wait_for(lambda: state(service)["index_version"] == newer)


@pytest.mark.slow
def test_a_version_that_was_damaged_here_is_fetched_again(
    start: Callable[[Settings], Service], following: Settings, remote: Path, versions: Versions
) -> None:
    version = push(remote, versions, 0)
    service = ready(start(following))
    file = following.index / "versions" / version / "shards" / "00000" / "entities.arrow"
    file.chmod(0o644)
    os.truncate(file, 64)
    wait_for(lambda: metric(service, 'wikiclip_index_pulls_total{outcome="taken"}') == 2)
    wait_for(lambda: httpx.get(f"{service.url}/readyz").status_code == 200)
    assert httpx.post(f"{service.url}/link", **POST).status_code == 200


@pytest.mark.slow
def test_what_lies_here_answers_while_the_remote_is_away(
    start: Callable[[Settings], Service], following: Settings, remote: Path, versions: Versions
) -> None:
    version = push(remote, versions, 0)
    ready(start(following))
    remote.rename(remote.with_name("away"))
    assert state(ready(start(following)))["index_version"] == version


def test_what_no_pull_mends_is_said_at_once(start: Callable[[Settings], Service], following: Settings) -> None:
    for wrong in ({"pull_from": "s3://a:b@bucket/x"}, {"pull_key": Path("none.pub")}):
        with pytest.raises(WikiClipError):
            start(following.model_copy(update=wrong))
