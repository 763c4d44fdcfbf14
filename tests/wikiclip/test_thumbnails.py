"""Small pictures for a page."""

import numpy as np
import pytest
from PIL import Image

from wikiclip.thumbnails import QUERY_SIDE, outlined, thumbnail


@pytest.mark.parametrize("levels", [(0, 1), (255, 256), (128, 129), (0, 256)])
@pytest.mark.parametrize("place", [(200, 150, 400, 300), (0, 0, 640, 480), (300, 0, 420, 90), (500, 400, 503, 402)])
def test_the_contour_stands_out_on_any_background(levels, place):
    picture = Image.fromarray(np.random.default_rng(0).integers(*levels, (480, 640, 3), np.uint8, endpoint=False))
    left, top, right, bottom = place
    mask = np.zeros((480, 640), dtype=bool)
    mask[top:bottom, left:right] = True
    shown = np.asarray(outlined(picture, mask)).sum(axis=2, dtype=int)
    assert max(shown.shape) == QUERY_SIDE
    at_y, at_x = (round(3.5 + middle * 212 / 640) for middle in ((top + bottom) / 2, (left + right) / 2))
    for side in (shown[at_y::-1, at_x], shown[at_y:, at_x], shown[at_y, at_x::-1], shown[at_y, at_x:]):
        assert "wwkk" in "".join({0: "k", 765: "w"}.get(value, ".") for value in side.tolist())


def test_inside_is_as_it_was_and_outside_is_dimmed():
    picture = Image.new("RGB", (100, 80), (200, 100, 50))
    mask = np.zeros((80, 100), dtype=bool)
    mask[20:60, 30:70] = True
    shown = np.asarray(outlined(picture, mask))
    assert shown.shape == (88, 108, 3), "never enlarged"
    assert (shown[24:64, 34:74] == (200, 100, 50)).all()
    assert (shown[4:15, 4:104] == (90, 45, 22)).all()


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"a mask of \(5, 4\) for a picture 4 high and 5 wide"):
        outlined(Image.new("RGB", (5, 4)), np.ones((5, 4), dtype=bool))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK"])
def test_thumbnails_of_every_mode(mode):
    assert thumbnail(Image.new(mode, (1000, 20)), 160).size == (160, 3)


def test_transparency_is_laid_on_white():
    assert thumbnail(Image.new("RGBA", (9, 9), (0, 0, 0, 0)), 5).getextrema() == ((255, 255),) * 3
