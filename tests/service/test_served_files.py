"""Files of the index that change under a service: as a process of its own, which may not be killed by it."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from indexer.version import read_version
from service.settings import Settings
from tests.service.test_faults import POST, free_port, running

pytestmark = pytest.mark.slow
PROBE_S = "0.3"
DAMAGED = "urn:wikiclip:problem:index-damaged"
EXPLAIN = {"image": json.loads(POST["content"])["image"], "region": None, "entity_id": "red-disc"}


@pytest.fixture
def home(index_home: Path, tmp_path: Path) -> Path:
    """A copy of the index, which a test may change."""
    return Path(shutil.copytree(index_home, tmp_path / "index"))


def cut(path: Path) -> bytes:
    """Cuts a file off in place, as `cp` over it begins; returns what it held."""
    whole = path.read_bytes()
    path.chmod(0o644)
    os.truncate(path, 64)
    return whole


def restore(path: Path, whole: bytes) -> None:
    """Writes into the same file again."""
    with path.open("r+b") as file:
        file.write(whole)


def within(seconds: float, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("name", ["exact.faiss", "entities.arrow"])
def test_a_served_file_that_is_cut_off_is_told_by_503_and_the_service_goes_on_once_it_is_whole(
    settings: Settings, home: Path, tmp_path: Path, name: str
) -> None:
    port, log = free_port(), tmp_path / "log"
    path = read_version(home).folder / "shards" / "00000" / name
    own = settings.model_copy(update={"index": home})
    with log.open("wb") as errors, running(own, port, errors=errors, WIKICLIP_PROBE_S=PROBE_S) as process:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            assert client.post("/link", **POST).status_code == 200
            whole = cut(path)
            for _ in range(3):
                for answer in (
                    client.post("/link", **POST),
                    client.post("/explain", json=EXPLAIN),
                    client.get("/entities?title=red"),
                    client.get("/entities/red-disc"),
                    client.get("/entities/red-disc/neighbours"),
                    client.get("/readyz"),
                ):
                    assert (answer.status_code, answer.json()["type"]) == (503, DAMAGED)
                    assert str(home) not in answer.text
            assert client.post("/segment", **POST).status_code == 200, "which needs no index"
            assert client.get("/healthz").status_code == 200
            assert "wikiclip_ready 0.0" in client.get("/metrics").text
            time.sleep(3 * float(PROBE_S))  # it is looked at several times
            assert client.get("/readyz").status_code == 503
            restore(path, whole)
            within(30, lambda: client.get("/readyz").status_code == 200)
            assert client.post("/link", **POST).status_code == 200
            assert "wikiclip_ready 1.0" in client.get("/metrics").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)
    said = log.read_text()
    assert said.count("The service is not ready: ") == 1
    assert str(path) in said
    assert said.count("The service is ready again.") == 1
    assert "Traceback" not in said


def test_what_nobody_asks_is_found_by_the_service_itself(settings: Settings, home: Path) -> None:
    port, path = free_port(), read_version(home).folder / "shards" / "00000" / "titles.npy"
    with running(settings.model_copy(update={"index": home}), port, WIKICLIP_PROBE_S=PROBE_S):
        url = f"http://127.0.0.1:{port}/readyz"
        cut(path)
        within(30, lambda: httpx.get(url).status_code == 503)
        assert httpx.get(url).json()["type"] == DAMAGED


def test_a_version_whose_file_was_replaced_is_opened_anew(settings: Settings, home: Path, tmp_path: Path) -> None:
    port, old, log = free_port(), read_version(home), tmp_path / "log"
    path = old.folder / "shards" / "00000" / "exact.faiss"
    own = settings.model_copy(update={"index": home})
    with (
        log.open("wb") as errors,
        running(own, port, errors=errors, WIKICLIP_PROBE_S=PROBE_S, WIKICLIP_FOLLOW_S="0.2"),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        whole = cut(path)
        within(30, lambda: client.get("/readyz").status_code == 503)
        within(30, lambda: f"The index version {old.id} stays: " in log.read_text())
        time.sleep(1)
        assert log.read_text().count("stays: ") == 1
        path.unlink()  # as rsync restores it: another file of the same name
        path.write_bytes(whole)
        within(30, lambda: client.get("/readyz").status_code == 200)
        assert client.post("/link", **POST).json()["index_version"] == old.id
