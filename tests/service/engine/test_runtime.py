"""What happens when the service is not ready, when too much waits, and when callers share batches or go away."""

import asyncio
import base64
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from indexer.linker import Linker, LinkQuery
from service import examples
from service.engine.cores import one_thread, take_share
from service.engine.pipeline import Linked, Pipeline
from service.engine.serving import serving_of
from service.errors import Cause, Problem
from service.settings import Settings, read_settings
from service.telemetry.metrics import Metrics
from wikiclip.base.errors import WikiClipError
from wikiclip.masks import Mask
from wikiclip.segmenters import Prompt, open_segmenter

IMAGE = base64.b64encode(examples.picture()).decode()


def body(**fields: object) -> bytes:
    return json.dumps({"image": IMAGE, **fields}).encode()


async def link(pipeline: Pipeline, mentions: int = 1) -> Linked:
    """Asks about the whole picture, so many times."""
    file = examples.picture()
    return await pipeline.link(
        lambda reader: reader.link(file, [None] * mentions, top_k=10, min_score=None), size=len(file)
    )


def test_a_service_without_an_index_is_alive_and_not_ready(
    start: Callable[[Settings], Any], settings: Settings, tmp_path: Path
) -> None:
    service = start(settings.model_copy(update={"index": tmp_path}))
    with httpx.Client(base_url=service.url) as client:
        assert client.get("/healthz").status_code == 200
        for answer in (
            client.get("/readyz"),
            client.get("/entities/red-disc"),
            client.post("/link", content=body(), headers={"content-type": "application/json"}),
        ):
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:wikiclip:problem:not-ready")
            assert str(tmp_path) not in answer.text
        while service.app.state.runtime.failure is None:
            time.sleep(0.01)
        assert "make demo-index" in str(service.app.state.runtime.failure)
        assert "log" in client.get("/readyz").json()["detail"]


def test_callers_who_share_batches_get_their_own_answers(client: httpx.Client) -> None:
    asked = [{"region": {"box": [x, y, 12, 10]}, "top_k": 1 + x // 6} for x in range(0, 36, 6) for y in (0, 10, 20)]
    post = {"headers": {"content-type": "application/json"}}
    alone = [client.post("/link", content=body(**fields), **post).json()["results"] for fields in asked]
    with ThreadPoolExecutor(len(asked)) as pool:
        together = list(pool.map(lambda fields: client.post("/link", content=body(**fields), **post).json(), asked))
    for one, other in zip(alone, together, strict=True):
        [result], [expected] = other["results"], one
        assert len(result["candidates"]) == len(expected["candidates"])
        for candidate, twin in zip(result["candidates"], expected["candidates"], strict=True):
            assert candidate["score"] == pytest.approx(twin["score"], abs=2e-3)


class Slow(Linker):
    """A linker that waits at a gate before each batch, and notes how many mentions it was asked about."""

    def __init__(self, linker: Linker) -> None:
        super().__init__(linker.model, linker.index, limits=linker.limits, where=linker.where)
        self.gate = threading.Event()
        self.gate.set()
        self.waits = threading.Event()
        self.mentions: list[int] = []

    def encode(self, questions: Sequence[LinkQuery]) -> NDArray[np.float32]:
        self.waits.set()
        assert self.gate.wait(60)
        self.mentions.append(sum(len(question.mentions) for question in questions))
        return super().encode(questions)


@pytest.fixture
def slow(linker: Linker) -> Slow:
    return Slow(linker)


@contextmanager
def pipeline_of(slow: Slow, settings: Settings, **changes: object) -> Iterator[Pipeline]:
    """A pipeline that encodes one batch at a time, which has found nothing yet."""
    serving = serving_of(slow)
    slow.mentions.clear()
    settings = settings.model_copy(update={"encoders": 1, **changes})
    pipeline = Pipeline(serving, open_segmenter("tower", tower=slow.model.vision), settings, Metrics())
    try:
        yield pipeline
    finally:
        slow.gate.set()
        pipeline.close()


def test_what_nobody_waits_for_is_not_encoded(slow: Slow, settings: Settings) -> None:
    async def run(pipeline: Pipeline) -> None:
        slow.gate.clear()
        slow.waits.clear()
        first = asyncio.create_task(link(pipeline))
        await asyncio.to_thread(slow.waits.wait, 60)
        others = [asyncio.create_task(link(pipeline)) for _ in range(20)]
        await asyncio.sleep(0.5)  # some are being decoded, some wait for the encoder
        for task in others:
            task.cancel()
        slow.gate.set()
        assert len((await first).results) == 1
        after = await link(pipeline, 2)
        assert len(after.results) == 2

    with pipeline_of(slow, settings) as pipeline:
        asyncio.run(run(pipeline))
    assert slow.mentions == [1, 2]  # the first, the one after


def test_a_request_that_waits_too_long_is_told_so_and_gives_its_place_up(slow: Slow, settings: Settings) -> None:
    async def late(pipeline: Pipeline) -> None:
        with pytest.raises(Problem) as told:
            await link(pipeline)
        assert told.value.cause is Cause.DEADLINE

    async def run(pipeline: Pipeline) -> None:
        slow.gate.clear()
        await asyncio.gather(*(late(pipeline) for _ in range(6)))
        slow.gate.set()
        assert len((await link(pipeline, 2)).results) == 2

    with pipeline_of(slow, settings, deadline_s=1.0, queue=8, batch=1) as pipeline:
        asyncio.run(run(pipeline))
    assert slow.mentions == [1, 2]  # what was being encoded when its deadline came, and the one after


def test_a_full_service_refuses_and_says_so_before_it_is_asked(slow: Slow, settings: Settings) -> None:
    async def run(pipeline: Pipeline) -> None:
        slow.gate.clear()
        slow.waits.clear()
        assert pipeline.has_room()
        asked = [asyncio.create_task(link(pipeline)) for _ in range(3)]
        await asyncio.to_thread(slow.waits.wait, 60)
        await asyncio.sleep(0.5)  # all three are beyond the decoder
        assert not pipeline.has_room()
        with pytest.raises(Problem, match="Try again") as told:
            await link(pipeline)
        assert told.value.cause is Cause.BUSY
        asked[2].cancel()
        await asyncio.wait(asked[2:])
        assert pipeline.has_room()
        slow.gate.set()
        await asyncio.gather(*asked[:2])

    with pipeline_of(slow, settings, queue=3) as pipeline:
        asyncio.run(run(pipeline))


class SlowSegmenter:
    """Waits at a gate before each picture."""

    method, side = "slow", 320

    def __init__(self) -> None:
        self.gate, self.entered = threading.Event(), threading.Semaphore(0)

    def segment(self, image: Image.Image, prompt: Prompt, *, size: tuple[int, int] | None = None) -> list[Mask]:
        self.entered.release()
        assert self.gate.wait(60)
        return []


def test_what_takes_long_leaves_a_worker_to_who_links(slow: Slow, settings: Settings) -> None:
    segmenter = SlowSegmenter()
    settings = settings.model_copy(update={"encoders": 2})
    pipeline = Pipeline(serving_of(slow), segmenter, settings, Metrics())

    async def run() -> None:
        outlined = [
            asyncio.create_task(
                pipeline.segment(lambda reader: reader.segment(examples.picture(), point=None, box=None), size=0)
            )
            for _ in range(4)
        ]
        await asyncio.to_thread(segmenter.entered.acquire, timeout=60)
        async with asyncio.timeout(60):
            assert len((await link(pipeline)).results) == 1
        assert not any(task.done() for task in outlined)
        segmenter.gate.set()
        assert [each.regions for each in await asyncio.gather(*outlined)] == [[]] * 4

    try:
        asyncio.run(run())
    finally:
        segmenter.gate.set()
        pipeline.close()


def test_who_encodes_alone_takes_all_cores_and_shares_them_with_others(slow: Slow, settings: Settings) -> None:
    seen: list[int] = []

    class Counting(Slow):
        def encode(self, questions: Sequence[LinkQuery]) -> NDArray[np.float32]:
            seen.append(torch.get_num_threads())
            return super().encode(questions)

    async def run(pipeline: Pipeline) -> None:
        await link(pipeline)
        counting.gate.clear()
        counting.waits.clear()
        first = asyncio.create_task(link(pipeline))
        await asyncio.to_thread(counting.waits.wait, 60)
        second = asyncio.create_task(link(pipeline))
        while len(seen) < 4:  # with the one that the service was opened with
            await asyncio.sleep(0.01)
        counting.gate.set()
        await asyncio.gather(first, second)

    counting = Counting(slow)
    with pipeline_of(counting, settings, threads=4, encoders=2) as pipeline:
        asyncio.run(run(pipeline))
    assert seen[1:] == [4, 4, 2]


def test_a_share_is_a_thread_at_least() -> None:
    before = torch.get_num_threads()
    try:
        for among, share in ((1, 4), (2, 2), (3, 1), (9, 1)):
            take_share(4, among=among)
            assert torch.get_num_threads() == share
        assert one_thread(torch.get_num_threads) == 1
    finally:
        torch.set_num_threads(before)


def test_the_same_picture_is_decoded_once(client: httpx.Client) -> None:
    def decoded(cached: str) -> float:
        lines = client.get("/metrics").text.splitlines()
        return next(
            float(line.split()[1]) for line in lines if line.startswith(f'wikiclip_pictures_total{{cached="{cached}"}}')
        )

    post = {"headers": {"content-type": "application/json"}}
    before = decoded("yes"), decoded("no")
    fresh = base64.b64encode(
        examples.picture() + uuid.uuid4().bytes
    ).decode()  # what follows a PNG's end does not count
    for box in ([0, 0, 9, 9], [8, 8, 20, 20], [1, 2, 30, 10]):
        content = json.dumps({"image": fresh, "region": {"box": box}}).encode()
        assert client.post("/link", content=content, **post).status_code == 200
    assert (decoded("yes"), decoded("no")) == (before[0] + 2, before[1] + 1)


def test_a_caller_who_hangs_up_leaves_no_work_behind(service: Any, client: httpx.Client) -> None:
    content = body(regions=[None] * 8)
    head = "POST /link HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(content)}\r\n\r\n"
    for sent in (head.encode() + content, head.encode() + content[:50], head.encode()[:30]):
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", service.port)) as connection:
                connection.sendall(sent)
    answer = client.post("/link", content=body(), headers={"content-type": "application/json"})
    assert answer.status_code == 200


def test_too_much_waiting_is_refused_at_once(start: Callable[[Settings], Any], settings: Settings) -> None:
    service = start(settings.model_copy(update={"queue": 1, "decoders": 1, "encoders": 1, "batch": 1}))
    with httpx.Client(base_url=service.url, timeout=60) as client:
        while client.get("/readyz").status_code != 200:
            time.sleep(0.05)

        def call(_: int) -> httpx.Response:
            return client.post("/link", content=body(regions=[None] * 8), headers={"content-type": "application/json"})

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(call, range(32)))
        refused = [answer for answer in answers if answer.status_code != 200]
        assert 0 < len(refused) < len(answers)
        for answer in refused:
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:wikiclip:problem:busy")
            assert int(answer.headers["retry-after"]) > 0
        assert call(0).status_code == 200


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIKICLIP_QUEUE", "0")
    monkeypatch.setenv("WIKICLIP_MAX_REGIONS", "many")
    monkeypatch.setenv("WIKICLIP_PROCESSES", "zwei")
    with pytest.raises(WikiClipError, match=r"WIKICLIP_QUEUE:.*WIKICLIP_PROCESSES: .*; or: .*'auto'.*_MAX_REGIONS:"):
        read_settings()


def test_settings_are_read_when_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    assert Settings().index == tmp_path / "index"
    monkeypatch.setenv("WIKICLIP_INDEX", "elsewhere")
    assert Settings().index == Path("elsewhere")
    monkeypatch.setenv("WIKICLIP_INDEX", "")  # as a compose file hands on what is not set
    assert Settings().index == tmp_path / "index"


def test_outlines_come_of_the_segmenter_that_is_set(start: Callable[[Settings], Any], settings: Settings) -> None:
    service = start(settings.model_copy(update={"segmenter": "grabcut"}))
    with httpx.Client(base_url=service.url, timeout=60) as client:
        while client.get("/readyz").status_code != 200:
            time.sleep(0.05)
        answer = client.post("/segment", content=body(point=[18, 15]), headers={"content-type": "application/json"})
        assert answer.json()["method"] == "grabcut"
        assert len(answer.json()["regions"]) == 1
