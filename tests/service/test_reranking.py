"""A service with a cross-encoder: its order, what it says of it, and that the deadline goes first."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.hub.qwen import write_models
from indexer.linker import Linker
from indexer.reranking import Reranker
from service.engine.pipeline import Linked, Pipeline
from service.engine.reordering import UNTIL
from service.engine.serving import serving_of
from service.settings import Settings, read_settings
from service.telemetry.metrics import Metrics
from tests.service.conftest import Service, ready
from wikiclip.base.errors import WikiClipError
from wikiclip.segmenters import open_segmenter
from wikiclip.towers.sentence.pair_scorer import PairScorer, open_pair_scorer

K = 5
DEADLINE_S = 3.0


@pytest.fixture(scope="module")
def name(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("hub")
    write_models(root)
    return f"local-dir:{root}/Qwen/Qwen3-VL-Reranker-2B"


@pytest.fixture(scope="module")
def scorer(name: str) -> PairScorer:
    return open_pair_scorer(name, "cpu")


@pytest.mark.slow
def test_it_answers_in_the_order_of_the_cross_encoder(
    start: Callable[[Settings], Service], settings: Settings, linker: Linker, scorer: PairScorer, name: str, png: bytes
) -> None:
    service = ready(start(settings.model_copy(update={"reranker": name, "rerank_k": K})))
    regions: list[object] = [{"box": [6, 4, 23, 23]}, None]
    query = linker.prepare(png, regions, top_k=8)
    first = linker.answer(query)
    ours = [
        Reranker(scorer, k=K).reranked(linker.model, linker.index, mention, found.candidates)
        for mention, found in zip(query.mentions, first, strict=True)
    ]
    with httpx.Client(base_url=service.url, timeout=60) as client:
        file = {"image": ("a.png", png)}

        def ask(top_k: int) -> dict[str, Any]:
            sent = {"regions": '[{"box": [6, 4, 23, 23]}, null]', "top_k": str(top_k)}
            answer: dict[str, Any] = client.post("/link", files=file, data=sent).raise_for_status().json()
            return answer

        for top_k in (8, 2):  # the second shows some that the search alone would not have come to
            answer = ask(top_k)
            assert answer["reranked"]
            assert answer["timings_ms"]["rerank"] > 0
            assert answer["timings_ms"]["total"] >= answer["timings_ms"]["rerank"] + answer["timings_ms"]["encode"]
            for result, expected in zip(answer["results"], ours, strict=True):
                shown = result["candidates"]
                assert [one["entity_id"] for one in shown] == [one.entity.entity_id for one in expected][:top_k]
                assert [one["rank"] for one in shown] == list(range(1, top_k + 1))
                assert result["confidence"] is None
        told = client.get("/readyz").json()["reranker"]
    assert told == {
        "model": name, "revision": None, "sha256": scorer.sha256, "k": K, "where": "the CPU"
    }  # fmt: skip
    assert [one.entity.entity_id for one in ours[0]] != [one.entity.entity_id for one in first[0].candidates]


class Slow(Reranker):
    """One that is at work until long after the deadline, whether or not it looks at the clock."""

    def __init__(self, scorer: PairScorer, *, looks: bool) -> None:
        super().__init__(scorer, k=K)
        self._looks = looks

    def order(self, *asked: Any, in_time: Callable[[], bool] = lambda: True) -> list[int]:
        end = time.monotonic() + 2 * DEADLINE_S
        while time.monotonic() < end and (in_time() or not self._looks):
            time.sleep(0.01)
        return super().order(*asked, in_time=in_time)


@pytest.mark.slow
@pytest.mark.parametrize("looks", [True, False])
def test_the_deadline_goes_first(
    looks: bool, settings: Settings, linker: Linker, scorer: PairScorer, png: bytes
) -> None:
    serving = serving_of(linker)
    in_a_hurry = settings.model_copy(update={"deadline_s": DEADLINE_S})
    segmenter = open_segmenter("grabcut")
    pipeline = Pipeline(serving, segmenter, in_a_hurry, Metrics(), reranker=Slow(scorer, looks=looks))
    plain = Pipeline(serving, segmenter, settings, Metrics())

    async def link(pipeline: Pipeline) -> Linked:
        return await pipeline.link(lambda reader: reader.link(png, [None], top_k=3, min_score=None), size=len(png))

    async def both() -> tuple[Linked, Linked]:
        return await link(pipeline), await link(plain)

    try:
        hurried, expected = asyncio.run(both())
    finally:
        pipeline.close()
        plain.close()
    assert not hurried.reranked
    assert "rerank" not in hurried.timings
    assert hurried.results == expected.results
    assert UNTIL * DEADLINE_S <= hurried.timings["total"] / 1000 < DEADLINE_S


def test_settings_name_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not Settings().reranker
    monkeypatch.setenv("WIKICLIP_RERANKER", f"local-dir:{tmp_path}")
    monkeypatch.setenv("WIKICLIP_RERANK_K", "1")
    with pytest.raises(WikiClipError, match="WIKICLIP_RERANK_K"):
        read_settings()
    monkeypatch.setenv("WIKICLIP_RERANK_K", "7")
    assert read_settings().rerank_k == 7
