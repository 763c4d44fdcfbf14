"""Several processes that pull their index: one of them does, and all follow."""

import base64
import os
import shutil
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from indexer.bundles.signing import make_keys
from indexer.version import CURRENT, version_ids
from service import examples
from tests.service.processes.family import counted, family, is_ready, wait_until
from tests.service.processes.load import Load
from tests.service.pushed import Versions, make_versions, push

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def versions(index_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Versions:
    return make_versions(index_home, tmp_path_factory.mktemp("versions"))


@pytest.fixture
def remote(short_path: Path) -> Path:
    return short_path / "remote"


@pytest.fixture
def told(short_path: Path, remote: Path) -> dict[str, Any]:
    """Settings that name nothing but where to pull from, not even a checkpoint."""
    return {
        "pull_from": remote,
        "pull_s": 0.2,
        "probe_s": 0.3,
        "model": "none",
        "home": short_path / "var",
    }


def detail(url: str) -> str:
    answer = httpx.get(f"{url}/readyz", timeout=30).json()
    return str(answer.get("detail", ""))


def all_answer_with(url: str, version: str) -> bool:
    """Whichever front is asked: each time on a connection of its own."""
    found = {httpx.get(f"{url}/readyz", timeout=30).json().get("index_version") for _ in range(6)}
    return found == {version}


def expect_tags_and_words(url: str) -> None:
    """Whichever front is asked finds by both, and by what an update brought; pictures stayed elsewhere."""
    for _ in range(6):
        with httpx.Client(base_url=url, timeout=30) as client:
            assert client.get("/tags").json()["tags"] == [{"tag": "mind", "entities": 1}]
            for asked in ({"tags_any": "mind"}, {"q": "thought"}, {"q": "cognit", "tags_all": "mind"}):
                found = client.get("/entities", params=asked).raise_for_status().json()["entities"]
                assert [each["entity_id"] for each in found] == ["no-picture"], asked
            assert [each["entity_id"] for each in client.get("/entities?q=new+1").json()["entities"]] == ["new-1"]
            body = {"image": base64.b64encode(examples.picture()).decode(), "tags": {"any": ["mind"]}}
            (result,) = client.post("/link", json=body).raise_for_status().json()["results"]
            assert [one["entity_id"] for one in result["candidates"]] == ["no-picture"]
            assert client.get("/readyz").json()["pictured"] == 0
            assert client.get("/entities", params={"pictured": "true"}).json()["count"] == 0
            assert client.get("/entities/red-disc/image").status_code == 404


def test_from_an_address_alone_all_pull_and_swap_under_load(
    short_path: Path, remote: Path, versions: Versions, told: dict[str, Any]
) -> None:
    public = make_keys(short_path / "key")
    index = short_path / "var" / "index"
    with family(index, short_path, wait=False, pull_key=public, pull_bytes_per_s=8_000_000, **told) as running:
        wait_until(lambda: "tried again" in detail(running.url))
        push(remote, versions, 0)
        wait_until(lambda: "is not signed" in running.log.read_text())
        first, said = push(remote, versions, 0, short_path / "key"), set()
        while not is_ready(running.url):
            said.add(detail(running.url))
            time.sleep(0.02)
        assert any(each.startswith("Pulling ") for each in said), said
        with Load(running.url, callers=8) as load:
            load.wait_for(20)
            second = push(remote, versions, 1, short_path / "key")
            wait_until(lambda: all_answer_with(running.url, second))
            load.wait_for(20)
            push(remote, versions, 2)
            wait_until(lambda: running.log.read_text().count("is not signed") == 2)
            load.wait_for(20)
            third = push(remote, versions, 2, short_path / "key")
            wait_until(lambda: all_answer_with(running.url, third))
            load.wait_for(20)
        assert set(load.seen) == {"200"}, load.seen
        assert set(load.versions) == {first, second, third}
        assert counted(running.url, 'wikiclip_index_pulls_total{outcome="taken"}') == 3
        assert counted(running.url, 'wikiclip_index_reloads_total{outcome="taken"}') == 2
        assert counted(running.url, "wikiclip_index_entities") == 13
        assert len(version_ids(index)) == 2
        expect_tags_and_words(running.url)
        assert "Traceback" not in running.log.read_text()


def test_a_remote_that_goes_away_and_an_engine_that_dies_while_it_pulls(
    short_path: Path, remote: Path, versions: Versions, told: dict[str, Any]
) -> None:
    index, (home, (first, *_)) = short_path / "var" / "index", versions
    shutil.copytree(home, index)
    shutil.rmtree(index / "versions")
    shutil.copytree(home / "versions" / first, index / "versions" / first)
    (index / CURRENT).write_text(first)
    # The checkpoint, which is not in this home yet, takes some seconds.
    with family(index, short_path, pull_bytes_per_s=1_500_000, **{**told, "model": "tiny"}) as running:
        # What is there answers while nothing more can be had.
        wait_until(lambda: counted(running.url, 'wikiclip_index_pulls_total{outcome="failed"}') > 0)
        assert all_answer_with(running.url, first)
        with Load(running.url, callers=1) as load:  # a pull gives way to callers, and would take long beside more
            load.wait_for(10)
            newer = push(remote, versions, 1)
            wait_until(lambda: bool(list((index / "pulling").glob("objects/*.partial"))))
            (killed,) = running.engines
            os.kill(killed, signal.SIGKILL)
            wait_until(lambda: all_answer_with(running.url, newer))
            load.wait_for(10)
        assert set(load.seen) == {"200"}, load.seen
        assert counted(running.url, 'wikiclip_process_restarts_total{kind="engine"}') == 1


@pytest.mark.parametrize("wrong", [{"pull_from": "s3://a:b@bucket/x"}, {"pull_key": "none.pub"}], ids=["at", "key"])
def test_what_no_pull_mends_is_said_once(short_path: Path, told: dict[str, Any], wrong: dict[str, str]) -> None:
    with family(short_path / "index", short_path, wait=False, **{**told, **wrong}) as running:
        assert running.process.wait(60) == 1
    log = running.log.read_text()
    assert "Traceback" not in log
    assert Counter("redentials belong" in line or "none.pub" in line for line in log.splitlines())[True] == 1, log


def test_it_ends_at_once_where_it_waits_for_a_remote(short_path: Path, told: dict[str, Any]) -> None:
    with family(short_path / "index", short_path, wait=False, **told) as running:
        wait_until(lambda: "tried again" in detail(running.url))
        began = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(30)
        assert time.monotonic() - began < 4.5, "before it would be killed"
    assert "Traceback" not in running.log.read_text()
