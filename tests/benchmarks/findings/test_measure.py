"""What the measurement of proposals takes for near, inside and alike."""

import numpy as np
import pytest

from benchmarks.findings.measure import inner, nearest, overlap
from wikiclip.masks import Mask


def box(left: int, top: int, right: int, bottom: int) -> Mask:
    mask = np.zeros((60, 100), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        ([], None),
        ([box(0, 0, 100, 60)], None),  # it fills the picture
        ([box(0, 0, 100, 60), box(0, 0, 10, 10)], 1),
        ([box(0, 0, 30, 30), box(40, 20, 60, 40), box(60, 30, 100, 60)], 1),
        ([box(30, 0, 70, 20), box(70, 20, 90, 40)], 0),  # 20 pixels off, and 30
    ],
)
def test_the_nearest_to_the_middle_is_told_by_its_box(masks: list[Mask], expected: int | None) -> None:
    assert nearest(masks) == expected


def test_a_click_is_where_the_thing_is_thickest() -> None:
    at = inner(box(10, 10, 90, 15) | box(40, 10, 70, 40))
    assert 50 <= at.x < 60
    assert 20 <= at.y < 30


def test_overlap_is_intersection_over_union() -> None:
    assert overlap(box(0, 0, 20, 10), box(10, 0, 30, 10)) == pytest.approx(1 / 3)
    assert overlap(box(0, 0, 0, 0), box(0, 0, 0, 0)) == 0
