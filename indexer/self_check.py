"""The check that an index passes before it is published: its rows find themselves.

Axes: S sampled row, K hit.
"""

import numpy as np

from indexer.errors import CorruptIndex
from indexer.kinds.kind import Searcher

SAMPLE = 256
AMONG = 10
TIE = 2e-3  # two rows whose scores differ by less are equal to a half-precision store
LEAST = 0.99  # of the sample; an approximate kind may miss a row whose list it does not look into


def expect_rows_find_themselves(searcher: Searcher, *, seed: int = 0) -> None:
    """Searches with the vectors of sampled rows: each must find its own row, or others just as near.

    Raises:
        CorruptIndex: too many do not.
    """
    rows = len(searcher)
    drawn_S = np.sort(np.random.default_rng(seed).choice(rows, size=min(rows, SAMPLE), replace=False))
    vectors_SM = searcher.vectors(drawn_S)
    hits = searcher.search(vectors_SM, min(AMONG, rows))
    own_S = np.einsum("sm,sm->s", vectors_SM, vectors_SM)
    found_S = (hits.rows_BK == drawn_S[:, None]).any(axis=1) | (hits.scores_BK[:, -1] >= own_S - TIE)
    if found_S.mean() < LEAST:
        raise CorruptIndex(
            f"Of {len(drawn_S)} rows of the new index {int((~found_S).sum())} do not find themselves; it was not"
            " published. Build it with --force, or with another --index."
        )
