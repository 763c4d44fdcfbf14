"""The choice of settings at small size."""

import pytest

from training.experiments import choose
from training.learn.config import TrainConfig

pytestmark = pytest.mark.slow
QUICK = TrainConfig(steps=4, annotated=8, own=4, text_negatives=8)


def test_a_run_of_the_choice_scores_all_three_questions(small_scenes):
    row = choose._measure(small_scenes, QUICK)
    assert set(row) == {f"r{k}{asked}" for k in (1, 5, 10, 100) for asked in choose.AMONG}
