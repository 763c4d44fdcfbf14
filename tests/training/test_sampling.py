import torch

from training.sampling import Queries, Source, batches, similar_groups


def queries(count, width=8, seed=0):
    vectors = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return Queries(torch.nn.functional.normalize(vectors, dim=-1), torch.arange(count))


def test_every_sample_comes_once_before_any_comes_again():
    sources = [Source(queries(20), 4), Source(queries(40), 4), Source(queries(9), 0)]
    drawn = list(batches(sources, steps=10, neighbours=1, generator=torch.Generator().manual_seed(0)))
    assert [len(batch) for batch in drawn] == [8] * 10
    annotated = torch.cat([batch.record_Q[:4] for batch in drawn[:5]])
    own = torch.cat([batch.record_Q[4:] for batch in drawn])
    assert sorted(annotated.tolist()) == list(range(20))
    assert sorted(own.tolist()) == list(range(40))


def test_the_same_seed_draws_the_same_batches():
    first, second = (
        [
            batch.record_Q.tolist()
            for batch in batches(
                [Source(queries(12), 6)], steps=5, neighbours=3, generator=torch.Generator().manual_seed(7)
            )
        ]
        for _ in range(2)
    )
    assert first == second


def test_groups_are_a_query_and_its_nearest_among_the_rest():
    unit = queries(24).mention_QM
    order = torch.randperm(24, generator=torch.Generator().manual_seed(1))
    grouped = similar_groups(unit, order, 4).tolist()
    assert sorted(grouped) == list(range(24))
    left = set(range(24))
    for start in range(0, 24, 4):
        head = next(q for q in order.tolist() if q in left)
        nearest = sorted(left - {head}, key=lambda q: -float(unit[q] @ unit[head]))[:3]
        assert set(grouped[start : start + 4]) == {head, *nearest}
        left -= {head, *nearest}
