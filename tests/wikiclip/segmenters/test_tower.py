"""The segmenter that looks at a vision tower's maps: any picture gets masks, and things are told from their like."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from wikiclip.base.errors import WikiClipError
from wikiclip.masks import Mask, bounds
from wikiclip.presets import PRESETS, VisionBackbone
from wikiclip.segmenters import Box, Point, Segmenter, open_segmenter
from wikiclip.segmenters.cells import Cells
from wikiclip.segmenters.segmenter import MOST_OF_A_POINT, SAME
from wikiclip.towers.loading import open_vision_tower
from wikiclip.towers.vision import VisionTower


@pytest.fixture(scope="module")
def tower() -> VisionTower:
    return open_vision_tower(PRESETS["tiny"].vision)


@pytest.fixture(scope="module")
def segmenter(tower: VisionTower) -> Segmenter:
    return open_segmenter("tower", tower=tower)


def iou(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / (one | other).sum())


def striped() -> tuple[Image.Image, Mask]:
    """A disc of stripes on plain ground of one of the stripes' colours: its colours alone do not tell it."""
    image, alone = Image.new("RGB", (480, 360), (190, 190, 185)), Image.new("1", (480, 360))
    stripes = image.copy()
    for left in range(0, 480, 24):
        ImageDraw.Draw(stripes).rectangle((left, 0, left + 11, 360), fill=(40, 60, 120))
    ImageDraw.Draw(alone).ellipse((140, 80, 340, 280), fill=1)
    image.paste(stripes, mask=alone)
    return image, np.asarray(alone)


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 7), (3, 3), (5, 400), (64, 64), (700, 500)])
@pytest.mark.parametrize("noisy", [False, True])
def test_every_picture_gets_masks_of_its_size(segmenter: Segmenter, size: tuple[int, int], noisy: bool) -> None:
    width, height = size
    image = (Image.effect_noise(size, 50) if noisy else Image.new("L", size, 9)).convert("RGB")
    for prompt in (Point(width - 1, height - 1), Point(0, 0), Box(0, 0, width, height), Box(0, 0, 1, 1)):
        masks = segmenter.segment(image, prompt)
        assert 1 <= len(masks) <= (MOST_OF_A_POINT if isinstance(prompt, Point) else 1)
        for mask in masks:
            assert (mask.shape, mask.dtype) == ((height, width), np.bool_)
            assert mask.any()
            if isinstance(prompt, Point):
                assert mask[prompt.y, prompt.x]
            else:
                assert not mask[prompt.bottom :].any()
                assert not mask[:, prompt.right :].any()


def test_a_box_finds_a_thing_in_colours_of_its_ground(segmenter: Segmenter) -> None:
    image, mask = striped()
    left, top, right, bottom = bounds(mask)
    box = Box(left - 10, top - 10, right + 10, bottom + 10)
    (found,) = segmenter.segment(image, box)
    (plain,) = open_segmenter("grabcut").segment(image, box)
    assert iou(found, mask) > iou(plain, mask) + 0.1


def test_the_masks_of_a_click_are_told_apart(segmenter: Segmenter) -> None:
    image = Image.new("RGB", (480, 360), (120, 160, 200))
    ImageDraw.Draw(image).ellipse((90, 30, 390, 330), fill=(200, 60, 40))
    ImageDraw.Draw(image).ellipse((200, 140, 280, 220), fill=(240, 220, 60))
    masks = segmenter.segment(image, Point(240, 180))
    assert len(masks) > 1
    assert all(iou(one, other) <= SAME for i, one in enumerate(masks) for other in masks[:i])


def test_equal_pictures_get_equal_masks(segmenter: Segmenter) -> None:
    image, _ = striped()
    for prompt in (Point(240, 180), Box(120, 60, 360, 300), None):
        first, again = segmenter.segment(image, prompt), segmenter.segment(image, prompt)
        assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))


def test_a_tower_that_takes_squares_only_is_looked_at_too() -> None:
    vit = open_vision_tower(VisionBackbone(architecture="ViT-S-32", weights="random", image_size=64))
    pixels_1CHW = torch.randint(0, 255, (1, 3, 90, 160), dtype=torch.uint8)
    (map_1Chw,) = vit.maps(pixels_1CHW)
    assert map_1Chw.shape == (1, vit.patch_width, vit.grid, vit.grid)
    image, _ = striped()
    (mask,) = open_segmenter("tower", tower=vit).segment(image, Box(120, 60, 360, 300))
    assert 0 < mask.sum() <= 240 * 240


def test_a_map_covers_the_picture_whatever_its_shape(tower: VisionTower) -> None:
    pixels_1CHW = torch.zeros(1, 3, 96, 320, dtype=torch.uint8)
    assert [map_1Chw.shape[2:] for map_1Chw in tower.maps(pixels_1CHW)] == [(6, 20), (6, 20), (3, 10)]


def test_cells_follow_a_map_where_colours_are_plain() -> None:
    map_hwC = np.zeros((15, 20, 4), dtype=np.float32)
    map_hwC[4:11, 6:14] = (1, 0, 2, 0)
    outside_HW = np.ones((30, 40), dtype=np.bool_)
    outside_HW[5:25, 8:32] = False
    cells = Cells.of(np.full((240, 320, 3), 128, dtype=np.uint8), [map_hwC])
    inside_HW = cells.within(outside_HW) > 0.5
    truth = np.zeros_like(inside_HW)
    truth[8:22, 12:28] = True
    assert iou(inside_HW, truth) > 0.8
    assert iou(cells.around(20, 15, 5) > 0.5, truth) > 0.8


def test_without_a_tower_it_says_what_to_do() -> None:
    with pytest.raises(WikiClipError, match="grabcut"):
        open_segmenter("tower")
