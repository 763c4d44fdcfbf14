import numpy as np
import pytest

from indexer.errors import CorruptIndex
from indexer.kinds.brute import BruteForce
from indexer.kinds.kind import Hits
from indexer.self_check import expect_rows_find_themselves


def unit(count: int, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


class OneOff(BruteForce):
    """Answers with the neighbour in the table, as rows counted from the wrong start would."""

    def search(self, queries_BM, k):
        hits = super().search(queries_BM, k)
        return Hits((hits.rows_BK + 1) % len(self), hits.scores_BK - 0.5)


class Zeros(BruteForce):
    """Its vectors were lost."""

    def search(self, queries_BM, k):
        hits = super().search(queries_BM, k)
        return Hits(np.full_like(hits.rows_BK, -1), np.full_like(hits.scores_BK, -np.inf))


def test_rows_that_find_themselves_pass_and_others_do_not():
    expect_rows_find_themselves(BruteForce(unit(2000)))
    for broken in (OneOff, Zeros):
        with pytest.raises(CorruptIndex, match="do not find themselves"):
            expect_rows_find_themselves(broken(unit(2000)))


def test_many_equal_rows_are_no_fault():
    expect_rows_find_themselves(BruteForce(np.repeat(unit(3), 50, axis=0)))
    expect_rows_find_themselves(BruteForce(unit(1)))
