"""What of a picture each prompt points at."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from training.data.prompts import Prompt, shown_by

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.booleans()).filter(np.any)


@given(masks)
def test_a_box_is_the_smallest_that_holds_the_region(mask):
    box = shown_by(Prompt.BOX, mask)
    inside = [(y, x) for y in range(mask.shape[0]) for x in range(mask.shape[1]) if mask[y, x]]
    top, bottom = min(y for y, _ in inside), max(y for y, _ in inside)
    left, right = min(x for _, x in inside), max(x for _, x in inside)
    slow = [[top <= y <= bottom and left <= x <= right for x in range(mask.shape[1])] for y in range(mask.shape[0])]
    assert box.tolist() == slow


@given(masks)
def test_a_mask_is_itself_and_no_prompt_is_the_whole_picture(mask):
    assert np.array_equal(shown_by(Prompt.MASK, mask), mask)
    for prompt in (Prompt.NONE, Prompt.TEXT):
        assert shown_by(prompt, mask).all()
        assert shown_by(prompt, mask).shape == mask.shape


@pytest.mark.parametrize("prompt", [*Prompt])
def test_prompts_that_look_alike_share_what_the_tower_sees(prompt):
    assert (prompt.seen == Prompt.NONE) == (prompt in (Prompt.NONE, Prompt.TEXT))
