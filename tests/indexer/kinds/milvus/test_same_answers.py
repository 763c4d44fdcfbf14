"""Milvus answers what FAISS answers: the ten best of exact search, up to ties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.kinds import MILVUS
from indexer.search import EntityIndex
from tests.indexer.test_update import apply, vectors

WIDTH, TIE = 16, 1e-3


def same_ten(ours: EntityIndex, theirs: EntityIndex, queries_BM: np.ndarray) -> None:
    """Places differ only where the scores are as good as equal."""
    for found, expected in zip(ours.search(queries_BM, 10), theirs.search(queries_BM, 11), strict=True):
        assert len(found) == min(10, len(theirs))
        score_of = {one.entity.entity_id: one.score for one in expected}
        for one, other in zip(found, expected, strict=False):
            assert one.score == pytest.approx(other.score, abs=TIE)
            if one.entity != other.entity:
                tied = score_of.get(one.entity.entity_id, expected[-1].score)
                assert tied == pytest.approx(other.score, abs=TIE)
        assert len({one.entity.entity_id for one in found}) == len(found)


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows_of_entity=st.lists(st.integers(1, 30), min_size=1, max_size=40),
    doubled=st.booleans(),
    shard_rows=st.integers(20, 400),
    kind=st.sampled_from(sorted(MILVUS)),
)
def test_the_ten_best_are_the_same(tmp_path_factory, make_version, seed, rows_of_entity, doubled, shard_rows, kind):
    random = np.random.default_rng(seed)
    owner_N = np.repeat(np.arange(len(rows_of_entity)), rows_of_entity)
    centres = random.normal(size=(len(rows_of_entity), WIDTH))
    if doubled:  # every entity once more, which looks the same
        centres[1::2] = centres[::2][: len(centres[1::2])]
    rows_NM = centres[owner_N] + 0.1 * random.normal(size=(len(owner_N), WIDTH)) * (not doubled)
    rows_NM /= np.linalg.norm(rows_NM, axis=1, keepdims=True)
    homes = {}
    for name in ("exact-fp16", "milvus-flat"):
        homes[name] = tmp_path_factory.mktemp(name)
        make_version(homes[name], rows_NM, entity_of_row_N=owner_N, shard_rows=shard_rows, kind=name)
    queries_BM = np.concatenate([rows_NM[::7], random.normal(size=(4, WIDTH)) / 4]).astype(np.float32)
    same_ten(EntityIndex.open(homes["milvus-flat"]), EntityIndex.open(homes["exact-fp16"]), queries_BM)


def test_after_changes_too(tmp_path, make_version):
    """Deleted and replaced entities, and shards that came later."""
    texts = {f"Q{n}": f"text {n}" for n in range(60)}
    opened = {}
    for kind in ("exact-fp16", "milvus-flat"):
        home = tmp_path / kind
        make_version(home, vectors(list(texts.values())), kind=kind, shard_rows=20)
        apply(home, {"Q3": "another", "new": "new"}, ["Q5", "Q6"], 0)
        apply(home, {"Q3": "text 3", "Q7": "text 8"}, ["new"], 1)
        opened[kind] = EntityIndex.open(home)
    same_ten(opened["milvus-flat"], opened["exact-fp16"], vectors([*texts.values(), "another", "new"]))
    assert [len(index) for index in opened.values()] == [58, 58]


@pytest.mark.parametrize("kind", sorted(MILVUS))
def test_every_kind_finds_most_and_gives_back_its_vectors(tmp_path, make_version, kind):
    random = np.random.default_rng(1)
    rows_NM = random.normal(size=(3000, WIDTH))
    rows_NM = (rows_NM / np.linalg.norm(rows_NM, axis=1, keepdims=True)).astype(np.float16)
    make_version(tmp_path / "ours", rows_NM, kind=kind, chunk_rows=1000, shard_rows=1000)
    make_version(tmp_path / "exact", rows_NM, kind="exact-fp16", chunk_rows=1000, shard_rows=1000)
    ours, exact = EntityIndex.open(tmp_path / "ours"), EntityIndex.open(tmp_path / "exact")
    queries_BM = rows_NM[::50].astype(np.float32)
    ids = [[[one.entity.entity_id for one in each] for each in index.search(queries_BM, 10)] for index in (ours, exact)]
    shared = np.mean([len({*a} & {*b}) / 10 for a, b in zip(*ids, strict=True)])
    assert shared >= 0.85
    np.testing.assert_array_equal(ours.rows.vectors(np.array([0, 2999, 1500])), rows_NM[[0, 2999, 1500]])
    assert kind in ours.where
