from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import CorruptIndex, UnknownEntity
from indexer.kb.record import Entity
from indexer.search import EntityIndex
from tests.indexer.conftest import published_as
from tests.milvus import BACKENDS
from wikiclip.base.errors import WikiClipError

WIDTH = 8


@pytest.fixture(scope="module", params=BACKENDS)
def make_version(request, make_version, milvus):
    """Of either backend."""
    return partial(make_version, kind=request.param)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows_of_entity=st.lists(st.integers(1, 9), min_size=1, max_size=25),
    queries=st.integers(1, 4),
    k=st.integers(1, 30),
    shard_rows=st.integers(1, 200),
)
def test_finds_the_best_distinct_entities(tmp_path_factory, make_version, seed, rows_of_entity, queries, k, shard_rows):
    random = np.random.default_rng(seed)
    owner_N = np.repeat(np.arange(len(rows_of_entity)), rows_of_entity)
    # The pictures of an entity look alike, so that one entity can fill the first places many times over.
    centres = random.normal(size=(len(rows_of_entity), WIDTH))
    rows_NM = (centres[owner_N] + 0.05 * random.normal(size=(len(owner_N), WIDTH))).astype(np.float16)
    queries_BM = random.normal(size=(queries, WIDTH)).astype(np.float32)

    home = tmp_path_factory.mktemp("index")
    make_version(home, rows_NM, entity_of_row_N=owner_N, shard_rows=shard_rows)
    found = EntityIndex.open(home).search(queries_BM, k)

    scores_BN = queries_BM @ rows_NM.astype(np.float32).T
    best_BE = np.stack([scores_BN[:, owner_N == entity].max(axis=1) for entity in range(len(rows_of_entity))], axis=1)
    for candidates, best_E in zip(found, best_BE, strict=True):
        ids = [candidate.entity.entity_id for candidate in candidates]
        scores = [candidate.score for candidate in candidates]
        assert len(ids) == len(set(ids)) == min(k, len(rows_of_entity))
        assert scores == sorted(scores, reverse=True)
        np.testing.assert_allclose(scores, np.sort(best_E)[::-1][: len(ids)], atol=1e-2)
        np.testing.assert_allclose(scores, [best_E[int(entity_id[1:])] for entity_id in ids], atol=1e-2)


def test_one_entity_that_owns_the_first_hundred_rows_hides_no_other(tmp_path: Path, make_version):
    rows_NM = np.zeros((110, WIDTH), dtype=np.float32)
    rows_NM[:100, 0] = 1.0
    rows_NM[100:, 0] = np.linspace(0.9, 0.1, 10)
    make_version(tmp_path, rows_NM, entity_of_row_N=[0] * 100 + list(range(1, 11)))
    query = np.eye(1, WIDTH, dtype=np.float32)
    (found,) = EntityIndex.open(tmp_path).search(query, 5)
    assert [candidate.entity.entity_id for candidate in found] == ["Q0", "Q1", "Q2", "Q3", "Q4"]


def test_neighbours_are_those_of_the_first_row(tmp_path: Path, make_version):
    rows_NM = np.random.default_rng(0).normal(size=(12, WIDTH)).astype(np.float16)
    make_version(tmp_path, rows_NM, entity_of_row_N=[0, 0, 0, 1, 2, 2, 3, 4, 4, 4, 4, 5], shard_rows=4)
    index = EntityIndex.open(tmp_path)
    for number, row in enumerate([0, 3, 4, 6, 7, 11]):
        (best,) = index.search(rows_NM[[row]].astype(np.float32), 6)
        assert index.neighbours(f"Q{number}", 3) == [each for each in best if each.entity.entity_id != f"Q{number}"][:3]


def test_rows_out_of_order_are_refused(tmp_path: Path, make_version):
    with pytest.raises(CorruptIndex, match="order of entities"):
        make_version(tmp_path, np.eye(3, WIDTH, dtype=np.float32), entity_of_row_N=[1, 0, 2])


def test_no_query_gives_no_answer_and_more_than_all_gives_all(tmp_path: Path, make_version):
    make_version(tmp_path, np.eye(3, WIDTH, dtype=np.float32))
    index = EntityIndex.open(tmp_path)
    assert index.search(np.empty((0, WIDTH), dtype=np.float32), 5) == []
    assert len(index) == 3
    assert [len(found) for found in index.search(np.eye(2, WIDTH, dtype=np.float32), 100)] == [3, 3]


@pytest.mark.parametrize(
    ("queries_BM", "k"),
    [
        (np.zeros(WIDTH, dtype=np.float32), 1),
        (np.zeros((1, WIDTH + 1), dtype=np.float32), 1),
        (np.full((1, WIDTH), np.nan, dtype=np.float32), 1),
        (np.full((1, WIDTH), np.inf, dtype=np.float32), 1),
        (np.zeros((1, WIDTH), dtype=np.float32), 0),
    ],
)
def test_queries_that_mean_nothing_are_refused(tmp_path: Path, make_version, queries_BM, k):
    make_version(tmp_path, np.eye(3, WIDTH, dtype=np.float32))
    with pytest.raises(ValueError, match=r"queries are|k is"):
        EntityIndex.open(tmp_path).search(queries_BM, k)


def test_entities_are_found_by_id(tmp_path: Path, make_version):
    make_version(tmp_path, np.eye(20, 32, dtype=np.float32))
    index = EntityIndex.open(tmp_path)
    assert index.entity("Q13") == Entity(entity_id="Q13", title="T13", text="text 13")
    with pytest.raises(UnknownEntity, match="Q99"):
        index.entity("Q99")


def test_pictures_are_found_and_nothing_outside_their_folder(tmp_path: Path, make_version):
    pictures = tmp_path / "pictures"
    (pictures / "a").mkdir(parents=True)
    (pictures / "a" / "heron.png").write_bytes(b"1")
    (tmp_path / "secret.png").write_bytes(b"2")
    (pictures / "link.png").symlink_to(tmp_path / "secret.png")
    (pictures / "loop.png").symlink_to(pictures / "loop.png")
    names = (
        "a/heron.png",
        "../secret.png",
        str(tmp_path / "secret.png"),
        "link.png",
        "loop.png",
        "a",
        "gone.png",
        "\0",
    )
    entities = [Entity(entity_id="Q0", title="T", text="", images=names), Entity(entity_id="Q1", title="T", text="")]
    make_version(tmp_path / "index", np.eye(2, WIDTH), entities=entities, image_root=pictures)
    index = EntityIndex.open(tmp_path / "index")

    assert index.picture_path("Q0") == (pictures / "a" / "heron.png").resolve()
    assert [index.picture_path("Q0", number) for number in range(1, len(names))] == [None] * (len(names) - 1)
    assert index.picture_path("Q0", -1) is None
    assert index.picture_path("Q0", len(names)) is None
    assert index.picture_path("Q1") is None
    with pytest.raises(UnknownEntity):
        index.picture_path("Q2")


def test_an_index_outlives_its_folder_of_pictures(tmp_path: Path, make_version):
    entities = [Entity(entity_id="Q0", title="T", text="", images=("a.png",))]
    make_version(tmp_path, np.eye(1, WIDTH), entities=entities, image_root=tmp_path / "gone")
    assert EntityIndex.open(tmp_path).picture_path("Q0") is None


def test_many_callers_at_once_get_what_one_gets(tmp_path: Path, make_version):
    rows_NM = np.random.default_rng(0).normal(size=(600, WIDTH))
    make_version(tmp_path, rows_NM, entity_of_row_N=np.arange(600) // 3, chunk_rows=50, shard_rows=100)
    index = EntityIndex.open(tmp_path)
    queries = [np.random.default_rng(n).normal(size=(n % 4 + 1, WIDTH)).astype(np.float32) for n in range(64)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda queries_BM: index.search(queries_BM, 7), queries))
    assert together == [index.search(queries_BM, 7) for queries_BM in queries]


def test_a_version_of_a_kind_that_is_gone_says_how_to_make_it_anew(tmp_path: Path, make_version):
    whole = make_version(tmp_path, np.eye(9, WIDTH, dtype=np.float32))
    published_as("exact-int8", whole, tmp_path)
    with pytest.raises(WikiClipError, match=r"exact-int8 is gone: .* --index exact`\.$"):
        EntityIndex.open(tmp_path)
    assert len(EntityIndex.open(tmp_path, version=whole.id)) == 9
