"""Exact search in torch, on parts of one CPU, against FAISS and the oracle."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import indexer.kinds.gpu.torch_exact as torch_exact
from indexer.kinds import KINDS
from indexer.kinds.brute import BruteForce
from indexer.kinds.gpu.spread import shares, spread
from indexer.kinds.gpu.torch_exact import GROUP, TorchExact, bytes_on_each

CPU = torch.device("cpu")
FP16 = KINDS["exact-fp16"]
ROUNDING = 2e-6  # of sums in single precision, for a score of a length near 1


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=[torch.float32, torch.float16], ids=["as on CPUs", "as on GPUs"])
def _rough(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch_exact, "_rough_precision", lambda device: request.param)


def rows(seed: int, count: int, width: int, *, digits: int) -> NDArray[np.float16]:
    """Rounded coarsely, so that equal scores and equal rows happen."""
    return np.round(np.random.default_rng(seed).normal(size=(count, width)), digits).astype(np.float16)


def in_torch(rows_NM: NDArray[np.float16], parts: int = 1, block: int = 7) -> TorchExact:
    blocks = [rows_NM[start : start + block] for start in range(0, len(rows_NM), block)]
    return TorchExact(blocks, rows=len(rows_NM), width=rows_NM.shape[1], devices=[CPU] * parts)


@pytest.mark.usefixtures("_rough")
@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 700),
    parts=st.integers(1, 4),
    width=st.sampled_from([1, 3, 8, 17, 32]),
    digits=st.sampled_from([0, 1, 3]),
    queries=st.integers(1, 5),
    k=st.integers(1, 90),
)
def test_agrees_with_brute_force(seed, count, parts, width, digits, queries, k):
    rows_NM = rows(seed, count, width, digits=digits)
    queries_BM = rows(seed + 1, queries, width, digits=1).astype(np.float32)
    ours, truth = in_torch(rows_NM, parts).search(queries_BM, k), BruteForce(rows_NM).search(queries_BM, k)
    held, close = min(k, count), ROUNDING * 10 * width
    np.testing.assert_allclose(ours.scores_BK, truth.scores_BK, atol=close)
    for found, scores, query in zip(ours.rows_BK[:, :held], ours.scores_BK[:, :held], queries_BM, strict=True):
        assert len(set(found)) == held
        np.testing.assert_allclose(rows_NM[found].astype(np.float32) @ query, scores, atol=close)
        ordered = [(-score, row) for score, row in zip(scores, found, strict=True)]
        assert ordered == sorted(ordered)
    assert (ours.rows_BK[:, held:] == -1).all()


@pytest.mark.usefixtures("_rough")
@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 900),
    different=st.integers(1, 40),
    parts=st.integers(1, 3),
    k=st.integers(1, 60),
)
def test_equal_scores_come_in_the_order_of_rows(seed, count, different, parts, k):
    """Small whole numbers, whose sums no order of adding can round: here rows must be the oracle's, one for one."""
    random = np.random.default_rng(seed)
    rows_NM = random.integers(-2, 3, size=(different, 6)).astype(np.float16)[random.integers(different, size=count)]
    queries_BM = random.integers(-3, 4, size=(4, 6)).astype(np.float32)  # a query of zeros makes all scores equal
    ours, truth = in_torch(rows_NM, parts).search(queries_BM, k), BruteForce(rows_NM).search(queries_BM, k)
    np.testing.assert_array_equal(ours.rows_BK, truth.rows_BK)
    np.testing.assert_array_equal(ours.scores_BK, truth.scores_BK)


@pytest.mark.usefixtures("_rough")
def test_equal_rows_have_equal_scores_wherever_they_lie(texts):
    """In several parts, at other places of their groups, and more of them than are looked at first."""
    rows_NM = texts(1, 2000, 40)
    equal = np.arange(3, 2000, 7)
    rows_NM[equal] = rows_NM[0]
    hits = in_torch(rows_NM, 3).search(rows_NM[:1].astype(np.float32), 200)
    np.testing.assert_array_equal(hits.rows_BK[0], [0, *equal[:199]])
    assert len(set(hits.scores_BK[0])) == 1


@pytest.mark.usefixtures("_rough")
@pytest.mark.parametrize("parts", [1, 2])
def test_agrees_with_faiss(tmp_path: Path, make, texts, parts):
    rows_NM, queries_BM = texts(1, 3000, 64), texts(2, 40, 64).astype(np.float32)
    index = make(FP16, tmp_path, rows_NM, (1000, 0, 700))
    ours = TorchExact(index.halves(), rows=len(index), width=64, devices=[CPU] * parts)
    assert len(ours) == 3000
    for k in (1, 10, 100):
        mine, theirs = ours.search(queries_BM, k), index.search(queries_BM, k)
        np.testing.assert_allclose(mine.scores_BK, theirs.scores_BK, atol=ROUNDING)
        assert (mine.rows_BK == theirs.rows_BK).mean() > 0.999  # where two scores are one but for rounding
    every = np.arange(3000)
    np.testing.assert_array_equal(ours.vectors(every[::-3]), index.vectors(every[::-3]))


@pytest.mark.usefixtures("_rough")
def test_more_rows_and_queries_than_are_taken_at_once(monkeypatch: pytest.MonkeyPatch, texts):
    monkeypatch.setattr(torch_exact, "CPU_NUMBERS", 900)
    monkeypatch.setattr(torch_exact, "QUERIES_AT_ONCE", 3)
    rows_NM, queries_BM = texts(1, 1003, 24), texts(2, 8, 24).astype(np.float32)
    index, truth = in_torch(rows_NM, 2), BruteForce(rows_NM)
    for k in (1, 100, 1003, 1010):
        np.testing.assert_allclose(
            index.search(queries_BM, k).scores_BK, truth.search(queries_BM, k).scores_BK, atol=ROUNDING
        )


@pytest.mark.usefixtures("_rough")
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_length_of_a_query_is_no_matter(texts, scale):
    rows_NM, queries_BM = texts(1, 900, 24), texts(2, 8, 24).astype(np.float32)
    ours, truth = in_torch(rows_NM).search(scale * queries_BM, 9), BruteForce(rows_NM).search(queries_BM, 9)
    np.testing.assert_array_equal(ours.rows_BK, truth.rows_BK)
    np.testing.assert_allclose(ours.scores_BK / scale, truth.scores_BK, atol=ROUNDING)


def test_a_rough_score_is_never_farther_off_than_is_reckoned_with(monkeypatch: pytest.MonkeyPatch, texts):
    monkeypatch.setattr(torch_exact, "_rough_precision", lambda device: torch.float16)
    rows_NM, units_BM = texts(1, 1600, 256), texts(2, 50, 256).astype(np.float32)
    units_BM /= np.linalg.norm(units_BM, axis=1, keepdims=True)
    part = torch_exact._Part(torch.from_numpy(rows_NM), 1600)
    exact_BL = (units_BM @ rows_NM.astype(np.float32).T).reshape(50, -1, GROUP).max(axis=2)
    off = np.abs(part.maxima(torch.from_numpy(units_BM)).float().numpy() - exact_BL).max()
    assert 1e-4 < off < part.slack < 2e-3


def test_no_query_and_no_row_are_no_mistake(texts):
    index = in_torch(texts(1, 30, 16), 4)
    assert index.search(np.empty((0, 16), dtype=np.float32), 3).rows_BK.shape == (0, 3)
    assert index.vectors(np.empty(0, dtype=np.int64)).shape == (0, 16)
    hits = in_torch(np.empty((0, 16), dtype=np.float16), 2).search(np.ones((2, 16), dtype=np.float32), 3)
    assert (hits.rows_BK == -1).all()
    assert (hits.scores_BK == -np.inf).all()


def test_one_index_answers_many_threads(texts):
    index, queries_BM = in_torch(texts(1, 1500, 16), 2), texts(2, 60, 16).astype(np.float32)
    alone = index.search(queries_BM, 5)
    with ThreadPoolExecutor(4) as pool:
        for few in pool.map(lambda start: (start, index.search(queries_BM[start : start + 3], 5)), range(0, 60, 3)):
            start, hits = few
            np.testing.assert_array_equal(hits.rows_BK, alone.rows_BK[start : start + 3])


def test_another_number_of_rows_than_was_said_is_refused(texts):
    for said in (29, 31):
        with pytest.raises(ValueError, match=f"than {said} rows"):
            TorchExact([texts(1, 30, 8)], rows=said, width=8, devices=[CPU, CPU])


@given(count=st.integers(0, 500), parts=st.integers(1, 9), multiple=st.integers(1, 40))
def test_shares_are_even(count, parts, multiple):
    counts = shares(count, parts, multiple=multiple)
    assert (len(counts), sum(counts)) == (parts, count)
    assert max(counts) - min(counts) <= multiple + (-count % multiple)
    assert sum(bool(each % multiple) for each in counts) <= 1
    blocks = np.split(np.arange(count), range(7, count, 7))
    placed = [[] for _ in counts]
    for part, first, piece in spread(blocks, counts):
        assert first == len(placed[part])
        placed[part].extend(piece)
    assert [len(rows) for rows in placed] == counts
    assert [row for rows in placed for row in rows] == list(range(count))


def test_what_the_rows_take_is_known_beforehand(texts):
    for count, width, parts in ((1, 1, 1), (1000, 20, 1), (1000, 24, 3), (17, 8, 2)):
        index = in_torch(texts(1, count, width), parts)
        assert max(part.rows_NM.nbytes for part in index._parts) == bytes_on_each(count, width, parts)
