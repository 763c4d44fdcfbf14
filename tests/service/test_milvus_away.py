"""A service whose Milvus goes away: 503 with Retry-After at once, and answers again by itself once it is back."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from indexer.kinds.milvus.server import MilvusServer
from indexer.update import update
from indexer.version import read_version
from service.settings import Settings
from tests.milvus import own_server
from tests.service.conftest import Service, ready
from tests.service.test_faults import POST

pytestmark = pytest.mark.slow
UNREACHABLE = "urn:wikiclip:problem:index-unreachable"


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_server_that_goes_away_and_comes_back(
    start: Callable[[Settings], Service],
    settings: Settings,
    in_milvus_at: Callable[[MilvusServer, Path], Path],
    tmp_path: Path,
) -> None:
    with own_server(tmp_path / "milvus") as milvus:
        home = in_milvus_at(MilvusServer(milvus.uri), tmp_path / "index")
        own = settings.model_copy(update={"index": home, "milvus_uri": milvus.uri, "probe_s": 0.3, "follow_s": 0.2})
        service = ready(start(own))
        with httpx.Client(base_url=service.url, timeout=60) as client:
            before = client.post("/link", **POST).raise_for_status().json()["results"]
            assert "consistency level Bounded" in client.get("/readyz").json()["search"]
            milvus.kill()
            for path in ("/link", "/entities/red-disc/neighbours"):
                answer = client.post(path, **POST) if path == "/link" else client.get(path)
                assert (answer.status_code, answer.json()["type"]) == (503, UNREACHABLE)
                assert int(answer.headers["retry-after"]) >= 1
                assert milvus.uri not in answer.text
            eventually(lambda: client.get("/readyz").status_code == 503)
            assert client.get("/readyz").json()["type"] == UNREACHABLE
            assert client.get("/entities/red-disc").status_code == 200, "which needs no vector"
            assert client.get("/healthz").status_code == 200
            milvus.start()
            eventually(lambda: client.post("/link", **POST).status_code == 200)
            assert client.post("/link", **POST).json()["results"] == before
            eventually(lambda: client.get("/readyz").status_code == 200)

            # A version that is published while the server is away is taken over once it is back.
            (tmp_path / "more.jsonl").write_text(
                json.dumps({"entity_id": "new", "title": "new", "text": "New."}) + "\n"
            )
            update(records=tmp_path / "more.jsonl", model=own.model, out=home, uri=milvus.uri)
            updated = read_version(home).id
            eventually(lambda: client.get("/readyz").json().get("index_version") == updated)
            assert len(client.get("/entities/new/neighbours?top_k=100").json()["candidates"]) == 11


def test_a_server_that_is_away_at_the_start_is_waited_for(
    start: Callable[[Settings], Service],
    settings: Settings,
    in_milvus_at: Callable[[MilvusServer, Path], Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with own_server(tmp_path / "milvus") as milvus:
        home = in_milvus_at(MilvusServer(milvus.uri), tmp_path / "index")
        milvus.kill()
        away = {"index": home, "milvus_uri": milvus.uri, "milvus_timeout_s": 1}
        service = start(settings.model_copy(update=away))
        eventually(lambda: "does not answer" in httpx.get(f"{service.url}/readyz").json()["detail"])
        time.sleep(5)  # it is asked several times, and told once
        assert caplog.text.count("It is waited for.") == 1
        answer = httpx.post(f"{service.url}/link", **POST)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert milvus.uri not in answer.text
        milvus.start()
        ready(service)
        assert httpx.post(f"{service.url}/link", **POST).status_code == 200
