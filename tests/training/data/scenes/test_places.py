"""Parts of photographs that the tests draw, and scenes that stand on them."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.default_data.needs import PLACES as NEEDED
from training.data.scenes.compose import SceneConfig, compose
from training.data.scenes.features import SceneSet
from training.data.scenes.places import PACKAGES, PLACES, cut_place
from wikiclip.base.errors import WikiClipError
from wikiclip.segmenters.grabcut import GrabCut

SHORE = (20, 120, 90)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, size in {"wide.jpg": (2000, 700), "high.png": (300, 900)}.items():
        Image.new("RGB", size, SHORE).save(tmp_path / name)
    Image.new("RGBA", (60, 40), (255, 0, 0, 255)).save(tmp_path / "stamp.png")
    return tmp_path


@pytest.mark.parametrize("seed", range(8))
def test_a_part_lies_wholly_in_a_photograph_and_has_the_scene_s_size(root: Path, seed: int):
    part = cut_place([root / "wide.jpg", root / "high.png"], np.random.default_rng(seed), 320, 240)
    assert (part.size, part.mode) == ((320, 240), "RGB")
    assert np.abs(np.asarray(part).astype(int) - SHORE).max() <= 3


def test_parts_differ_and_are_settled_by_the_seed(root: Path):
    noise = np.random.default_rng(0).integers(0, 255, (400, 600, 3), np.uint8)
    Image.fromarray(noise).save(root / "noise.png")
    cut = [cut_place([root / "noise.png"], np.random.default_rng(seed), 64, 48).tobytes() for seed in (1, 1, 2)]
    assert cut[0] == cut[1] != cut[2]


def test_a_place_that_is_missing_is_said(tmp_path: Path):
    with pytest.raises(WikiClipError, match="fetch --places` fetches it"):
        cut_place([tmp_path / "none.jpg"], np.random.default_rng(0), 64, 48)


def test_stamps_stand_on_it(root: Path):
    backdrop = partial(cut_place, [root / "wide.jpg"])
    scene = compose([root / "stamp.png"], [3], SceneConfig(size=(160, 120), colour=0.0), backdrop)
    outside = np.asarray(scene.picture).astype(int)[~scene.placed[0].mask]
    assert np.median(np.abs(outside - SHORE)) <= 3


def test_a_set_s_marks_are_the_same_at_each_call(root: Path):
    scenes = SceneSet(
        name="t",
        root=root,
        stamps=("stamp.png",),
        per_stamp=2,
        seed=5,
        places_root=root,
        places=("wide.jpg",),
        mark="brush",
    )
    first, again = (scenes.marked(1, scenes.scene(1), GrabCut()) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], scenes.scene(1).placed[0].mask)


def test_every_place_is_named_once_and_its_package_is_fetched():
    assert len(set(PLACES)) == len(PLACES) == 29
    assert set(PACKAGES) == set(NEEDED)
