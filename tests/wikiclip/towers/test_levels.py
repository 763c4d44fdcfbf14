"""The pooled vector of several depths against loops over channels and cells."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.wikiclip.small_models import Backbones, close
from wikiclip.base.errors import WikiClipError
from wikiclip.presets import PooledLevels
from wikiclip.towers.levels import LevelsTower, forward_levels, pool_levels
from wikiclip.towers.loading import open_vision_tower
from wikiclip.towers.vision import VisionTower

LEVELS = PooledLevels(stages=(1, 3), weight=0.5, power=3.0)


@pytest.fixture(scope="module")
def encoder(vision_backbone: Backbones) -> VisionTower:
    torch.manual_seed(0)
    return open_vision_tower(replace(vision_backbone("timm-cnn"), levels=LEVELS))


def test_it_is_pooled_under_the_mask_that_it_is_shown(encoder: VisionTower) -> None:
    assert isinstance(encoder, LevelsTower)
    assert encoder.uses_mask


def pixels(count: int = 2) -> Tensor:
    return torch.randint(0, 256, (count, 3, 64, 64), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def left_half(count: int = 2) -> Tensor:
    inside_BHW = torch.zeros(count, 64, 64)
    inside_BHW[:, :, :32] = 1
    return inside_BHW


def slow_mean(map_CHW: np.ndarray, share_HW: np.ndarray) -> np.ndarray:
    channels, height, width = map_CHW.shape
    return np.array(
        [
            sum(map_CHW[c, y, x] * share_HW[y, x] for y in range(height) for x in range(width)) / share_HW.sum()
            for c in range(channels)
        ]
    )


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("power", [1.0, 3.0])
def test_pooling_is_what_loops_over_cells_say(power: float) -> None:
    generator = torch.Generator().manual_seed(0)
    last_BCHW, early_BCHW = torch.rand(1, 6, 2, 2, generator=generator), torch.randn(1, 4, 4, 4, generator=generator)
    inside_BHW = torch.rand(1, 8, 8, generator=generator)
    levels = replace(LEVELS, stages=(0,), power=power)
    ours_W = pool_levels(last_BCHW, [early_BCHW], inside_BHW, levels)[0].numpy()

    inside_HW = inside_BHW[0].double().numpy()
    at_2 = inside_HW.reshape(2, 4, 2, 4).mean(axis=(1, 3))
    at_4 = inside_HW.reshape(4, 2, 4, 2).mean(axis=(1, 3))
    last = slow_mean(last_BCHW[0].double().numpy() ** power, at_2) ** (1 / power)
    early = slow_mean(early_BCHW[0].double().numpy(), at_4)
    np.testing.assert_allclose(ours_W, np.concatenate([unit(last), 0.5 * unit(early)]), rtol=1e-4)


@pytest.mark.usefixtures("float32")
def test_the_last_map_is_timm_s_own(encoder: VisionTower) -> None:
    trunk, x_BCHW = encoder.network.trunk, pixels().float() / 255
    with torch.inference_mode():
        last_BCHW, earlier = forward_levels(trunk, x_BCHW, LEVELS)
        theirs_BCHW = trunk.forward_features(x_BCHW)
    assert close(last_BCHW, theirs_BCHW)
    assert len(earlier) == 2


@pytest.mark.usefixtures("float32")
def test_only_what_lies_under_the_mask_is_pooled(encoder: VisionTower) -> None:
    seen = encoder(pixels(), left_half())
    grid_BP = left_half()[:, ::32, ::32].reshape(2, 4)
    assert close(seen.pooled_BW, encoder.pool(seen, grid_BP))
    other = encoder(pixels(), 1 - left_half())
    assert not close(seen.pooled_BW, other.pooled_BW, 1e-2)

    changed_BPV = torch.where(grid_BP[..., None] > 0, seen.patches_BPV, 7.0)
    maps = tuple(map_BCHW.clone() for map_BCHW in seen.earlier_maps)
    for map_BCHW in maps:
        map_BCHW[..., map_BCHW.shape[-1] // 2 :] = 7.0
    changed = replace(seen, patches_BPV=changed_BPV, earlier_maps=maps)
    assert close(encoder.pool(changed, grid_BP), seen.pooled_BW)


@pytest.mark.usefixtures("float32")
def test_without_a_mask_everything_counts(encoder: VisionTower) -> None:
    assert torch.equal(encoder(pixels()).pooled_BW, encoder(pixels(), torch.ones(2, 64, 64)).pooled_BW)


def test_each_depth_counts_what_the_preset_says(encoder: VisionTower) -> None:
    pooled_BW = encoder(pixels(), left_half()).pooled_BW
    assert pooled_BW.shape == (2, encoder.pooled_width)
    ends = np.cumsum([encoder.patch_width, *(map_BCHW.shape[1] for map_BCHW in encoder(pixels()).earlier_maps)])
    assert ends[-1] == encoder.pooled_width
    lengths = [part.norm(dim=-1) for part in torch.tensor_split(pooled_BW, ends[:-1].tolist(), dim=1)]
    torch.testing.assert_close(torch.stack(lengths), torch.tensor([[1.0] * 2, [0.5] * 2, [0.5] * 2]))


def test_an_empty_mask_gives_numbers(encoder: VisionTower) -> None:
    assert torch.isfinite(encoder(pixels(), torch.zeros(2, 64, 64)).pooled_BW).all()


@pytest.mark.parametrize("narrow", [True, False])
def test_an_optimized_tower_gives_the_same_bits_in_batches_of_any_size(
    encoder: VisionTower, narrow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in ("wikiclip.towers.vision", "wikiclip.base.precision"):
        monkeypatch.setattr(f"{user}.bf16_pays", lambda _: narrow)
    optimized = copy.deepcopy(encoder)
    optimized.optimize_for_inference()
    assert list(optimized.state_dict()) == list(encoder.state_dict())
    for count in (1, 2, 5, 3):
        before, after = encoder(pixels(count), left_half(count)), optimized(pixels(count), left_half(count))
        assert torch.equal(before.pooled_BW, after.pooled_BW)
        assert torch.equal(before.patches_BPV, after.patches_BPV)
        assert len(before.earlier_maps) == len(after.earlier_maps)
        assert all(map(torch.equal, before.earlier_maps, after.earlier_maps))


def test_an_optimized_tower_can_be_copied_and_the_copy_optimized(encoder: VisionTower) -> None:
    optimized = copy.deepcopy(encoder)
    optimized.optimize_for_inference()
    copied = copy.deepcopy(optimized)
    for _ in range(2):
        assert torch.equal(copied(pixels()).pooled_BW, encoder(pixels()).pooled_BW)
        copied.optimize_for_inference()


@pytest.mark.parametrize("stages", [(), (5,), (-1,)])
def test_depths_that_the_trunk_has_not_are_refused(vision_backbone: Backbones, stages: tuple[int, ...]) -> None:
    with pytest.raises(WikiClipError, match="the trunk has 0 to 4"):
        open_vision_tower(replace(vision_backbone("timm-cnn"), levels=PooledLevels(stages=stages)))


@pytest.mark.parametrize("name", ["vit-token", "timm-vit-token", "timm-swin"])
def test_other_towers_have_no_depths(vision_backbone: Backbones, name: str) -> None:
    with pytest.raises(WikiClipError, match="Only a trunk of the kind EfficientNet"):
        open_vision_tower(replace(vision_backbone(name), levels=LEVELS))
