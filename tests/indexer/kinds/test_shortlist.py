"""A shortlist against FAISS, which looks at every row: not a bit of a score may differ."""

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.kinds import KINDS
from indexer.kinds.exact import SEVERAL
from indexer.kinds.order import best_first
from indexer.kinds.shortlist import GROUP, LEAST_ROWS, LEAST_WIDTH, Shortlist, pays

K = 5
FP16 = KINDS["exact-fp16"]

pytestmark = pytest.mark.skipif(
    not pays(rows=LEAST_ROWS, width=LEAST_WIDTH), reason="this processor cuts sums of products of bytes off"
)


def spread_rows(seed: int, count: int, width: int) -> NDArray[np.float16]:
    """Unit vectors around a common mean, some dimensions far wider than others, and every tenth row there twice."""
    random = np.random.default_rng(seed)
    rows_NM = random.normal(size=(count, width)) * random.gamma(2, size=width) + random.normal(size=width)
    rows_NM[::10] = rows_NM[random.integers(count)]
    return (rows_NM / np.linalg.norm(rows_NM, axis=1, keepdims=True)).astype(np.float16)


def all_rows(rows_NM: NDArray[np.float16]) -> Any:
    index = faiss.IndexScalarQuantizer(rows_NM.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index.add_sa_codes(np.ascontiguousarray(rows_NM).view(np.uint8))
    return index


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 40 * GROUP),
    width=st.sampled_from([2, 3, 16, 64, 200]),
    queries=st.integers(1, 9),
    k=st.integers(1, 25),
    length=st.sampled_from([1e-6, 1.0, 300.0]),
)
def test_holds_whatever_could_be_among_the_best(seed, count, width, queries, k, length):
    rows_NM = spread_rows(seed, count, width)
    queries_BM = (length * spread_rows(seed + 1, queries, width)).astype(np.float32)
    shortlist = Shortlist([rows_NM[:7], rows_NM[7:]], rows=count, width=width)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("indexer.kinds.shortlist.MOST_SHARE", 1)  # of so few rows, many would be given up
        listed = shortlist.rows(queries_BM, k)
    if listed is None:
        assert k > -(-count // GROUP)
        return
    assert (np.diff(listed) > 0).all()
    scores_BN, order_BN = all_rows(rows_NM).search(queries_BM, count)
    for scores_N, order_N in zip(scores_BN, order_BN, strict=True):
        among = order_N[scores_N >= scores_N[min(k, count) - 1]]
        assert np.isin(among, listed).all()


def test_is_short_for_vectors_like_those_of_texts(texts: Any) -> None:
    rows_NM = texts(1, 20_000, 128)
    queries_BM = rows_NM[:8].astype(np.float32)
    listed = Shortlist([rows_NM], rows=20_000, width=128).rows(queries_BM, 10)
    assert listed is not None
    assert len(listed) < 20_000 / 10


def test_gives_up_where_no_row_can_be_ruled_out() -> None:
    same_NM = np.ones((LEAST_ROWS, 8), dtype=np.float16)
    shortlist = Shortlist([same_NM], rows=LEAST_ROWS, width=8)
    assert shortlist.rows(np.ones((4, 8), dtype=np.float32), 1) is None
    assert shortlist.rows(np.zeros((4, 8), dtype=np.float32), 1) is None


def test_gives_up_where_more_are_wanted_than_there_are_groups() -> None:
    rows_NM = spread_rows(2, LEAST_ROWS, 8)
    shortlist = Shortlist([rows_NM], rows=LEAST_ROWS, width=8)
    assert shortlist.rows(rows_NM[:4].astype(np.float32), LEAST_ROWS // GROUP + 1) is None


def test_many_queries_are_taken_a_few_at_a_time(texts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows_NM = texts(3, LEAST_ROWS, 128)
    shortlist, queries_BM = Shortlist([rows_NM], rows=LEAST_ROWS, width=128), rows_NM[:5].astype(np.float32)
    at_once = shortlist.rows(queries_BM, 3)
    monkeypatch.setattr("indexer.kinds.shortlist.SCORES_AT_ONCE", 2 * LEAST_ROWS)
    few_at_a_time = shortlist.rows(queries_BM, 3)
    assert at_once is not None
    assert few_at_a_time is not None
    np.testing.assert_array_equal(at_once, few_at_a_time)


@pytest.mark.parametrize("sizes", [[], [0, 700, 1], [3000]])
def test_an_exact_index_scores_batches_to_the_bit_as_without(
    tmp_path: Path, make: Any, texts: Any, monkeypatch: pytest.MonkeyPatch, sizes: list[int]
) -> None:
    rows_NM = texts(4, 2 * LEAST_ROWS, 128)
    rows_NM[1::2] = rows_NM[::2]  # so that scores are equal
    index = make(FP16, tmp_path, rows_NM, sizes)
    made = []
    monkeypatch.setattr("indexer.kinds.shortlist.Shortlist.rows", _noting(Shortlist.rows, made))
    for seed, queries in enumerate((SEVERAL - 1, SEVERAL, 3 * SEVERAL, 50)):
        queries_BM = texts(seed, queries, 128).astype(np.float32)
        scores_BK, rows_BK = all_rows(rows_NM).search(queries_BM, K)
        hits = index.search(queries_BM, K)
        expected = best_first(rows_BK, scores_BK, K)
        np.testing.assert_array_equal(hits.scores_BK, expected.scores_BK)
        surely_BK = expected.scores_BK > expected.scores_BK[:, -1:]  # of those that score as the last does any may be
        np.testing.assert_array_equal(hits.rows_BK[surely_BK], expected.rows_BK[surely_BK])
    assert len(made) == 3
    assert made[0] is not None, "the shortlist was not used"


def test_few_rows_and_narrow_ones_are_left_to_faiss() -> None:
    assert not pays(rows=LEAST_ROWS - 1, width=LEAST_WIDTH)
    assert not pays(rows=LEAST_ROWS, width=LEAST_WIDTH - 1)


def test_no_more_is_kept_in_memory_than_said(tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows_NM = spread_rows(6, LEAST_ROWS, LEAST_WIDTH)
    queries_BM = rows_NM[:SEVERAL].astype(np.float32)
    assert FP16.cost(LEAST_ROWS, LEAST_WIDTH).memory == LEAST_ROWS * LEAST_WIDTH
    monkeypatch.setattr("indexer.kinds.exact.SHORTLIST_BYTES", LEAST_ROWS * LEAST_WIDTH - 1)
    monkeypatch.setattr("indexer.kinds.shortlist.Shortlist.__init__", lambda *_, **__: pytest.fail("it was made"))
    assert FP16.cost(LEAST_ROWS, LEAST_WIDTH).memory == 0
    make(FP16, tmp_path, rows_NM, []).search(queries_BM, 1)


def _noting(method: Any, made: list[Any]) -> Any:
    def noted(self: Shortlist, *asked: Any) -> Any:
        made.append(method(self, *asked))
        return made[-1]

    return noted
