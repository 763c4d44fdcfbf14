"""Frozen features by themselves."""

import numpy as np
import pytest

from training.measure.frozen import FORMS, best_form, frozen_ranks, in_form

pytestmark = pytest.mark.slow


def test_the_best_form_is_best_among_all(small_scenes, monkeypatch):
    monkeypatch.setattr("training.measure.frozen.CONTENDERS", FORMS[1:4])
    pools = [pool for pool in small_scenes.pools if pool.photo == "other"]
    shares = [np.mean(frozen_ranks(in_form(small_scenes, form), pools)[0] == 0) for form in FORMS[1:4]]
    assert best_form(small_scenes) == FORMS[1:4][int(np.argmax(shares))]
