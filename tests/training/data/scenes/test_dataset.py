"""What training may see of the scenes."""

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
