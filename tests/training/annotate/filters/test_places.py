"""A place is everywhere in its picture, unless it was surely found."""

import numpy as np
import pytest

from tests.training.annotate.filters.things import choice, disc
from training.annotate.filters.places import widened
from training.annotate.filters.thresholds import Thresholds

THRESHOLDS = Thresholds()


@pytest.mark.parametrize("confidence", [0.0, 0.3, THRESHOLDS.place_sure - 1e-6])
def test_an_unsure_mask_of_a_place_is_widened_to_the_whole_picture(confidence):
    found = widened(choice(disc(30, 30, 9), confidence=confidence), THRESHOLDS)
    assert found.mask.all()
    assert (found.box, found.mended) == (None, ("places",))


def test_a_sure_one_stands():
    mask = disc(30, 30, 9)
    found = widened(choice(mask, confidence=THRESHOLDS.place_sure), THRESHOLDS)
    np.testing.assert_array_equal(found.mask, mask)
    assert found.mended == ()
