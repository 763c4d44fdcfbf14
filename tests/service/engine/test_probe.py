"""The service's own searches: what they find, what becomes of `/readyz` where they fail, and that it gets over it."""

import asyncio
import dataclasses
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.errors import CorruptIndex
from indexer.kinds.kind import Hits
from indexer.linker import Linker
from indexer.search import Candidate, EntityIndex
from indexer.version import read_version
from service.engine.pipeline import Pipeline
from service.engine.probe import Probe
from service.engine.serving import Serving, serving_of
from service.errors import Cause
from service.settings import Settings
from service.telemetry.metrics import Metrics
from tests.service.conftest import Service, ready
from wikiclip.segmenters import open_segmenter

FAILED = "urn:wikiclip:problem:search-failed"


class Rows:
    """A searcher whose answers a test spoils."""

    def __init__(self, index: EntityIndex) -> None:
        self._rows = index.rows
        self.spoil: Callable[[Hits], Hits] = lambda hits: hits
        self.gate = threading.Event()
        self.gate.set()
        self.searches = 0

    def __len__(self) -> int:
        return len(self._rows)

    def search(self, queries_BM: NDArray[np.float32], k: int) -> Hits:
        self.searches += 1
        assert self.gate.wait(60)
        return self.spoil(self._rows.search(queries_BM, k))

    def vectors(self, rows_K: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._rows.vectors(rows_K)


def raising(hits: Hits) -> Hits:
    raise RuntimeError("of the library's own\nat some length")


def nothing(hits: Hits) -> Hits:
    return Hits(np.full_like(hits.rows_BK, -1), np.full_like(hits.scores_BK, -np.inf))


def out_of_range(hits: Hits) -> Hits:
    return Hits(hits.rows_BK + 10_000, hits.scores_BK)


def no_numbers(hits: Hits) -> Hits:
    return Hits(hits.rows_BK, np.full_like(hits.scores_BK, np.nan))


def zeros(hits: Hits) -> Hits:
    return Hits(hits.rows_BK, np.zeros_like(hits.scores_BK))


SPOILT = [raising, nothing, out_of_range, no_numbers, zeros]


@pytest.fixture
def spoilt(settings: Settings) -> tuple[Serving, Rows]:
    """What answers, over an index of its own."""
    linker = Linker.open(settings.model, settings.index, limits=settings.picture_limits)
    serving = serving_of(linker)
    linker.index.rows = rows = Rows(linker.index)
    return serving, rows


@pytest.fixture
def pipeline(spoilt: tuple[Serving, Rows], settings: Settings) -> Iterator[Pipeline]:
    serving, rows = spoilt
    pipeline = Pipeline(serving, open_segmenter("tower", tower=serving.linker.model.vision), settings, Metrics())
    yield pipeline
    rows.gate.set()
    pipeline.close()


def causes(probe: Probe) -> Cause | None:
    return None if probe.problem is None else probe.problem.cause


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_search_that_does_not_find_what_it_found_is_told_once_until_it_does(
    pipeline: Pipeline, spoilt: tuple[Serving, Rows], spoil: Any, caplog: pytest.LogCaptureFixture
) -> None:
    _, rows = spoilt
    probe = Probe(pipeline, deadline_s=60)

    async def run() -> list[Cause | None]:
        told = []
        for way in (rows.spoil, spoil, spoil, spoil, lambda hits: hits, rows.spoil):
            rows.spoil = way
            await probe.look()
            told.append(causes(probe))
        return told

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(run()) == [None, *[Cause.SEARCH_FAILED] * 3, None, None]
    said = [record.getMessage() for record in caplog.records]
    assert [line.split(":")[0] for line in said] == ["The service is not ready", "The service is ready again."]
    assert "\n" not in said[0]


def test_a_search_that_hangs_is_told_and_waited_for_and_no_other_is_begun(
    pipeline: Pipeline, spoilt: tuple[Serving, Rows]
) -> None:
    _, rows = spoilt
    probe = Probe(pipeline, deadline_s=0.2)

    async def run() -> None:
        rows.gate.clear()
        for _ in range(4):
            started = time.monotonic()
            await probe.look()
            assert time.monotonic() - started > 0.15
            assert causes(probe) is Cause.SEARCH_FAILED
        assert rows.searches == 1
        rows.gate.set()
        while causes(probe) is not None:
            await probe.look()
        await probe.look()
        assert rows.searches >= 2

    asyncio.run(asyncio.wait_for(run(), 60))


def test_the_event_loop_goes_on_meanwhile(pipeline: Pipeline, spoilt: tuple[Serving, Rows]) -> None:
    _, rows = spoilt

    async def run() -> None:
        rows.gate.clear()
        look = asyncio.create_task(Probe(pipeline, deadline_s=60).look())
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert (rows.searches, look.done()) == (1, False)
        rows.gate.set()
        await look

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_crew_that_leaves_is_no_fault(pipeline: Pipeline) -> None:
    probe = Probe(pipeline, deadline_s=60)
    pipeline.close()
    asyncio.run(probe.look())
    assert causes(probe) is None


def test_content_that_went_bad_in_place_is_found_by_a_search(
    settings: Settings, index_home: Path, tmp_path: Path
) -> None:
    """Zeros in place of all vectors, in a file of the same size."""
    home = Path(shutil.copytree(index_home, tmp_path / "index"))
    serving = serving_of(Linker.open(settings.model, home, limits=settings.picture_limits))
    serving.try_search()
    path = read_version(home).folder / "shards" / "00000" / "exact.faiss"
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 12 * 256 * 2)
        file.write(bytes(12 * 256 * 2))
    with pytest.raises(CorruptIndex, match="does not find any more"):
        serving.try_search()


def test_readiness_goes_with_the_search_and_never_waits_for_one(
    start: Callable[[Settings], Service], settings: Settings
) -> None:
    service = ready(start(settings.model_copy(update={"probe_s": 0.05, "deadline_s": 0.5})))
    serving = service.app.state.runtime.serving
    rows = Rows(serving.linker.index)
    serving.linker.index.rows = rows

    def wait_for(status: int) -> httpx.Response:
        deadline = time.monotonic() + 300
        while (answer := client.get("/readyz")).status_code != status:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return answer

    with httpx.Client(base_url=service.url, timeout=60) as client:
        rows.spoil = raising
        answer = wait_for(503)
        assert answer.json()["type"] == FAILED
        assert "library" not in answer.text
        assert "wikiclip_ready 0.0" in client.get("/metrics").text
        rows.spoil = lambda hits: hits
        wait_for(200)
        rows.gate.clear()
        assert wait_for(503).json()["type"] == FAILED
        searches = rows.searches
        for _ in range(50):
            assert client.get("/readyz").status_code == 503
        assert rows.searches == searches, "none for each time that somebody asks"
        rows.gate.set()
        wait_for(200)
        assert "wikiclip_ready 1.0" in client.get("/metrics").text
        assert 'wikiclip_stage_seconds_count{stage="probe"}' in client.get("/metrics").text


def test_a_service_may_be_told_not_to_search(start: Callable[[Settings], Service], settings: Settings) -> None:
    service = ready(start(settings.model_copy(update={"probe_s": 0.0})))
    time.sleep(0.3)
    assert 'wikiclip_stage_seconds_count{stage="probe"} 0.0' in httpx.get(f"{service.url}/metrics").text


def test_fewer_candidates_than_before_are_a_fault(spoilt: tuple[Serving, Rows]) -> None:
    serving, _ = spoilt
    more = [*serving.sample, Candidate(serving.sample[0].entity, -1.0)]
    with pytest.raises(CorruptIndex):
        dataclasses.replace(serving, sample=more).try_search()
