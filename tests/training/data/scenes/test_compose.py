"""Scenes made of stamps that the tests draw themselves."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from training.data.scenes.compose import SceneConfig, compose
from training.data.scenes.features import SceneSet

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}


@pytest.fixture
def stamps(tmp_path):
    for name, colour in COLOURS.items():
        stamp = Image.new("RGBA", (200, 120), (0, 0, 0, 0))
        ImageDraw.Draw(stamp).ellipse((10, 10, 190, 110), fill=(*colour, 255))
        stamp.save(tmp_path / f"{name}.png")
    return tmp_path


def test_a_mask_covers_its_stamp_and_no_other(stamps):
    config = SceneConfig(colour=0.0)
    for seed in range(10):
        scene = compose([stamps / f"{name}.png" for name in COLOURS], [seed], config)
        pixels = np.asarray(scene.picture).astype(int)
        assert scene.placed[0].path.stem == "red"
        assert scene.placed[0].visible == 1.0, "the target is laid last"
        for placed in scene.placed:
            inside = np.median(pixels[placed.mask], axis=0)
            assert np.abs(inside - COLOURS[placed.path.stem]).max() <= 2
        together = np.sum([placed.mask for placed in scene.placed], axis=0)
        assert together.max() == 1, "masks of one scene do not overlap"


def test_what_is_covered_too_far_is_no_mention(stamps):
    config = SceneConfig(size=(200, 160), stamp=(0.8, 0.9), visible=0.6)
    scenes = [compose([stamps / f"{name}.png" for name in COLOURS], [seed], config) for seed in range(10)]
    assert all(placed.visible >= 0.6 for scene in scenes for placed in scene.placed)
    assert any(len(scene.placed) < len(COLOURS) for scene in scenes)


def test_a_set_of_scenes_is_settled_by_its_seed_and_keeps_to_its_pool(stamps):
    pool = SceneSet(name="t", root=stamps, stamps=("red.png", "blue.png"), per_stamp=3, seed=5)
    again = SceneSet(name="t", root=stamps, stamps=("red.png", "blue.png"), per_stamp=3, seed=5)
    other = SceneSet(name="t", root=stamps, stamps=("red.png", "blue.png"), per_stamp=3, seed=6)
    assert len(pool) == 6
    for number in range(6):
        scene = pool.scene(number)
        assert {placed.path.name for placed in scene.placed} <= {"red.png", "blue.png"}
        assert scene.picture.tobytes() == again.scene(number).picture.tobytes()
        assert scene.picture.tobytes() != other.scene(number).picture.tobytes()
