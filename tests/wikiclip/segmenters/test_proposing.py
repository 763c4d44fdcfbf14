"""Proposals out of a tower's maps: any picture's are sound, and a framed thing is found with its frame and without."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from wikiclip.masks import Mask
from wikiclip.presets import PRESETS
from wikiclip.segmenters import MOST_PROPOSED, Segmenter, open_segmenter
from wikiclip.segmenters.proposing import filled, ground, is_framing
from wikiclip.segmenters.segmenter import SAME
from wikiclip.towers.loading import open_vision_tower

WALL = (205, 198, 190)


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return open_segmenter("tower", tower=open_vision_tower(PRESETS["tiny"].vision))


def iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


def drawn(size: tuple[int, int], *corners: tuple[float, float]) -> Mask:
    alone = Image.new("1", size)
    ImageDraw.Draw(alone).polygon(corners, fill=1)
    return np.asarray(alone)


def littered(seed: int, size: tuple[int, int] = (200, 150)) -> Image.Image:
    """Ellipses of chance over one another, some of them cut off, and noise."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", size, tuple(int(level) for level in rng.integers(0, 256, 3)))
    for _ in range(int(rng.integers(1, 30))):
        x, y, width, height = (int(each) for each in rng.integers(-20, size[0], 4))
        box = (x, y, x + abs(width) // 3 + 4, y + abs(height) // 3 + 4)
        ImageDraw.Draw(image).ellipse(box, fill=tuple(int(level) for level in rng.integers(0, 256, 3)))
    return Image.blend(image, Image.effect_noise(size, 60).convert("RGB"), 0.15)


@pytest.mark.parametrize("seed", range(8))
def test_proposals_are_sound_whatever_the_picture(segmenter: Segmenter, seed: int) -> None:
    image = littered(seed)
    found = segmenter.segment(image, None, size=(400, 300))
    assert len(found) <= MOST_PROPOSED
    assert all(mask.shape == (300, 400) and mask.dtype == np.bool_ and mask.any() for mask in found)
    areas = [int(mask.sum()) for mask in found]
    assert areas == sorted(areas, reverse=True)
    # They were told apart on the small copy, and are as large as that here and there.
    assert all(iou(one, other) <= SAME + 0.02 for place, one in enumerate(found) for other in found[:place])
    again = segmenter.segment(image, None, size=(400, 300))
    assert all(np.array_equal(one, other) for one, other in zip(found, again, strict=True))


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 7), (3, 3), (5, 400), (64, 64)])
@pytest.mark.parametrize("noisy", [False, True])
def test_tiny_and_plain_pictures_are_looked_at(segmenter: Segmenter, size: tuple[int, int], noisy: bool) -> None:
    image = (Image.effect_noise(size, 50) if noisy else Image.new("L", size, 9)).convert("RGB")
    found = segmenter.segment(image, None)
    assert all(mask.shape == size[::-1] and mask.any() for mask in found)
    assert noisy or not found  # nothing stands out of what is plain


@pytest.mark.parametrize("bar", [(60, 40, 25), (230, 190, 90)])
def test_a_framed_thing_is_found_with_its_frame_and_without(segmenter: Segmenter, bar: tuple[int, int, int]) -> None:
    """Seen aslant, with a picture of two colours: one piece with its frame for what stands out from the wall."""
    size = (480, 360)
    image = Image.new("RGB", size, WALL)
    frame = drawn(size, (120, 70), (370, 90), (360, 300), (110, 280))
    inside = drawn(size, (138, 90), (352, 107), (343, 281), (128, 262))
    ImageDraw.Draw(image).polygon([(120, 70), (370, 90), (360, 300), (110, 280)], fill=bar)
    ImageDraw.Draw(image).polygon([(138, 90), (352, 107), (343, 281), (128, 262)], fill=(60, 110, 170))
    ImageDraw.Draw(image).ellipse((190, 140, 290, 240), fill=(40, 130, 60))
    found = segmenter.segment(image, None)
    assert max(iou(mask, frame) for mask in found) > 0.9
    assert max(iou(mask, inside) for mask in found) > 0.9


def test_what_a_frame_of_the_wall_s_colour_holds_is_found(segmenter: Segmenter) -> None:
    """A ring: what it encloses is of the wall's own colour."""
    size = (480, 360)
    image = Image.new("RGB", size, WALL)
    ImageDraw.Draw(image).rectangle((120, 70, 360, 290), fill=(40, 30, 30))
    ImageDraw.Draw(image).rectangle((145, 95, 335, 265), fill=WALL)
    ImageDraw.Draw(image).ellipse((200, 140, 280, 220), fill=(200, 40, 40))
    found = segmenter.segment(image, None)
    assert max(iou(mask, drawn(size, (120, 70), (360, 70), (360, 290), (120, 290))) for mask in found) > 0.9
    assert max(iou(mask, drawn(size, (145, 95), (335, 95), (335, 265), (145, 265))) for mask in found) > 0.85


def test_what_one_side_cuts_off_is_found_to_the_edge(segmenter: Segmenter) -> None:
    image = Image.new("RGB", (480, 360), WALL)
    ImageDraw.Draw(image).ellipse((360, 90, 600, 270), fill=(180, 60, 50))
    alone = Image.new("1", image.size)
    ImageDraw.Draw(alone).ellipse((360, 90, 600, 270), fill=1)
    mask = np.asarray(alone)
    found = max(segmenter.segment(image, None), key=lambda one: iou(one, mask))
    assert iou(found, mask) > 0.9
    assert found[120:240, -1].all()
    assert not ground(np.asarray(image))[120:240, -1].any()
    plain = open_segmenter("grabcut").segment(image, None)
    assert not any(one[120:240, -1].any() for one in plain)


def test_the_ground_is_most_of_the_rim_whatever_is_there() -> None:
    rng = np.random.default_rng(0)
    for shape in ((3, 3, 3), (1, 1, 3), (40, 60, 3), (200, 90, 3)):
        quarters = rng.integers(0, 256, shape).astype(np.uint8)
        kept = ground(quarters)
        assert kept.any()
        assert kept.shape == shape[:2]


def test_what_may_be_a_frame() -> None:
    slanted = drawn((200, 150), (40, 30), (150, 45), (145, 120), (35, 100))
    assert is_framing(slanted)
    assert not is_framing(slanted & ~drawn((200, 150), (95, 70), (200, 40), (200, 120)))
    assert not is_framing(drawn((200, 150), (40, 30), (150, 45), (35, 100)))


def test_holes_are_filled_and_bays_are_not() -> None:
    ring = np.zeros((60, 80), np.bool_)
    ring[10:50, 10:70] = True
    whole = ring.copy()
    ring[20:40, 20:60] = False
    assert np.array_equal(filled(ring), whole)
    ring[30, 60:] = False  # a way out
    assert np.array_equal(filled(ring), ring)
