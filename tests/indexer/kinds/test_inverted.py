import dataclasses
import logging
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.errors import CorruptIndex
from indexer.kinds import KINDS
from indexer.kinds.brute import BruteForce
from indexer.kinds.inverted import CODES, Inverted
from indexer.kinds.rerank import VECTORS, VectorStore
from indexer.kinds.training import MANY, centres, enough, finder, graph, list_count

ROUNDING = 1e-5
INVERTED = {name: kind for name, kind in KINDS.items() if isinstance(kind, Inverted)}
every = pytest.mark.parametrize("kind", INVERTED.values(), ids=INVERTED)


@every
@settings(deadline=None, max_examples=8)
@given(
    seed=st.integers(0, 2**16),
    sizes=st.lists(st.integers(0, 300), max_size=3),
    last=st.integers(1, 900),
    width=st.sampled_from([8, 17, 32]),
    k=st.integers(1, 40),
)
@example(seed=0, sizes=[], last=19, width=8, k=18)  # the codes of compact-pq drop the last hit, and find enough without
def test_all_lists_and_all_rows_are_brute_force(tmp_path_factory, make, texts, kind, seed, sizes, last, width, k):
    rows_NM = texts(seed, sum(sizes) + last, width)
    thorough = dataclasses.replace(kind, probes=10_000, depth=10_000)
    queries_BM = texts(seed + 1, 4, width).astype(np.float32)
    ours = make(thorough, tmp_path_factory.mktemp("all"), rows_NM, sizes).search(queries_BM, k)
    truth = BruteForce(rows_NM).search(queries_BM, k)
    held = min(k, len(rows_NM))
    np.testing.assert_allclose(ours.scores_BK, truth.scores_BK, atol=ROUNDING)
    scores_BK = np.einsum("bkm,bm->bk", rows_NM[ours.rows_BK[:, :held]].astype(np.float32), queries_BM)
    np.testing.assert_allclose(scores_BK, truth.scores_BK[:, :held], atol=ROUNDING)


@every
def test_more_lists_and_more_depth_find_more(tmp_path: Path, fill, texts, kind):
    rows_NM, queries_BM = texts(1, 8000, 32), texts(2, 60, 32).astype(np.float32)
    truth = BruteForce(rows_NM).search(queries_BM, 10).rows_BK
    shards = fill(kind, tmp_path, rows_NM)

    def recall(probes: int, depth: int) -> float:
        index = dataclasses.replace(kind, probes=probes, depth=depth).open(shards, tmp_path / "shared", width=32)
        found = index.search(queries_BM, 10).rows_BK
        return float(np.mean([np.isin(a, b).mean() for a, b in zip(truth, found, strict=True)]))

    assert recall(2, 8000) < recall(16, 8000) <= recall(256, 8000) == 1
    if kind.name != "balanced-sq8":  # whose codes hardly need it
        assert recall(256, 10) < recall(256, 100)


def test_lists_are_filled_up_where_those_probed_hold_too_few(tmp_path: Path, make, texts):
    """The query's own list holds 5 rows, so that looking into it alone would find no more than these."""
    rows_NM = texts(1, 2000, 16)
    mean_M = rows_NM.mean(axis=0, dtype=np.float32)
    rows_NM[:5] = -mean_M / np.linalg.norm(mean_M)
    narrow = dataclasses.replace(INVERTED["compact-pq"], probes=1, depth=10)
    hits = make(narrow, tmp_path, rows_NM).search(rows_NM[:1].astype(np.float32), 10)
    assert set(hits.rows_BK[0, :5]) == set(range(5))
    assert (hits.rows_BK >= 0).all()


def test_a_shard_holds_no_copy_of_the_lists_centres(tmp_path: Path, fill, texts):
    (shard,) = fill(INVERTED["compact-pq"], tmp_path, texts(1, 4000, 32))
    index = faiss.read_index(str(shard / CODES))
    assert (index.nlist, index.quantizer.ntotal, index.ntotal) == (102, 0, 4000)


def test_codes_and_vectors_of_different_shards_are_refused(tmp_path: Path, fill, texts):
    kind = INVERTED["compact-pq"]
    one, two = fill(kind, tmp_path, texts(1, 300, 16), (100,))
    (one / VECTORS).write_bytes((two / VECTORS).read_bytes())
    with pytest.raises(CorruptIndex, match="100 codes for 200 vectors"):
        kind.open([one], tmp_path / "shared", width=16)


def test_codes_of_another_training_are_refused(tmp_path: Path, fill, texts):
    kind = INVERTED["compact-pq"]
    (small,) = fill(kind, tmp_path / "small", texts(1, 300, 16))
    fill(kind, tmp_path / "large", texts(1, 4000, 16))
    with pytest.raises(CorruptIndex, match="does not fit"):
        kind.open([small], tmp_path / "large" / "shared", width=16)


@pytest.mark.parametrize(
    ("rows", "sample", "lists"),
    [(0, 1, 1), (1, 1, 1), (20, 20, 1), (1000, 1000, 25), (200_000, 200_000, 1476), (6_063_945, 327_680, 8126)],
)
def test_lists_grow_with_the_root_of_the_rows_as_far_as_the_sample_reaches(rows, sample, lists):
    assert list_count(rows, sample) == lists


@pytest.mark.parametrize("lists", [100, 3000])
def test_a_row_finds_the_list_nearest_to_it_or_one_about_as_near(texts, lists):
    fading_M = 0.95 ** np.arange(64, dtype=np.float32)  # as components of texts do
    centres_LM, rows_NM = (texts(seed, count, 64) * fading_M for seed, count in ((1, lists), (2, 4000)))
    similarity_NL = rows_NM @ centres_LM.T
    _, found_N1 = finder(graph(centres_LM)).search(rows_NM, 1)
    missed_N = similarity_NL.max(axis=1) - np.take_along_axis(similarity_NL, found_N1, axis=1)[:, 0]
    assert (missed_N < 1e-5).mean() > (0.999 if lists < MANY else 0.9)
    assert missed_N.max() < 0.1 * similarity_NL.max()


def test_a_single_row_is_enough_to_train_on():
    row_SM = np.eye(1, 16, dtype=np.float32)
    sample_SM = enough(row_SM)
    assert len(sample_SM) >= 39 * 16
    np.testing.assert_array_equal(sample_SM[:1], row_SM)
    assert len(np.unique(sample_SM, axis=0)) == len(sample_SM)


def test_centres_get_better_from_round_to_round_and_say_so(texts, caplog):
    sample_SM = texts(1, 1000, 16).astype(np.float32)
    with caplog.at_level(logging.INFO):
        centres_LM = centres(sample_SM, 16)
    said = [record.args[-1] for record in caplog.records]
    assert len(said) == 10
    assert said == sorted(said)
    np.testing.assert_allclose(np.linalg.norm(centres_LM, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose((sample_SM @ centres_LM.T).max(axis=1).mean(), said[-1], atol=0.02)


def test_the_graph_finds_the_lists(texts):
    centres_LM, queries_BM = texts(1, 256, 32).astype(np.float32), texts(2, 50, 32).astype(np.float32)
    _, found = graph(centres_LM).search(queries_BM, 16, params=faiss.SearchParametersHNSW(efSearch=32))
    truth = BruteForce(centres_LM).search(queries_BM, 16).rows_BK
    assert np.mean([np.isin(a, b).mean() for a, b in zip(truth, found, strict=True)]) > 0.95


def test_scores_are_those_of_the_vectors(tmp_path: Path, texts):
    rows_NM = texts(1, 1000, 300)
    np.save(tmp_path / VECTORS, rows_NM)
    store = VectorStore([tmp_path], width=300)
    queries_BM, rows_BR = texts(2, 7, 300).astype(np.float32), np.random.default_rng(0).integers(-1, 1000, (7, 900))
    truth = np.einsum("brm,bm->br", rows_NM[rows_BR].astype(np.float32), queries_BM)
    np.testing.assert_allclose(store.scores(queries_BM, rows_BR), np.where(rows_BR < 0, -np.inf, truth), atol=ROUNDING)


def test_a_vectors_file_of_another_shape_is_refused(tmp_path: Path):
    for wrong in (np.zeros((4, 8), np.float32), np.zeros(8, np.float16), np.zeros((8, 4), np.float16).T):
        np.save(tmp_path / VECTORS, wrong)
        with pytest.raises(CorruptIndex, match="vectors"):
            VectorStore([tmp_path], width=8)
