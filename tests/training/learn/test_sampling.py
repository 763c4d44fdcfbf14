import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.learn import sampling
from training.learn.sampling import Queries, Sampler, Stream, similar_groups


def queries(count, width=8, seed=0):
    vectors = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    unit = torch.nn.functional.normalize(vectors, dim=-1)
    return Queries(mentions=lambda numbers: unit[torch.from_numpy(numbers)], record_Q=np.arange(count) + 100)


def test_a_batch_has_each_source_in_its_share():
    sampler = Sampler([(queries(20), 4), (queries(40), 3), (queries(9), 0)], neighbours=1, seed=0)
    batch = sampler.batch(3)
    assert batch.mention_BM.shape == (7, 8)
    assert batch.picture_B.all()
    assert torch.equal(batch.mention_BM[:4], queries(20).mentions(batch.record_B[:4] - 100))


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 6), st.integers(1, 12), st.integers(0, 99))
def test_every_sample_comes_once_before_any_comes_again(size, count, neighbours, window, seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "WINDOW", window)
        stream = Stream(queries(size), count, neighbours=neighbours, seed=(seed, 0))
        drawn = np.concatenate([stream.numbers(step) for step in range(3 * size)])
    for epoch in range(len(drawn) // size):
        assert sorted(drawn[epoch * size : (epoch + 1) * size]) == list(range(size))


def test_a_step_is_the_same_whichever_was_asked_before():
    def sampler():
        return Sampler([(queries(50), 6)], neighbours=3, seed=7)

    forwards = sampler()
    steps = [forwards.batch(step).record_B.tolist() for step in range(20)]
    assert sampler().batch(13).record_B.tolist() == steps[13]
    assert Sampler([(queries(50), 6)], neighbours=3, seed=8).batch(13).record_B.tolist() != steps[13]


def test_groups_are_a_query_and_its_nearest_among_the_rest():
    unit = queries(24).mentions(np.arange(24))
    grouped = similar_groups(unit, 4).tolist()
    assert sorted(grouped) == list(range(24))
    left = set(range(24))
    for start in range(0, 24, 4):
        head = min(left)
        nearest = sorted(left - {head}, key=lambda q: -float(unit[q] @ unit[head]))[:3]
        assert set(grouped[start : start + 4]) == {head, *nearest}
        left -= {head, *nearest}
