from pathlib import Path

import faiss
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.kinds import KINDS
from indexer.kinds.brute import BruteForce
from indexer.kinds.exact import SHARD

ROUNDING = 2e-3  # of FAISS's half-precision arithmetic, for vectors of a length near 4
FP16 = KINDS["exact-fp16"]


def rows(seed: int, count: int, width: int) -> NDArray[np.float16]:
    """Rounded coarsely, so that equal scores and equal rows happen."""
    return np.round(np.random.default_rng(seed).normal(size=(count, width)), 1).astype(np.float16)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(0, 30), max_size=4),
    last=st.integers(1, 30),
    width=st.sampled_from([1, 3, 8, 17, 32]),
    queries=st.integers(1, 5),
    k=st.integers(1, 70),
)
def test_agrees_with_brute_force(tmp_path_factory, make, seed, sizes, last, width, queries, k):
    count = sum(sizes) + last
    rows_NM, queries_BM = rows(seed, count, width), rows(seed + 1, queries, width).astype(np.float32)
    ours = make(FP16, tmp_path_factory.mktemp("exact"), rows_NM, sizes).search(queries_BM, k)
    truth = BruteForce(rows_NM).search(queries_BM, k)

    held = min(k, count)
    np.testing.assert_allclose(ours.scores_BK[:, :held], truth.scores_BK[:, :held], atol=ROUNDING * width**0.5)
    for found, scores, query in zip(ours.rows_BK[:, :held], ours.scores_BK[:, :held], queries_BM, strict=True):
        assert len(set(found)) == held
        np.testing.assert_allclose(rows_NM[found].astype(np.float32) @ query, scores, atol=ROUNDING * width**0.5)
        for this, following in zip(range(held), range(1, held), strict=False):
            assert (scores[this], -found[this]) > (scores[following], -found[following])
    for hits in (ours, truth):
        assert (hits.rows_BK[:, held:] == -1).all()
        assert (hits.scores_BK[:, held:] == -np.inf).all()


def test_half_precision_is_kept_as_it_was_given(tmp_path: Path, fill):
    rows_NM = rows(0, 50, 8)
    (shard,) = fill(FP16, tmp_path, rows_NM)
    kept = faiss.read_index(str(shard / SHARD)).reconstruct_n(0, 50)
    np.testing.assert_array_equal(kept, rows_NM.astype(np.float32))
