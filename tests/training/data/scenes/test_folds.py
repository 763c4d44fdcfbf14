"""No test photograph may be met in training, in whatever way stamps share entities and photographs."""

from hypothesis import given
from hypothesis import strategies as st

from indexer.kb.pictures.match import Stamp
from training.data.scenes.folds import FOLDS, in_training, make_pools


@st.composite
def stamp_sets(draw):
    """Stamps of some entities, now and then made from the same photograph, also across entities."""
    count = draw(st.integers(1, 40))
    return [
        Stamp(
            path=f"{number:02d}.png",
            caption="",
            entity_id=f"n{draw(st.integers(0, 12)):08d}",
            photograph=f"{draw(st.integers(0, 25)):02d}",
        )
        for number in range(count)
    ]


def records(stamps):
    record_of = {}
    for stamp in stamps:
        record_of.setdefault(stamp.entity_id, stamp.path)
    return record_of


@given(stamp_sets())
def test_every_stamp_is_in_one_pool(stamps):
    pools = make_pools(stamps, records(stamps))
    assert sorted(s.path for pool in pools for s in pool.stamps) == [s.path for s in stamps]


@given(stamp_sets())
def test_an_entity_is_unseen_in_exactly_one_fold(stamps):
    groups = {}
    for pool in make_pools(stamps, records(stamps)):
        for stamp in pool.stamps:
            groups.setdefault(stamp.entity_id, set()).add(pool.group)
    assert all(len(group) == 1 for group in groups.values())


@given(stamp_sets())
def test_no_test_photograph_is_trained_on(stamps):
    pools = make_pools(stamps, records(stamps))
    for fold in range(FOLDS):
        trained = {s.photograph for pool in pools if in_training(pool, fold) for s in pool.stamps}
        unseen = {s.photograph for pool in pools if pool.group == fold for s in pool.stamps}
        assert not trained & unseen
        probe = {
            s.photograph
            for pool in pools
            if pool.photo == "other" and pool.group == (fold + 1) % FOLDS
            for s in pool.stamps
        }
        own = {s.photograph for s in stamps if s.path in records(stamps).values()}
        assert not (probe - own) & trained


@given(stamp_sets())
def test_other_means_not_the_photograph_of_the_record(stamps):
    record_of = records(stamps)
    photograph = {stamp.path: stamp.photograph for stamp in stamps}
    for pool in make_pools(stamps, record_of):
        for stamp in pool.stamps:
            assert (pool.photo == "own") == (stamp.photograph == photograph[record_of[stamp.entity_id]])


def test_entities_with_several_photographs_are_dealt_out_evenly():
    stamps = [
        Stamp(path=f"{e}-{p}.png", caption="", entity_id=f"e{e}", photograph=f"{e}-{p}")
        for e in range(8)
        for p in range(1 + e % 2)
    ]
    counts = [len(pool.stamps) for pool in make_pools(stamps, records(stamps)) if pool.photo == "other"]
    assert counts == [1, 1, 1, 1]
