"""Several processes over an index whose vectors are in Milvus: the engine alone asks the server."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from indexer.errors import IndexUnreachable
from indexer.kinds.milvus.server import MilvusServer
from indexer.update import update
from indexer.version import read_version
from service.settings import Settings
from tests.milvus import own_server
from tests.service.conftest import Service, ready
from tests.service.processes.family import counted, family, is_alive, wait_until
from tests.service.processes.load import BOX, IMAGE, Load

pytestmark = pytest.mark.slow
UNREACHABLE = "urn:wikiclip:problem:index-unreachable"
ASKED = ({"image": IMAGE}, {"image": IMAGE, "regions": [BOX, None], "top_k": 3}, {"image": IMAGE, "min_score": 0.9})


def found(url: str) -> list[Any]:
    """Who is found for some requests, and how near."""
    answers = [httpx.post(f"{url}/link", json=asked, timeout=60).raise_for_status().json() for asked in ASKED]
    answers += [httpx.get(f"{url}/entities/red-disc/neighbours?top_k=4", timeout=60).raise_for_status().json()]
    each = [one["candidates"] for answer in answers for one in answer.get("results", [answer])]
    return [[(one["entity_id"], pytest.approx(one["score"], abs=1e-3)) for one in candidates] for candidates in each]


def is_updated(records: Path, model: str, home: Path, uri: str) -> bool:
    """Tries once: a client that outlived its server is told to try again while it connects anew."""
    try:
        update(records=records, model=model, out=home, uri=uri)
    except IndexUnreachable:
        return False
    return True


def test_an_outage_is_503_that_mends_itself_and_no_process_dies(
    start: Callable[[Settings], Service],
    settings: Settings,
    in_milvus_at: Callable[[MilvusServer, Path], Path],
    tmp_path: Path,
    short_path: Path,
) -> None:
    with own_server(tmp_path / "milvus") as milvus:
        home = in_milvus_at(MilvusServer(milvus.uri), tmp_path / "index")
        at = {"milvus_uri": milvus.uri, "milvus_timeout_s": 2}
        one = found(ready(start(settings.model_copy(update={**at, "index": home}))).url)
        with family(home, short_path, probe_s=0.3, **at) as running:
            pids = running.pids("wikiclip-")
            assert found(running.url) == one
            assert "consistency level Bounded" in httpx.get(f"{running.url}/readyz").json()["search"]
            with Load(running.url) as load:
                load.wait_for(10)
                milvus.kill()
                wait_until(lambda: load.seen["503"] > 10)
                answer = httpx.post(f"{running.url}/link", json=ASKED[0], timeout=60)
                assert (answer.status_code, answer.json()["type"]) == (503, UNREACHABLE)
                assert int(answer.headers["retry-after"]) >= 1
                assert milvus.uri not in answer.text
                answer = httpx.get(f"{running.url}/entities/red-disc/neighbours", timeout=60)
                assert (answer.status_code, answer.json()["type"]) == (503, UNREACHABLE)
                wait_until(lambda: httpx.get(f"{running.url}/readyz").json().get("type") == UNREACHABLE)
                assert httpx.get(f"{running.url}/entities/red-disc").status_code == 200, "which needs no vector"
                milvus.start()
                wait_until(lambda: httpx.get(f"{running.url}/readyz").status_code == 200)
                answered = load.seen["200"]
                wait_until(lambda: load.seen["200"] > answered + 10)
            assert set(load.seen) == {"200", "503"}, load.seen
            assert found(running.url) == one

            # A version that is published while the server is away is refused, and taken over once it is back.
            (tmp_path / "more.jsonl").write_text(
                json.dumps({"entity_id": "new", "title": "new", "text": "New."}) + "\n"
            )
            wait_until(lambda: is_updated(tmp_path / "more.jsonl", settings.model, home, milvus.uri))
            updated = read_version(home).id
            wait_until(lambda: httpx.get(f"{running.url}/readyz").json().get("index_version") == updated)
            near = httpx.get(f"{running.url}/entities/new/neighbours?top_k=100", timeout=60).json()
            assert len(near["candidates"]) == 11
            assert running.pids("wikiclip-") == pids
            assert "Traceback" not in running.log.read_text()


def test_a_version_that_is_out_of_reach_is_tried_again(
    settings: Settings, in_milvus_at: Callable[[MilvusServer, Path], Path], tmp_path: Path, short_path: Path
) -> None:
    """Also by processes that answer from files."""
    with own_server(tmp_path / "milvus") as milvus:
        before, current = read_version(settings.index), settings.index / "CURRENT"
        home = in_milvus_at(MilvusServer(milvus.uri), tmp_path / "index")
        in_milvus = read_version(home).id
        version = home / "versions" / before.id
        version.symlink_to(before.folder, target_is_directory=True)
        (home / "CURRENT").write_text(current.read_text())
        with family(home, short_path, milvus_uri=milvus.uri, milvus_timeout_s=2) as running:
            pids = running.pids("wikiclip-")
            milvus.kill()
            (home / "next").write_text(in_milvus)
            (home / "next").replace(home / "CURRENT")
            told = {"index_version": in_milvus}
            wait_until(lambda: httpx.get(f"{running.url}/readyz").json()["refused"] == told)
            assert httpx.get(f"{running.url}/readyz").json()["index_version"] == before.id
            milvus.start()
            wait_until(lambda: httpx.get(f"{running.url}/readyz").json()["index_version"] == in_milvus)
            assert httpx.get(f"{running.url}/readyz").json()["refused"] is None
            assert httpx.post(f"{running.url}/link", json=ASKED[1], timeout=60).status_code == 200
            assert running.pids("wikiclip-") == pids


def test_an_engine_that_is_stuck_in_a_search_is_replaced(
    settings: Settings, in_milvus_at: Callable[[MilvusServer, Path], Path], tmp_path: Path, short_path: Path
) -> None:
    """Its event loop goes on, and says so: what its threads are at tells that it hangs."""
    with own_server(tmp_path / "milvus") as milvus:
        home = in_milvus_at(MilvusServer(milvus.uri), tmp_path / "index")
        waits = {"milvus_timeout_s": 600, "deadline_s": 4, "silence_s": 4}
        with family(home, short_path, milvus_uri=milvus.uri, **waits) as running:
            (stuck,), fronts = running.engines, running.fronts
            assert milvus.process is not None
            milvus.process.send_signal(signal.SIGSTOP)
            try:
                answer = httpx.post(f"{running.url}/link", json=ASKED[0], timeout=60)
                assert answer.status_code == 504
                wait_until(lambda: not is_alive(stuck), 60)
            finally:
                milvus.process.send_signal(signal.SIGCONT)
            wait_until(lambda: httpx.post(f"{running.url}/link", json=ASKED[0], timeout=60).status_code == 200)
            assert running.fronts == fronts
            assert counted(running.url, "wikiclip_process_restarts_total") == 1


def test_a_server_that_is_away_at_the_start_is_waited_for_and_a_service_that_waits_can_be_stopped(
    settings: Settings, in_milvus_at: Callable[[MilvusServer, Path], Path], tmp_path: Path, short_path: Path
) -> None:
    with own_server(tmp_path / "milvus") as milvus:
        home = in_milvus_at(MilvusServer(milvus.uri), tmp_path / "index")
        milvus.kill()
        away = {"milvus_uri": milvus.uri, "milvus_timeout_s": 1}
        with family(home, short_path, wait=False, **away) as running:
            wait_until(lambda: "does not answer" in httpx.get(f"{running.url}/readyz").json()["detail"])
            milvus.start()
            wait_until(lambda: httpx.get(f"{running.url}/readyz").status_code == 200)
            assert httpx.post(f"{running.url}/link", json=ASKED[1], timeout=60).status_code == 200
            assert "Traceback" not in running.log.read_text()
        milvus.kill()
        with family(home, short_path, wait=False, **away) as running:
            wait_until(lambda: "does not answer" in httpx.get(f"{running.url}/readyz").json()["detail"])
