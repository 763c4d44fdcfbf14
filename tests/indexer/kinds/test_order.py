"""The order of hits, against sorting them all in Python."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from indexer.kinds.order import best_first

# Few different scores, so that many are equal, at the k-th place too.
SCORES = st.sampled_from([-np.inf, -1.5, -0.0, 0.0, 0.25, 2.0])


@given(data=st.data(), queries=st.integers(0, 4), found=st.integers(0, 12), k=st.integers(1, 15))
def test_the_best_come_first_and_equals_by_row(data: st.DataObject, queries: int, found: int, k: int):
    rows_BR = np.array([data.draw(st.permutations(range(20))) for _ in range(queries)], dtype=np.int64)
    rows_BR = rows_BR.reshape(queries, 20)[:, :found]
    missing_BR = data.draw(arrays(np.bool_, rows_BR.shape))
    rows_BR[missing_BR] = -1
    scores_BR = data.draw(arrays(np.float32, rows_BR.shape, elements=SCORES))
    hits = best_first(rows_BR, scores_BR, k)
    assert hits.rows_BK.shape == hits.scores_BK.shape == (queries, k)
    for rows, scores, given_rows, given_scores in zip(hits.rows_BK, hits.scores_BK, rows_BR, scores_BR, strict=True):
        known = [(-score, row) for row, score in zip(given_rows, given_scores, strict=True) if row >= 0]
        wanted = [(row, -worse) for worse, row in sorted(known) if worse < np.inf][:k]
        there = scores > -np.inf
        assert list(zip(rows[there], scores[there], strict=True)) == wanted
