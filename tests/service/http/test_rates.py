"""Rates of requests and of regions: the window against a plain list, and what callers of the service are told."""

import base64
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits import storage

from service import examples
from service.app import create_app
from service.errors import Problem
from service.http.rates import Rate, read_rate
from service.settings import Settings
from tests.service.conftest import Service, ready
from tests.service.http.test_access import make
from wikiclip.base.errors import WikiClipError

PICTURE = base64.b64encode(examples.picture()).decode()
NO_PICTURE = base64.b64encode(b"hello").decode()
BOX = {"box": [10, 10, 40, 40]}


def rate(text: str) -> Rate:
    found = read_rate(text, setting="WIKICLIP_REGION_RATE", counted="regions")
    assert found is not None
    return found


def refusal(own: Rate, count: int, caller: str = "shop") -> Problem | None:
    try:
        own.take(caller, count)
    except Problem as problem:
        return problem
    return None


@settings(deadline=None)
@given(
    most=st.integers(1, 12),
    window_s=st.integers(1, 20),
    steps=st.lists(st.tuples(st.integers(0, 24), st.integers(1, 14)), max_size=30),
)
def test_a_rate_is_what_a_list_of_all_that_was_taken_says(
    most: int, window_s: int, steps: list[tuple[int, int]]
) -> None:
    clock = SimpleNamespace(now=1_000_000.0)
    taken: list[tuple[float, int]] = []

    def held(since: float) -> int:
        return sum(count for at, count in taken if at >= since)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage.memory, "time", SimpleNamespace(time=lambda: clock.now))
        own = rate(f"{most} per {window_s} seconds")
        for quarters, count in steps:
            clock.now += quarters / 4 + 0.001  # so that nothing falls on the very end of a window
            problem = refusal(own, count)
            if count > most:
                assert problem is not None
                assert (problem.cause.code, problem.headers) == ("too-many-regions", None)
            elif held(clock.now - window_s) + count <= most:
                assert problem is None
                taken.append((clock.now, count))
            else:
                assert problem is not None
                waits = [w for w in range(1, window_s + 2) if held(clock.now + w - window_s) + count <= most]
                assert (problem.cause.code, problem.headers) == ("rate-limited", {"Retry-After": str(waits[0])})


def test_callers_at_once_take_no_more_than_the_rate() -> None:
    own = rate("100/hour")
    with ThreadPoolExecutor(16) as pool:
        refused = list(pool.map(lambda _: refusal(own, 3), range(200)))
    assert refused.count(None) == 33
    assert refusal(own, 1) is None
    assert refusal(own, 1) is not None
    assert refusal(own, 100, caller="another") is None


@pytest.mark.parametrize("text", ["often", "10", "10/fortnight", "0/second", "-1/second", "600 regions/minute"])
@pytest.mark.parametrize("name", ["rate", "region_rate"])
def test_a_rate_that_is_none_is_named(text: str, name: str) -> None:
    with pytest.raises(WikiClipError, match=f"WIKICLIP_{name.upper()} is not a rate such as 10/second"):
        create_app(Settings.model_validate({name: text}))


def test_of_two_rates_none_is_passed_over_in_silence() -> None:
    with pytest.raises(WikiClipError, match="WIKICLIP_RATE is not a rate"):
        read_rate("10/second; 1000/hour", setting="WIKICLIP_RATE", counted="requests")
    assert read_rate("", setting="WIKICLIP_RATE", counted="requests") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [("600/minute", "600 regions per minute"), ("5000 per 2 hours", "5,000 regions per 2 hours")],
)
def test_a_rate_is_told_in_words(text: str, told: str) -> None:
    assert str(rate(text)) == told


class Caller:
    """Asks a service, and keeps what it is told."""

    def __init__(self, service: Service, key: str | None = None) -> None:
        self._client = httpx.Client(
            base_url=service.url, timeout=60, headers={} if key is None else {"authorization": f"Bearer {key}"}
        )

    def link(self, regions: int, *, image: str = PICTURE, whole: bool = False) -> httpx.Response:
        return self._client.post("/link", json={"image": image, "regions": [None if whole else BOX] * regions})

    def form(self, regions: int) -> httpx.Response:
        files = {"image": examples.picture(), "regions": json.dumps([BOX] * regions).encode()}
        return self._client.post("/link", files=files)

    def one(self, path: str, **options: object) -> httpx.Response:
        return self._client.post(path, json={"image": PICTURE, **options})

    def send(self, path: str, body: bytes) -> httpx.Response:
        return self._client.post(path, content=body, headers={"content-type": "application/json"})

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path)


@pytest.fixture
def limited(start: Callable[[Settings], Service], settings: Settings) -> Callable[..., Service]:
    """Starts a service with rates."""
    return lambda **rates: ready(start(settings.model_copy(update=rates)))


def expect_refused(answer: httpx.Response, *, seconds: int, told: str) -> None:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["type"]) == (429, "urn:wikiclip:problem:rate-limited")
    assert answer.headers["content-type"] == "application/problem+json"
    assert told in body["detail"]
    assert 1 <= int(answer.headers["retry-after"]) <= seconds


def test_the_regions_of_all_routes_count_together_and_requests_do_not(limited: Callable[..., Service]) -> None:
    caller = Caller(limited(region_rate="12/hour", rate="100/hour"))
    assert caller.link(6).status_code == 200
    assert caller.form(2).status_code == 200
    assert caller.one("/link", region=BOX).status_code == 200
    assert caller.one("/segment", point=[30, 30]).status_code == 200
    assert caller.one("/explain", entity_id="red-disc").status_code == 200
    expect_refused(caller.link(2, whole=True), seconds=3600, told="12 regions per hour")
    expect_refused(caller.form(2), seconds=3600, told="12 regions per hour")
    assert caller.one("/segment").status_code == 200, "what is refused is not counted, and one is left"
    for answer in (
        caller.link(1),
        caller.one("/link"),
        caller.one("/segment"),
        caller.one("/segment", box=BOX["box"]),
        caller.one("/explain", entity_id="red-disc"),
        caller.one("/explain", entity_id="red-disc", region=BOX),
    ):
        expect_refused(answer, seconds=3600, told="12 regions per hour")
    assert caller.get("/entities/red-disc").status_code == 200


def test_who_comes_back_when_told_is_answered(limited: Callable[..., Service]) -> None:
    caller = Caller(limited(region_rate="8 per 6 seconds"))
    assert caller.link(8, image=NO_PICTURE).status_code == 415  # which counts, and is answered at once
    refused = caller.link(4)
    expect_refused(refused, seconds=6, told="8 regions per 6 seconds")
    time.sleep(int(refused.headers["retry-after"]))
    assert caller.link(4).status_code == 200


def test_more_regions_than_a_whole_window_has_are_refused_for_good(limited: Callable[..., Service]) -> None:
    caller = Caller(limited(region_rate="4/minute"))
    refused = caller.link(5)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:wikiclip:problem:too-many-regions")
    assert refused.json()["detail"] == (
        "Allowed are 4 regions per minute, and this request alone has more: send fewer at once."
    )
    assert "retry-after" not in refused.headers
    assert caller.link(4).status_code == 200, "it took nothing"
    expect_refused(caller.link(4), seconds=60, told="4 regions per minute")


def test_regions_count_once_they_are_known_and_the_service_would_take_as_many(limited: Callable[..., Service]) -> None:
    """The service of the tests takes eight in a request."""
    caller = Caller(limited(region_rate="10/hour"))
    assert caller.link(9).json()["type"] == "urn:wikiclip:problem:too-many-regions"
    assert caller.send("/link", b'{"image": "').json()["type"] == "urn:wikiclip:problem:malformed-json"
    assert caller.send("/link", b'{"regions": [1, 2]}').json()["type"] == "urn:wikiclip:problem:invalid-request"
    assert caller.link(2, image=NO_PICTURE).json()["type"] == "urn:wikiclip:problem:unsupported-image"
    assert caller.link(8).status_code == 200, "two were known before the picture was looked at"
    expect_refused(caller.link(1), seconds=3600, told="10 regions per hour")


def test_each_key_has_regions_of_its_own(limited: Callable[..., Service], tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    first, second = (make(keys, name) for name in ("one", "another"))
    service = limited(region_rate="4/hour", keys=keys)
    assert [Caller(service, key).link(3).status_code for key in (first, second)] == [200, 200]
    for key in (first, second):
        expect_refused(Caller(service, key).link(3), seconds=3600, told="4 regions per hour")


def test_the_rate_of_requests_holds_beside_it_and_says_so(limited: Callable[..., Service]) -> None:
    caller = Caller(limited(region_rate="100/hour", rate="2/hour"))
    assert [caller.link(1).status_code for _ in range(2)] == [200, 200]
    expect_refused(caller.link(1), seconds=3600, told="2 requests per hour")
