"""What training may see of the scenes."""

import dataclasses

import pytest

from training.data.scenes.folds import FOLDS, in_training

pytestmark = pytest.mark.slow


def test_a_fold_sees_nothing_of_its_unseen_entities_but_their_records(small_scenes):
    for fold in range(FOLDS):
        unseen = set(small_scenes.group(fold))
        training_set = small_scenes.training_set(fold)
        assert not unseen & set(training_set.record_Q)
        assert unseen <= set(training_set.own)
        assert not unseen & set(small_scenes.training_set(fold, hide_pictures=True).own)
        tested = {stamp.path for pool in small_scenes.pools if not in_training(pool, fold) for stamp in pool.stamps}
        trained = [pool for pool in small_scenes.pools if in_training(pool, fold)]
        for pool in trained:
            assert not tested & set(small_scenes.scenes(pool, test=False).stamps), "not as a distractor either"


def test_training_sees_photographs_of_places_too_but_not_those_that_are_measured_on(small_scenes):
    without = dataclasses.replace(small_scenes, places=())
    for fold in range(FOLDS):
        trained = [pool for pool in small_scenes.pools if in_training(pool, fold)]
        more = sum(len(small_scenes.queries([pool], test=False, mark="mixed").record_Q) for pool in trained)
        assert len(small_scenes.training_set(fold).record_Q) == len(without.training_set(fold).record_Q) + more
        tested = {
            place
            for pool in small_scenes.pools
            if pool.group == fold
            for place in small_scenes.scenes(pool, test=True, mark="click").places
        }
        assert not tested & {
            place for pool in trained for place in small_scenes.scenes(pool, test=False, mark="mixed").places
        }
