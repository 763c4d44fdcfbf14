"""Answers against a slow search, with and without the right entity."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.measure.answers import SCORES, ask
from training.measure.ranking import NOT_FOUND, RANKS


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 999), st.integers(SCORES + 1, 300))
def test_ranks_and_scores_are_those_of_a_slow_search(seed, size):
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.nn.functional.normalize(torch.randn(size, 8, generator=generator), dim=-1).half().float()
    mentions = torch.nn.functional.normalize(torch.randn(6, 8, generator=generator), dim=-1)
    rows = np.arange(size) * 3 + 1
    right = np.random.default_rng(seed).integers(0, size, 6)
    answers = ask(mentions, vectors, rows, rows[right])
    for query, place in enumerate(right):
        scores = (vectors @ mentions[query]).numpy()
        order = sorted(range(size), key=lambda n: -scores[n])
        rank = order.index(place)
        assert answers.rank_Q[query] == (rank if rank < max(RANKS) else NOT_FOUND)
        assert np.allclose(answers.scores_QK[query], scores[order[:SCORES]], atol=2e-3)
        others = [n for n in order if n != place]
        assert np.allclose(answers.absent_QK[query], scores[others[:SCORES]], atol=2e-3)
    assert answers.entity_Q.tolist() == rows[right].tolist()
