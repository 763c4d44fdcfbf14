"""Candidates in a cross-encoder's order, against its scores of one record after the other."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.hub.qwen import write_models
from indexer.build import build
from indexer.kb import KnowledgeBaseName
from indexer.linker import Linker
from indexer.reranking import OutOfTime, Reranker
from wikiclip.pictures import read_picture
from wikiclip.towers.sentence.pair_scorer import PairScorer, open_pair_scorer

ENTITIES, PICTURED = 12, 6


@pytest.fixture(scope="module")
def linker(tmp_path_factory: pytest.TempPathFactory) -> Linker:
    folder = tmp_path_factory.mktemp("kb")
    rows = []
    for number in range(ENTITIES):
        images = f', "images": ["{number}.png"]' if number < PICTURED else ""
        rows.append(f'{{"entity_id": "e{number}", "title": "thing {number}", "text": "text {number}"{images}}}\n')
        noise = np.random.default_rng(number).integers(0, 256, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    (folder / "records.jsonl").write_text("".join(rows))
    build(kb=KnowledgeBaseName.JSONL, records=folder / "records.jsonl", images=folder, out=folder / "index")
    (folder / "0.png").write_bytes(b"no longer a picture")
    return Linker.open("tiny", folder / "index")


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> PairScorer:
    root = tmp_path_factory.mktemp("hub")
    write_models(root)
    return open_pair_scorer(f"local-dir:{root}/Qwen/Qwen3-VL-Reranker-2B", "cpu")


def test_the_first_candidates_are_in_the_order_of_their_pairs(
    linker: Linker, scorer: PairScorer, tmp_path: Path
) -> None:
    Image.new("RGB", (60, 40), (200, 40, 40)).save(tmp_path / "asked.png")
    query = linker.prepare(tmp_path / "asked.png", [{"box": [10, 5, 30, 30]}], top_k=ENTITIES)
    (found,) = linker.answer(query)
    k = 8
    reranked = Reranker(scorer, k=k).reranked(linker.model, linker.index, query.mentions[0], found.candidates)
    expected = []
    for candidate in found.candidates[:k]:
        entity, number = candidate.entity, int(candidate.entity.entity_id[1:])
        path = linker.index.picture_path(entity.entity_id)
        picture = read_picture(path) if path is not None and 0 < number < PICTURED else None
        view = linker.model.prepare_entity("", picture).view
        pixels = None if view is None else view.pixels_CHW
        text = f"{entity.title}: {entity.text}"
        expected.append(float(scorer.scores(query.mentions[0].views[0].pixels_CHW, [pixels], [text])[0]))
    order = np.argsort(-np.array(expected), kind="stable")
    assert [one.entity.entity_id for one in reranked[:k]] == [found.candidates[n].entity.entity_id for n in order]
    assert reranked[k:] == found.candidates[k:]
    assert order.tolist() != list(range(k))
    assert {one.entity.entity_id: one.score for one in reranked} == {
        one.entity.entity_id: one.score for one in found.candidates
    }


def test_without_time_there_is_no_order(linker: Linker, scorer: PairScorer, tmp_path: Path) -> None:
    Image.new("RGB", (60, 40)).save(tmp_path / "asked.png")
    query = linker.prepare(tmp_path / "asked.png", [None], top_k=4)
    (found,) = linker.answer(query)
    reranker = Reranker(scorer, k=4)
    asked = (linker.model, linker.index, query.mentions[0])
    with pytest.raises(OutOfTime):
        reranker.order(*asked, found.candidates, in_time=lambda: False)
    assert reranker.order(*asked, []) == []
