"""Searches among some of the rows, of every kind: what filtering all afterwards leaves."""

from pathlib import Path

import faiss
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.kinds import KINDS
from indexer.kinds.among import FEW, Among
from indexer.kinds.brute import BruteForce
from indexer.kinds.gpu.faiss_exact import FaissGpuExact
from indexer.kinds.gpu.faiss_lists import FaissGpuLists
from indexer.kinds.gpu.torch_exact import TorchExact
from indexer.kinds.inverted import Inverted
from indexer.kinds.kind import Hits
from indexer.kinds.shortlist import LEAST_ROWS, Shortlist, pays

every = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
SHARES = (1.0, 0.9, 0.5, 0.1, 0.03, 0.01, 0.001, 0.0)
ROUNDING = 2e-6


def drawn(count: int, share: float, seed: int = 0) -> Among:
    return Among(np.random.default_rng(seed).random(count) < share)


def afterwards(hits: Hits, among: Among, k: int) -> list[tuple[list[int], list[float]]]:
    """Those of a full ranking that may be found, the k first of each query."""
    kept = []
    for rows_N, scores_N in zip(hits.rows_BK, hits.scores_BK, strict=True):
        stays_N = (rows_N >= 0) & among.mask_N[rows_N]
        kept.append((rows_N[stays_N][:k].tolist(), scores_N[stays_N][:k].tolist()))
    return kept


def found(hits: Hits) -> list[tuple[list[int], list[float]]]:
    each = zip(hits.rows_BK, hits.scores_BK, strict=True)
    return [(rows_K[rows_K >= 0].tolist(), scores_K[rows_K >= 0].tolist()) for rows_K, scores_K in each]


def share_found(ours: Hits, truth: Hits) -> float:
    return float(np.mean([np.isin(a[a >= 0], b).mean() for a, b in zip(truth.rows_BK, ours.rows_BK, strict=True)]))


@every
def test_it_is_what_filtering_a_full_ranking_leaves(tmp_path: Path, make, texts, kind):
    """With as many hits asked for as there are rows, every kind looks at all of them."""
    rows_NM, queries_BM = texts(1, 700, 16), texts(2, 6, 16).astype(np.float32)
    index = make(kind, tmp_path, rows_NM, (300, 1, 0))
    ranking = index.search(queries_BM, len(rows_NM))
    for seed, share in enumerate(SHARES):
        among = drawn(len(rows_NM), share, seed)
        assert found(index.search(queries_BM, 700, among=among)) == afterwards(ranking, among, 700), share
        assert index.search(queries_BM, 700, among=among).rows_BK.shape == (6, 700)


@every
def test_few_rows_are_compared_exactly(tmp_path: Path, make, texts, kind):
    rows_NM, queries_BM = texts(1, 4000, 32), texts(2, 50, 32).astype(np.float32)
    index, truth = make(kind, tmp_path, rows_NM, (1500,)), BruteForce(rows_NM)
    for share in (0.01, 0.001):
        among = drawn(len(rows_NM), share)
        assert among.are_few
        ours, theirs = (each.search(queries_BM, 10, among=among) for each in (index, truth))
        np.testing.assert_allclose(ours.scores_BK, theirs.scores_BK, atol=1e-3)
        assert share_found(ours, theirs) > 0.99  # but for what half precision makes equal


@every
def test_as_many_are_found_among_some_as_among_all(tmp_path: Path, make, texts, kind):
    rows_NM, queries_BM = texts(1, 6000, 32), texts(2, 60, 32).astype(np.float32)
    index, truth = make(kind, tmp_path, rows_NM), BruteForce(rows_NM)
    of_all = share_found(index.search(queries_BM, 10), truth.search(queries_BM, 10))
    for share in (0.9, 0.3, 0.1, FEW + 0.01):
        among = drawn(len(rows_NM), share)
        ours, theirs = (each.search(queries_BM, 10, among=among) for each in (index, truth))
        assert among.mask_N[ours.rows_BK].all()
        assert share_found(ours, theirs) >= of_all - 0.02, share


@every
def test_scores_are_those_of_a_search_without(tmp_path: Path, make, texts, kind):
    rows_NM, query_1M = texts(1, 900, 16), texts(2, 1, 16).astype(np.float32)
    index = make(kind, tmp_path, rows_NM, (400,))
    whole = index.search(query_1M, len(rows_NM))
    score_of = dict(zip(whole.rows_BK[0].tolist(), whole.scores_BK[0].tolist(), strict=True))
    for share in SHARES:
        ((rows, scores),) = found(index.search(query_1M, 20, among=drawn(len(rows_NM), share)))
        assert scores == [score_of[row] for row in rows]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 400),
    share=st.sampled_from(SHARES),
    queries=st.integers(0, 4),
    k=st.integers(1, 60),
    parts=st.integers(1, 3),
    digits=st.sampled_from([0, 3]),
)
def test_torch_and_faiss_agree_with_the_oracle(tmp_path_factory, make, seed, count, share, queries, k, parts, digits):
    random = np.random.default_rng(seed)
    rows_NM = np.round(random.normal(size=(count, 8)), digits).astype(np.float16)  # where equal scores happen
    queries_BM = np.round(random.normal(size=(queries, 8)), 1).astype(np.float32)
    among = drawn(count, share, seed)
    exact = make(KINDS["exact-fp16"], tmp_path_factory.mktemp("exact"), rows_NM, (count // 2,))
    devices = [torch.device("cpu")] * parts
    in_torch = TorchExact([rows_NM], rows=count, width=8, devices=devices)
    truth = BruteForce(rows_NM).search(queries_BM, k, among=among)
    for index in (exact, in_torch):
        hits = index.search(queries_BM, k, among=among)
        np.testing.assert_allclose(hits.scores_BK, truth.scores_BK, atol=1e-4)
        assert found(hits) == found(BestOf(index).search(queries_BM, k, among))


class BestOf:
    """A searcher that is asked for all rows, of which those that may be found are taken afterwards."""

    def __init__(self, index) -> None:
        self._index = index

    def search(self, queries_BM: NDArray[np.float32], k: int, among: Among) -> Hits:
        hits = self._index.search(queries_BM, len(self._index))
        stays_BN = among.mask_N[hits.rows_BK]
        shape = (len(queries_BM), among.count)
        rows_BK = hits.rows_BK[stays_BN].reshape(shape)[:, :k]
        return Hits(rows_BK, hits.scores_BK[stays_BN].reshape(shape)[:, :k])


@pytest.mark.skipif(not pays(rows=LEAST_ROWS, width=32), reason="this processor multiplies no bytes")
@pytest.mark.parametrize("share", [0.9, 0.2, 0.05, 0.0005])
def test_a_shortlist_holds_the_best_of_those_that_may_be_found(texts, share):
    rows_NM, queries_BM = texts(1, 4 * LEAST_ROWS, 32), texts(2, 8, 32).astype(np.float32)
    among = drawn(len(rows_NM), share)
    listed = Shortlist([rows_NM], rows=len(rows_NM), width=32).rows(queries_BM, 10, among)
    best = BruteForce(rows_NM).search(queries_BM, 10, among=among).rows_BK
    assert listed is not None
    assert among.mask_N[listed].all()
    assert np.isin(best[best >= 0], listed).all()


def test_lists_on_gpus_leave_it_to_the_host(tmp_path: Path, make, texts):
    """FAISS's indexes on GPUs know no selector; these must not be asked."""
    rows_NM, queries_BM, among = texts(1, 300, 16), texts(2, 3, 16).astype(np.float32), drawn(300, 0.3)
    host = make(KINDS["balanced-sq8"], tmp_path, rows_NM)
    hits = FaissGpuLists(None, host).search(queries_BM, 5, among=among)
    assert found(hits) == found(host.search(queries_BM, 5, among=among))


@pytest.mark.parametrize("k", [1, 10, 300])
@pytest.mark.parametrize("share", [*SHARES, "last"])
def test_rows_on_gpus_are_ranked_and_left_out_afterwards_or_by_the_host(tmp_path: Path, make, texts, share, k):
    """FAISS's flat index on the CPU stands where one on GPUs does, and knows no selector either here."""
    rows_NM, queries_BM = texts(1, 3000, 16), texts(2, 4, 16).astype(np.float32)
    host, flat = make(KINDS["exact-fp16"], tmp_path, rows_NM), faiss.IndexFlatIP(16)
    flat.add(rows_NM.astype(np.float32))
    among = drawn(3000, share) if share != "last" else Among(host.search(queries_BM, 3000).rows_BK[0].argsort() > 2500)
    ours, theirs = (each.search(queries_BM, k, among=among) for each in (FaissGpuExact(flat, host), host))
    np.testing.assert_allclose(ours.scores_BK, theirs.scores_BK, atol=1e-6)
    assert not among.count or share_found(ours, theirs) > 0.99


def test_lists_are_looked_into_further_the_fewer_may_be_found(tmp_path: Path, make, texts):
    kind = KINDS["balanced-sq8"]
    assert isinstance(kind, Inverted)
    index = make(kind, tmp_path, texts(1, 30_000, 8))
    looks = [index.look(10, drawn(30_000, share)) for share in (1.0, 0.5, 0.1, 0.02)]
    assert looks[0] == index.look(10)
    assert sorted(look.probes for look in looks) == [look.probes for look in looks]
    assert looks[0].probes < looks[-1].probes
