"""A service of several processes, as callers and operators see it: nothing is other than with one process, but that a
process may die."""

import json
import os
import shutil
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from indexer.version import CURRENT, read_version
from service import examples
from service.http.key_ring import Key, Role, checksum
from service.settings import Settings
from tests.service.conftest import ODD_ID, Service, ready
from tests.service.processes.family import Family, counted, family, is_alive, is_ready, wait_until
from tests.service.processes.load import BOX, IMAGE, Load

pytestmark = pytest.mark.slow

PLAIN = (  # a grey PNG of a pixel, in which nothing stands out
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def home(index_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two versions of the same index, which take turns as the one that is current."""
    copy = tmp_path_factory.mktemp("several") / "index"
    shutil.copytree(index_home, copy)
    version = read_version(copy)
    other = f"20990101t000000000000-{version.id.partition('-')[2]}"
    shutil.copytree(version.folder, version.folder.parent / other)
    return copy


@pytest.fixture(scope="module")
def several(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Family]:
    with family(
        home, tmp_path_factory.mktemp("family"), feedback=tmp_path_factory.mktemp("feedback-of-several")
    ) as running:
        yield running


@pytest.fixture(scope="module")
def alone(
    index_home: Path, start_for_module: Callable[[Settings], Service], tmp_path_factory: pytest.TempPathFactory
) -> Service:
    """One process over the same records."""
    feedback = tmp_path_factory.mktemp("feedback-of-one")
    return ready(start_for_module(Settings(index=index_home, threads=1, feedback=feedback)))


def _bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    picture = examples.picture()
    yield "/link", {"json": {"image": IMAGE}}
    yield "/link", {"json": {"image": IMAGE, "region": BOX, "top_k": 3}}
    yield "/link", {"json": {"image": IMAGE, "regions": [BOX, None, {"polygon": [[8, 6, 24, 6, 24, 20]]}], "top_k": 2}}
    yield "/link", {"json": {"image": IMAGE, "min_score": 0.9}}
    yield "/link", {"json": {"image": IMAGE, "tags": {"any": ["mind"]}, "top_k": 20}}
    yield "/link", {"json": {"image": IMAGE, "regions": [BOX, None], "tags": {"none": ["mind"]}, "top_k": 20}}
    yield "/link", {"json": {"image": IMAGE, "tags": {"some": []}}}
    yield "/link", {"json": {"image": IMAGE, "regions": "find", "top_k": 2}}
    yield "/link", {"json": {"image": IMAGE, "regions": "find", "most": 1}}
    yield "/link", {"json": {"image": PLAIN, "regions": "find"}}
    yield "/link", {"json": {"image": IMAGE, "regions": "find", "whole": True}}
    yield "/link", {"json": {"image": PLAIN, "regions": "find", "whole": True}}
    yield "/link", {"files": {"image": ("p.png", picture, "image/png"), "regions": (None, "find")}}
    yield "/link", {"files": {"image": ("p.png", picture, "image/png"), "region": (None, json.dumps(BOX))}}
    yield "/link", {"json": {"image": IMAGE, "region": {"box": [900, 900, 3, 3]}}}
    yield "/link", {"json": {"image": IMAGE, "regions": [None] * 65}}
    yield "/link", {"json": {"image": "no base64"}}
    yield "/link", {"content": b"{", "headers": {"content-type": "application/json"}}
    yield "/link", {"content": b"{}", "headers": {"content-type": "text/plain"}}
    yield "/segment", {"json": {"image": IMAGE}}
    yield "/segment", {"json": {"image": IMAGE, "point": [16, 14]}}
    yield "/segment", {"json": {"image": IMAGE, "box": [4, 2, 28, 28]}}
    yield "/segment", {"json": {"image": IMAGE, "point": [900, 14]}}
    yield "/explain", {"json": {"image": IMAGE, "region": BOX, "entity_id": "red-disc"}}
    yield "/explain", {"json": {"image": IMAGE, "entity_id": ODD_ID}}
    yield "/explain", {"json": {"image": IMAGE, "entity_id": "nobody"}}
    yield "/feedback", {"json": {"image": IMAGE, "region": BOX, "entity_id": "red-disc", "answered": ODD_ID}}


def _plain(answer: Any) -> Any:
    """Without what is another each time; numbers rounded as far as batches of other sizes may differ."""
    if isinstance(answer, dict):
        return {name: _plain(value) for name, value in answer.items() if name not in ("timings_ms", "index_version")}
    if isinstance(answer, list):
        return [_plain(each) for each in answer]
    return round(answer, 3) if isinstance(answer, float) else answer


def test_answers_are_those_of_one_process(several: Family, alone: Service) -> None:
    for path, sent in _bodies():
        one, other = (httpx.post(f"{url}{path}", timeout=60, **sent) for url in (alone.url, several.url))
        assert (other.status_code, _plain(other.json())) == (one.status_code, _plain(one.json())), (path, sent)
        if one.status_code == 200 and path != "/feedback":
            assert other.json()["timings_ms"].keys() == one.json()["timings_ms"].keys()
    odd = ODD_ID.replace("%", "%25").replace("/", "%2F").replace("?", "%3F").replace("#", "%23")
    for path in (
        "/entities?title=red",
        "/entities?q=is%20red",
        "/entities?limit=3",
        "/entities/red-disc",
        f"/entities/{odd}",
        "/entities/nobody",
        "/entities/red-disc/neighbours?top_k=4",
        "/entities/nobody/neighbours",
        "/entities/red-disc/image",
        f"/entities/{odd}/image?number=1",
        "/entities/blue-block/image",
        "/scenes",
        "/openapi.json",
        "/admin/reload",
        "/nowhere",
    ):
        one, other = (httpx.get(f"{url}{path}", timeout=60) for url in (alone.url, several.url))
        assert (other.status_code, other.headers["content-type"]) == (one.status_code, one.headers["content-type"])
        if path.endswith(("image", "number=1")) and one.status_code == 200:
            assert other.content == one.content
        else:
            assert _plain(other.json()) == _plain(one.json()), path
    one, other = (httpx.get(f"{url}/readyz").json() for url in (alone.url, several.url))
    assert _plain(other) == _plain(one)
    assert other["feedback"] is True


def _swap(home: Path) -> str:
    """Makes the other version current, by rename."""
    current = (home / CURRENT).read_text().strip()
    (other,) = (path.name for path in (home / "versions").iterdir() if path.name != current)
    (home / "next").write_text(other)
    (home / "next").replace(home / CURRENT)
    return other


def test_a_killed_front_and_a_swap_fail_no_request(several: Family, home: Path) -> None:
    first = httpx.get(f"{several.url}/readyz").json()["index_version"]
    with Load(several.url) as load:
        load.wait_for(20)
        killed, other = several.fronts
        os.kill(killed, signal.SIGKILL)
        version = _swap(home)
        assert version != first
        wait_until(lambda: version in load.versions)
        wait_until(lambda: len(several.fronts) == 2)
        load.wait_for(20)
    assert set(load.seen) <= {"200", "again"}, load.seen
    assert set(load.versions) <= {first, version}
    assert killed not in several.fronts
    assert other in several.fronts
    for _ in range(6):  # whichever front it is
        assert httpx.get(f"{several.url}/readyz").json()["index_version"] == version
    assert counted(several.url, "wikiclip_index_reloads_total") == 1
    assert counted(several.url, 'wikiclip_process_restarts_total{kind="front"}') == 1


def test_requests_wait_for_the_engine_that_comes_after_a_killed_one(several: Family) -> None:
    with Load(several.url) as load:
        load.wait_for(10)
        (killed,) = several.engines
        began = time.monotonic()
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: several.engines not in ([], [killed]))
        wait_until(lambda: is_ready(several.url))
        load.wait_for(20)
        print(f"an engine was back after {time.monotonic() - began:.1f} s")
    assert set(load.seen) == {"200"}, load.seen


def test_a_damaged_version_is_refused_by_all(several: Family, home: Path) -> None:
    before = (home / CURRENT).read_text().strip()
    damaged = f"20990202t000000000000-{before.partition('-')[2]}"
    shutil.copytree(home / "versions" / before, home / "versions" / damaged)
    (table,) = (home / "versions" / damaged).rglob("entities.arrow")
    table.chmod(0o644)
    whole = table.read_bytes()
    table.write_bytes(whole[:-1] + b"\0")
    try:
        (home / "next").write_text(damaged)
        (home / "next").replace(home / CURRENT)
        wait_until(lambda: httpx.get(f"{several.url}/readyz").json()["refused"] is not None)
        for _ in range(6):
            told = httpx.get(f"{several.url}/readyz").json()
            assert (told["index_version"], told["refused"]) == (before, {"index_version": damaged})
        assert httpx.post(f"{several.url}/link", json={"image": IMAGE}).json()["index_version"] == before
        assert counted(several.url, 'wikiclip_index_reloads_total{outcome="refused"}') == 1
        table.write_bytes(whole)
        wait_until(lambda: httpx.get(f"{several.url}/readyz").json()["index_version"] == damaged)
    finally:
        (home / "next").write_text(before)
        (home / "next").replace(home / CURRENT)
        wait_until(lambda: httpx.get(f"{several.url}/readyz").json()["index_version"] == before)
        shutil.rmtree(home / "versions" / damaged)
    assert httpx.get(f"{several.url}/readyz").json()["refused"] is None


def test_an_engine_that_does_not_find_its_version_any_more_opens_the_current_one(
    index_home: Path, tmp_path: Path, short_path: Path
) -> None:
    home = tmp_path / "index"
    shutil.copytree(index_home, home)
    first = read_version(home)
    other = f"20990101t000000000000-{first.id.partition('-')[2]}"
    shutil.copytree(first.folder, first.folder.parent / other)
    with family(home, short_path, follow_s=600) as running:
        assert _swap(home) == other
        shutil.rmtree(first.folder)
        assert httpx.get(f"{running.url}/readyz").json()["index_version"] == first.id
        os.kill(*running.engines, signal.SIGKILL)
        wait_until(lambda: httpx.get(f"{running.url}/readyz").json().get("index_version") == other)
        for _ in range(6):
            answer = httpx.post(f"{running.url}/link", json={"image": IMAGE}, timeout=60)
            assert (answer.status_code, answer.json()["index_version"]) == (200, other)


def test_callers_who_go_away_leave_nothing(several: Family) -> None:
    """While their bodies come, and while an engine has what they asked."""
    port = int(several.url.rpartition(":")[2])
    body = json.dumps({"image": IMAGE, "regions": [None] * 32}).encode()
    head = b"POST /link HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    for sent in (head % len(body) + body, head % 20_000_000 + b"x" * 1_000_000):
        for _ in range(40):
            with socket.create_connection(("127.0.0.1", port)) as caller:
                caller.sendall(sent)
    wait_until(lambda: counted(several.url, "wikiclip_body_bytes") == 0)
    wait_until(lambda: counted(several.url, "wikiclip_queue_depth") == 0)
    assert httpx.post(f"{several.url}/link", json={"image": IMAGE}, timeout=60).status_code == 200


def test_counters_add_up_and_keep_what_the_dead_had_counted(several: Family) -> None:
    metric = 'wikiclip_requests_total{route="/entities/{entity_id:path}",status="200"}'
    before, pids = counted(several.url, metric), set(several.fronts)
    for _ in range(40):  # each on a connection of its own, so that both fronts have some
        assert httpx.get(f"{several.url}/entities/red-disc").status_code == 200
    assert counted(several.url, metric) == before + 40
    os.kill(several.fronts[0], signal.SIGKILL)
    wait_until(lambda: len(several.fronts) == 2 and set(several.fronts) != pids)
    assert counted(several.url, metric) == before + 40


def test_a_rate_holds_for_all_fronts_together_and_an_admin_may_reload(home: Path, short_path: Path) -> None:
    path = short_path / "keys"
    path.write_text("".join(Key(role, role, checksum(role)).line() for role in Role))
    path.chmod(0o600)
    sent = {"Authorization": f"Bearer {Role.CALLER}"}
    settings = {"keys": path, "rate": "30/minute", "region_rate": "20/minute"}
    with family(home, short_path, **settings) as running:

        def get(_: int) -> int:
            return httpx.get(f"{running.url}/entities/red-disc", headers=sent, timeout=60).status_code

        with ThreadPoolExecutor(8) as pool:
            asked = Counter(pool.map(get, range(60)))
        assert asked == {200: 30, 429: 30}
        refused = httpx.get(f"{running.url}/entities/red-disc", headers=sent)
        assert 0 < int(refused.headers["retry-after"]) <= 60
        sent_by_admin = {"Authorization": f"Bearer {Role.ADMIN}"}
        regions = {"image": IMAGE, "regions": [None] * 15}
        answers = [httpx.post(f"{running.url}/link", json=regions, headers=sent_by_admin) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 429]
        version = _swap(home)
        for _ in range(4):
            told = httpx.post(f"{running.url}/admin/reload", headers=sent_by_admin, timeout=60)
            assert told.json() == {"index_version": version, "refused": None}


def test_nothing_is_left_of_a_killed_supervisor(home: Path, short_path: Path) -> None:
    with family(home, short_path) as running:
        pids = running.pids()
        assert len(pids) >= 5  # two fronts, an engine, what forks them and what looks after names
        assert httpx.post(f"{running.url}/link", json={"image": IMAGE}, timeout=60).status_code == 200
        shared = set(Path("/dev/shm").glob("psm_*"))  # as Python names what it shares
        running.process.kill()
        running.process.wait()
        wait_until(lambda: not any(map(is_alive, pids)), 20)
    assert not list(short_path.glob("wikiclip-*"))
    assert set(Path("/dev/shm").glob("psm_*")) <= shared


def test_it_stops_when_told_and_finishes_what_it_accepted(home: Path, short_path: Path) -> None:
    with family(home, short_path) as running:
        pids = running.pids()
        with ThreadPoolExecutor(4) as pool:
            regions = {"image": IMAGE, "regions": [None] * 16}
            asked = [pool.submit(httpx.post, f"{running.url}/link", json=regions, timeout=60) for _ in range(4)]
            wait_until(lambda: counted(running.url, "wikiclip_queue_depth") > 0 or asked[0].done())
            running.process.send_signal(signal.SIGTERM)
            statuses = {each.result().status_code for each in asked}
        assert statuses == {200}
        assert running.process.wait(30) == 0
        wait_until(lambda: not any(map(is_alive, pids)), 10)  # what forked them hears of it last
    assert not list(short_path.glob("wikiclip-*"))


def test_a_missing_index_is_one_line_that_says_what_to_do(short_path: Path) -> None:
    with pytest.raises(AssertionError) as ended, family(short_path / "none", short_path):
        pass
    said = [line for line in str(ended.value).splitlines() if "make demo-index" in line]
    assert len(said) == 1
    assert "Traceback" not in str(ended.value)
