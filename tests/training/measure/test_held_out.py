"""Before and after training, on labels that were held out."""

import numpy as np
import pytest

from training.measure.answers import SCORES, RankedAnswers
from training.measure.held_out import BEFORE, Tried
from training.measure.ranking import NOT_FOUND


def answers(*ranks: int) -> RankedAnswers:
    scores_QK = np.zeros((len(ranks), SCORES), np.float32)
    return RankedAnswers(np.array(ranks), np.arange(len(ranks)), scores_QK, scores_QK)


@pytest.mark.parametrize(
    ("before", "after", "better"),
    [
        ((0, 3, NOT_FOUND), (0, 0, NOT_FOUND), True),
        ((0, 3, NOT_FOUND), (3, 0, 8), True),  # as many at rank 1, more within 10
        ((0, 3, NOT_FOUND), (0, 3, NOT_FOUND), False),
        ((0, 3, 20), (4, 3, 5), False),
    ],
)
def test_more_right_is_better_and_as_many_with_more_within_10(before, after, better):
    found = Tried({BEFORE: answers(*before), "after": answers(*after)})
    assert (found.best == "after") == better
    assert found.table().row_count == 3


def test_of_several_the_earliest_of_the_best_is_best():
    found = Tried({BEFORE: answers(3, 3), "centred": answers(0, 3), "trained": answers(3, 0)})
    assert found.best == "centred"
    assert [column.header for column in found.table().columns] == [
        "k", "before", "centred", "trained", "centred - before [95%]", "trained - before [95%]",
    ]  # fmt: skip
